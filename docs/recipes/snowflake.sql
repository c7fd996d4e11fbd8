-- Snowflake: stage, pipe, and a view of complete hours. Run tables/snowflake.sql first.
-- ACCOUNT is the storage account, raw the container, TENANT your Entra tenant.

-- 1. The stage. DESC STORAGE INTEGRATION prints an AZURE_CONSENT_URL to open once; then give the application that it
--    names the role Storage Blob Data Reader on the container.
CREATE STORAGE INTEGRATION raw_events
  TYPE = EXTERNAL_STAGE
  STORAGE_PROVIDER = 'AZURE'
  ENABLED = TRUE
  AZURE_TENANT_ID = 'TENANT'
  STORAGE_ALLOWED_LOCATIONS = ('azure://ACCOUNT.blob.core.windows.net/raw/');
DESC STORAGE INTEGRATION raw_events;
CREATE STAGE raw_events
  URL = 'azure://ACCOUNT.blob.core.windows.net/raw/'
  STORAGE_INTEGRATION = raw_events;

-- 2. Each row keeps the file that it came from, and when that was written.
ALTER TABLE events ADD COLUMN file_name VARCHAR;
ALTER TABLE events ADD COLUMN file_time TIMESTAMP_NTZ;
CREATE TABLE markers (content VARIANT, file_name VARCHAR, file_time TIMESTAMP_NTZ);

-- 3. Load. Snowflake skips a file that it has loaded, and loads it again if it has changed: after a backfill, a table has
--    the rows of both versions, until the view of step 4 chooses. The pattern has the whole name: [0-9]+ leaves out merged
--    ids, which begin with a hyphen, and markers.
COPY INTO events
  FROM @raw_events
  PATTERN = '(.*/)?[0-9]+_[^/]*[.]json[.]gz'
  FILE_FORMAT = (TYPE = JSON COMPRESSION = GZIP)
  MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE
  INCLUDE_METADATA = (file_name = METADATA$FILENAME, file_time = METADATA$FILE_LAST_MODIFIED);
COPY INTO markers
  FROM (SELECT $1, METADATA$FILENAME, METADATA$FILE_LAST_MODIFIED FROM @raw_events)
  PATTERN = '(.*/)?[0-9]+_[^/]*_complete'
  FILE_FORMAT = (TYPE = JSON);
-- To load automatically, make a pipe of each statement: CREATE PIPE … AUTO_INGEST = TRUE INTEGRATION = … AS COPY INTO …
-- (Event Grid sends the names of new blobs to a queue, and a notification integration reads it.)

-- 4. Complete hours, in their last version: the newest marker of an hour names its parts, and of each part the newest
--    version counts. Late parts appear with the next marker; a part that a backfill has removed disappears.
CREATE VIEW complete_events AS
WITH hours AS (
  SELECT content
  FROM markers
  QUALIFY ROW_NUMBER() OVER (PARTITION BY file_name ORDER BY file_time DESC) = 1
),
parts AS (
  SELECT part.value:name::VARCHAR AS name
  FROM hours, LATERAL FLATTEN(INPUT => hours.content:parts) AS part
)
SELECT events.*
FROM events
JOIN parts ON events.file_name = parts.name
QUALIFY events.file_time = MAX(events.file_time) OVER (PARTITION BY events.file_name);

-- 5. uuid is the key. An event that landed in two hours is in both: across hours, take one of each uuid.
SELECT COUNT(*), COUNT(DISTINCT uuid), MAX(server_upload_time)
FROM complete_events
WHERE "$insert_id" IS NOT NULL AND data:path::VARCHAR IS NOT NULL;
