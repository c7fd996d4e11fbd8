"""Read events with chDB (ClickHouse): python read_with_chdb.py FOLDER, the folder of download.py."""

import json
import sys

import chdb
from columns import EVENTS

TYPES = {
    "string": "Nullable(String)",
    "integer": "Nullable(Int64)",
    "number": "Nullable(Float64)",
    "boolean": "Nullable(Bool)",
    "time": "Nullable(DateTime64(6, ''UTC''))",  # within a text of SQL: quotes are doubled
    "uuid": "UUID",
    "json": "Nullable(String)",  # JSON text
}


def events(folder: str) -> str:
    """Return the table function of ClickHouse that has the events of all hours in a folder."""
    columns = ", ".join(f"`{name}` {TYPES[kind]}" for name, kind in EVENTS.items())
    # Names of events begin with a digit, names of merged ids with a hyphen.
    return f"file('{folder}/**/{{1,2,3,4,5,6,7,8,9}}*.json.gz', 'JSONEachRow', '{columns}')"


if __name__ == "__main__":
    answer = chdb.query(
        f"""
        SELECT
            count() AS rows,
            uniqExact(uuid) AS uuids,
            max(amplitude_id) AS largest_amplitude_id,
            formatDateTime(max(server_upload_time), '%Y-%m-%dT%H:%i:%S.%fZ') AS last_upload,
            countIf(JSONHas(data, 'path')) AS with_path
        FROM {events(sys.argv[1])}
        SETTINGS date_time_input_format = 'best_effort', output_format_json_quote_64bit_integers = 0
        """,
        "JSONCompactEachRow",
    )
    print(tuple(json.loads(str(answer))))
