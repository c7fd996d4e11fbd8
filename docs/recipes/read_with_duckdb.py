"""Read events with DuckDB: python read_with_duckdb.py FOLDER. The folder is the one of download.py."""

import sys
from pathlib import Path

import duckdb
from columns import EVENTS

# With explicit types: detection would guess them from the first rows, and differently for each file.
TYPES = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "time": "TIMESTAMP",  # UTC
    "uuid": "UUID",
    "json": "JSON",
}


def events(folder: Path) -> duckdb.DuckDBPyRelation:
    """Return the events of all hours in a folder; its columns are those of tables/duckdb.sql."""
    # The whole beginning of a name, with its separator: *_1#* is hour 1, *_1* would be 10 to 19, too.
    files = sorted(map(str, folder.rglob("[0-9]*[#_]*.json.gz")))
    columns = {name: TYPES[kind] for name, kind in EVENTS.items()}
    return duckdb.sql("SELECT * FROM read_ndjson($1, columns = $2)", params=[files, columns])


if __name__ == "__main__":
    rows = events(Path(sys.argv[1]))
    print(
        duckdb.sql("""
            SELECT
                count(*) AS rows,
                count(DISTINCT uuid) AS uuids,
                max(amplitude_id) AS largest_amplitude_id,
                strftime(max(server_upload_time), '%Y-%m-%dT%H:%M:%S.%fZ') AS last_upload,
                count(data->>'path') AS with_path
            FROM rows
        """).fetchall()[0]
    )
