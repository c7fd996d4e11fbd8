-- Fabric: a Lakehouse with a shortcut to the container (New shortcut > Azure Blob Storage, named raw), and these statements
-- of Spark SQL in a notebook. Run tables/spark.sql first. For Python in a notebook: read_with_pyspark.py with Files/raw.

-- 1. Each line as text: objects are parsed below, and a file is read as it is, whatever its keys. The pattern leaves out
--    merged ids, which begin with a hyphen, and markers.
CREATE OR REPLACE TEMPORARY VIEW lines
USING text
OPTIONS (path 'Files/raw', recursiveFileLookup 'true', pathGlobFilter '[0-9]*.json.gz');

-- 2. A view has each event once: late parts, and events that landed in two hours.
CREATE OR REPLACE TEMPORARY VIEW landed AS
SELECT
  get_json_object(value, '$.uuid') AS uuid,
  get_json_object(value, '$.event_type') AS event_type,
  CAST(get_json_object(value, '$.amplitude_id') AS BIGINT) AS amplitude_id,
  CAST(get_json_object(value, '$.server_upload_time') AS TIMESTAMP) AS server_upload_time,
  CAST(get_json_object(value, '$.event_time') AS TIMESTAMP) AS event_time,
  get_json_object(value, '$.data') AS data,
  get_json_object(value, '$.event_properties') AS event_properties
FROM lines;

-- 3. Again and again: rows that are new. A backfill that changes rows needs its hours deleted first.
MERGE INTO events
USING (SELECT DISTINCT * FROM landed) AS landed
ON events.uuid = landed.uuid AND events.server_upload_time = landed.server_upload_time
WHEN NOT MATCHED THEN INSERT (uuid, event_type, amplitude_id, server_upload_time, event_time, data, event_properties)
VALUES (
  landed.uuid, landed.event_type, landed.amplitude_id, landed.server_upload_time, landed.event_time, landed.data,
  landed.event_properties
);

SELECT COUNT(*), COUNT(DISTINCT uuid), MAX(server_upload_time) FROM events WHERE get_json_object(data, '$.path') IS NOT NULL;
