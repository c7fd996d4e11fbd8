"""Read events with PyArrow, and write Parquet: python read_with_pyarrow.py FOLDER [PARQUET_FOLDER]."""

import gzip
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from columns import EVENTS

# pyarrow.json.read_json makes structs of objects, and fails if a key has values of several types. So the
# lines are parsed here, and objects become JSON text.
TYPES = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "time": pa.timestamp("us", "UTC"),
    "uuid": pa.string(),
    "json": pa.string(),
}
SCHEMA = pa.schema([(name, TYPES[kind]) for name, kind in EVENTS.items()])


def hours(folder: Path) -> Iterator[tuple[str, pa.Table]]:
    """Yield the name of each file and its events."""
    for path in sorted(folder.rglob("[0-9]*[#_]*.json.gz")):
        with gzip.open(path) as lines:
            rows = [converted(json.loads(line)) for line in lines]
        yield path.name, pa.Table.from_pylist(rows, SCHEMA)


def converted(row: dict) -> dict:
    """Return a row with times, and with JSON text in place of objects."""
    for name, kind in EVENTS.items():
        if kind == "json" and row[name] is not None:
            row[name] = json.dumps(row[name], ensure_ascii=False)
        elif kind == "time" and row[name] is not None:
            row[name] = datetime.fromisoformat(row[name])
    return row


if __name__ == "__main__":
    tables = dict(hours(Path(sys.argv[1])))
    for name, table in tables.items() if sys.argv[2:] else ():
        Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
        pq.write_table(table, Path(sys.argv[2], name.replace("#", "_").replace(".json.gz", ".parquet")))
    table = pa.concat_tables(tables.values())
    print(
        (
            len(table),
            pc.count_distinct(table["uuid"]).as_py(),
            pc.max(table["amplitude_id"]).as_py(),
            f"{pc.max(table['server_upload_time']).as_py():%Y-%m-%dT%H:%M:%S.%fZ}",
            pc.sum(pc.match_substring(table["data"], '"path": ')).as_py(),
        )
    )
