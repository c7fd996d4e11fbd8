"""Read customers' containers without code of the exporter: an SDK downloads, DuckDB reads.

The columns are the 49 keys of an event and the five of a merged id, as the docs list them.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from azure.storage.blob import ContainerClient

from tests.support import landing_reader as reader

type Row = dict[str, Any]

# The longest line that DuckDB accepts, in bytes. The sample has one of 10 MB.
_LINE_BYTES_MAX = 32 * 2**20
EVENT_COLUMNS = (
    dict.fromkeys(reader.TEXTS.split(), "VARCHAR")
    | dict.fromkeys(reader.INTEGERS.split(), "HUGEINT")
    | dict.fromkeys(reader.FLOATS.split(), "DOUBLE")
    | dict.fromkeys(reader.BOOLEANS.split(), "BOOLEAN")
    | dict.fromkeys(reader.DICTS.split(), "JSON")
    | dict.fromkeys(reader.TIMES.split(), "TIMESTAMP")
    | {"amplitude_attribution_ids": "JSON", "uuid": "UUID"}
)
MERGED_ID_COLUMNS = dict.fromkeys(reader.MERGE_KEYS, "HUGEINT")


def contents(container: ContainerClient, prefix: str = "") -> dict[str, bytes]:
    """Return the name and content of every blob that a reader of the container sees."""
    names = list(container.list_blob_names(name_starts_with=prefix))
    return {name: container.download_blob(name).readall() for name in names}


@dataclass(frozen=True, slots=True)
class Files:
    """Files of one data type, which DuckDB reads one after the other, in this order."""

    paths: tuple[str, ...]

    @classmethod
    def saved(cls, folder: Path, files: Iterable[tuple[str, bytes]]) -> "Files":
        """Save files to a folder, as a customer's download does."""
        paths = []
        for name, content in files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            paths.append(str(path))
        return cls(tuple(paths))

    def lines(self) -> list[Row]:
        """Return the JSON object of every line."""
        query = "SELECT json FROM read_ndjson_objects($files, maximum_object_size=$size)"
        return [json.loads(text) for (text,) in self._asked(query)]

    def table(self, columns: dict[str, str]) -> list[Row]:
        """Return the rows as a table of typed columns. A value of another type is an error."""
        query = "SELECT * FROM read_ndjson($files, columns=$columns, maximum_object_size=$size)"
        return [dict(zip(columns, row, strict=True)) for row in self._asked(query, columns=columns)]

    def _asked(self, query: str, **values: object) -> list[tuple[Any, ...]]:
        values |= {"files": list(self.paths), "size": _LINE_BYTES_MAX}
        with duckdb.connect() as database:
            # Rows in the order of the files and of their lines.
            database.execute("SET preserve_insertion_order = true")
            return database.execute(query, values).fetchall()


def event_ids(container: dict[str, bytes], folder: Path) -> list[str]:
    """Return the uuids in all files of events."""
    parts = [(name, body) for name, body in sorted(container.items()) if name.endswith(".json.gz")]
    events = [(name.replace("/", "_"), body) for name, body in parts if "-189524_" not in name]
    return [str(row["uuid"]) for row in Files.saved(folder, events).table(EVENT_COLUMNS)]
