-- Synapse serverless SQL: a view of the files. Choose path_layout "hive" for the destination: its folders are columns, so
-- that a query reads only the hours that it names, and name_style "safe": the # of other names begins a fragment in a URL.
-- Your own identity reads the container: it needs the role Storage Blob Data Reader.

CREATE EXTERNAL DATA SOURCE raw WITH (LOCATION = 'https://ACCOUNT.blob.core.windows.net/raw');
GO
-- Each line is one value, because no line has the character 0x0b. *.json.gz leaves out the markers.
CREATE OR ALTER VIEW events AS
SELECT
    files.filepath(1) AS [date],
    files.filepath(2) AS [hour],
    event.*
FROM OPENROWSET(
    BULK 'project_id=187520/date=*/hour=*/*.json.gz',
    DATA_SOURCE = 'raw',
    FORMAT = 'CSV',
    FIELDTERMINATOR = '0x0b',
    FIELDQUOTE = '0x0b',
    ROWTERMINATOR = '0x0a'
) WITH (line NVARCHAR(MAX)) AS files
CROSS APPLY OPENJSON(files.line) WITH (
    [uuid] UNIQUEIDENTIFIER '$.uuid',
    [insert_id] NVARCHAR(1000) '$."$insert_id"',
    [event_type] NVARCHAR(1000) '$.event_type',
    [amplitude_id] BIGINT '$.amplitude_id',
    [user_id] NVARCHAR(1000) '$.user_id',
    [server_upload_time] DATETIME2(6) '$.server_upload_time',
    [event_time] DATETIME2(6) '$.event_time',
    [data] NVARCHAR(MAX) '$.data' AS JSON,
    [event_properties] NVARCHAR(MAX) '$.event_properties' AS JSON,
    [user_properties] NVARCHAR(MAX) '$.user_properties' AS JSON
) AS event;
GO
-- The view reads what is there: late parts and backfills need no loading, and hour 01 is no prefix of hours 10 to 19. While
-- an hour is replaced, it may have fewer rows: ask for hours whose marker is there. Across hours, uuid is the key.
SELECT COUNT(*), COUNT(DISTINCT uuid), MAX(server_upload_time)
FROM events
WHERE [date] = '2026-01-31' AND [hour] = '05' AND JSON_VALUE(data, '$.path') IS NOT NULL;
