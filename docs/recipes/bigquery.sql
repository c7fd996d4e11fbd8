-- BigQuery: a transfer from Azure, and a view of each event once. Run tables/bigquery.sql in the dataset raw_events first.
--
-- 1. The transfer appends the rows of new and changed files every hour:
--
--    bq mk --transfer_config --data_source=azure_blob_storage --target_dataset=raw_events --display_name=raw_events \
--      --schedule='every 1 hours' --params='{
--        "destination_table_name_template": "events", "storage_account": "ACCOUNT", "container": "raw",
--        "data_path": "187520_*.json.gz", "sas_token": "SAS", "file_format": "JSON", "ignore_unknown_values": "true"}'
--
--    187520_ leaves out merged ids, which begin with a hyphen, and .json.gz the markers. Names of columns have no $ in
--    BigQuery, so $insert_id and $schema are unknown values, which are ignored; uuid is the key.

-- 2. A file that has changed is loaded again: after a backfill, and after late merged ids, a table has both versions.
--    Late parts are new files. So take one row of each uuid, the one that was processed last.
CREATE OR REPLACE VIEW raw_events.events_once AS
SELECT *
FROM raw_events.events
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY uuid ORDER BY processed_time DESC) = 1;

-- 3. The transfer knows no markers. An hour is complete if its marker is there, or GET /hours says exported or empty.
--    Rows that a backfill no longer exports, because of another filter, stay until their hour is deleted and loaded again:
DELETE FROM raw_events.events
WHERE server_upload_time >= TIMESTAMP '2026-01-31 05:00:00+00' AND server_upload_time < TIMESTAMP '2026-01-31 06:00:00+00';

SELECT COUNT(*), COUNT(DISTINCT uuid), MAX(server_upload_time)
FROM raw_events.events_once
WHERE JSON_VALUE(data, '$.path') IS NOT NULL;
