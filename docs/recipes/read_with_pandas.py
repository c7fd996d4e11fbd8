"""Read events with pandas: python read_with_pandas.py FOLDER. The folder is the one of download.py."""

import gzip
import json
import sys
from pathlib import Path

import pandas as pd
from columns import EVENTS

# Nullable types: pandas' own turn integers with a null into floats, and so change long ids. read_json does
# the same, and makes numbers of texts such as "007" in user_id.
TYPES = {
    "string": "string",
    "integer": "Int64",
    "number": "Float64",
    "boolean": "boolean",
    "uuid": "string",
    "json": "object",  # dictionaries and lists
}


def events(folder: Path) -> pd.DataFrame:
    """Return the events of all hours in a folder."""
    rows = []
    for path in sorted(folder.rglob("[0-9]*[#_]*.json.gz")):
        with gzip.open(path) as lines:
            rows += map(json.loads, lines)
    columns = {}
    for name, kind in EVENTS.items():
        values = [row[name] for row in rows]
        if kind == "time":
            columns[name] = pd.to_datetime(pd.Series(values, dtype="string"), format="ISO8601", utc=True)
        else:
            columns[name] = pd.Series(values, dtype=TYPES[kind])
    return pd.DataFrame(columns)


if __name__ == "__main__":
    frame = events(Path(sys.argv[1]))
    print(
        (
            len(frame),
            frame["uuid"].nunique(),
            int(frame["amplitude_id"].max()),
            f"{frame['server_upload_time'].max():%Y-%m-%dT%H:%M:%S.%fZ}",
            int(frame["data"].map(lambda data: "path" in data).sum()),
        )
    )
