"""Other programs with the same task: lines in, lines out, one of each uuid.

``python peers.py PEER FOLDER TARGET CORES`` prints what that took as JSON. It runs in an environment of its
own (``.peers``) and imports nothing of this project. The programs read only the uuid of a line.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

# A character that no line has: there is only one column.
_NO_SEPARATOR = "\x01"


def duckdb(folder: str, target: str, cores: int) -> None:
    """Run DuckDB: each line is an object; keep the first of each uuid."""
    import duckdb as db  # noqa: PLC0415  only one peer is there at a time

    connection = db.connect()
    connection.execute(f"SET threads={cores}")
    objects = f"read_ndjson_objects('{folder}/**/*.gz', ignore_errors=true)"
    connection.execute(
        f"COPY (SELECT DISTINCT ON (json->>'uuid') json FROM {objects}) TO '{target}'"  # noqa: S608  our own words
        f" (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '{_NO_SEPARATOR}', COMPRESSION gzip)"
    )


def polars(folder: str, target: str, cores: int) -> None:
    """Run Polars: each line is a text."""
    import polars as pl  # noqa: PLC0415  only one peer is there at a time

    if pl.thread_pool_size() != cores:
        raise SystemExit(f"Polars has {pl.thread_pool_size()} threads, not {cores}: set POLARS_MAX_THREADS")
    files = sorted(map(str, Path(folder).rglob("*.gz")))
    uuid = pl.col("line").str.json_path_match("$.uuid").alias("uuid")
    lines = pl.scan_lines(files, name="line").with_columns(uuid)
    lines.unique(subset="uuid", keep="any").select("line").sink_csv(
        target, include_header=False, quote_style="never", separator=_NO_SEPARATOR, compression="gzip"
    )


def chdb(folder: str, target: str, cores: int) -> None:
    """Run ClickHouse in this process: each line is a text."""
    import chdb as db  # noqa: PLC0415  only one peer is there at a time

    lines = f"SELECT line FROM file('{folder}/**/*.gz', 'LineAsString')"  # noqa: S608  our own words
    db.query(
        f"{lines} LIMIT 1 BY JSONExtractString(line, 'uuid')"
        f" INTO OUTFILE '{target}' TRUNCATE COMPRESSION 'gzip' FORMAT LineAsString"
        f" SETTINGS max_threads={cores}"
    )


PEERS: dict[str, Callable[[str, str, int], None]] = {"duckdb": duckdb, "polars": polars, "chdb": chdb}


def main() -> None:
    """Run and print the result. The import of the peer is not counted."""
    peer, folder, target, cores = sys.argv[1:]
    __import__(peer)
    before, wall = os.times(), time.perf_counter()
    PEERS[peer](folder, target, int(cores))
    wall, after = time.perf_counter() - wall, os.times()
    cpu = after.user + after.system - before.user - before.system
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"rows": 0, "cpu": cpu, "wall": wall, "peak": peak}))


if __name__ == "__main__":
    main()
