"""Read events with Polars: python read_with_polars.py FOLDER. The folder is the one of download.py."""

import sys
from pathlib import Path

import polars as pl
from columns import EVENTS

# With an explicit schema: otherwise the first rows decide. Objects become JSON text, because their keys
# differ from row to row.
TYPES = {
    "string": pl.String,
    "integer": pl.Int64,
    "number": pl.Float64,
    "boolean": pl.Boolean,
    "time": pl.String,
    "uuid": pl.String,
    "json": pl.String,
}


def events(folder: Path) -> pl.LazyFrame:
    """Return the events of all hours in a folder."""
    files = sorted(folder.rglob("[0-9]*[#_]*.json.gz"))
    frame = pl.scan_ndjson(files, schema={name: TYPES[kind] for name, kind in EVENTS.items()})
    times = [name for name, kind in EVENTS.items() if kind == "time"]
    return frame.with_columns(pl.col(times).str.to_datetime(time_unit="us", time_zone="UTC"))


if __name__ == "__main__":
    print(
        events(Path(sys.argv[1]))
        .select(
            pl.len().alias("rows"),
            pl.col("uuid").n_unique().alias("uuids"),
            pl.col("amplitude_id").max().alias("largest_amplitude_id"),
            pl.col("server_upload_time").max().dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").alias("last_upload"),
            pl.col("data").str.json_path_match("$.path").count().alias("with_path"),
        )
        .collect()
        .row(0)
    )
