"""Read the customers' containers as their owners do: without code of the exporter."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from azure.storage.blob import ContainerClient

from infra.local.sample import DataType, LandingHour

type Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class File:
    """A file in a customer's container; ``size`` in bytes."""

    name: str
    size: int
    rows: tuple[Row, ...]


def read_files(container: ContainerClient, names: str) -> tuple[list[File], set[str]]:
    """Return the files whose names begin with ``names``, and the names of the completion markers."""
    files, markers = [], set()
    for name in container.list_blob_names(name_starts_with=names):
        if name.endswith("_complete"):
            markers.add(name)
            continue
        body = container.download_blob(name).readall()
        files.append(
            File(name, len(body), tuple(json.loads(line) for line in gzip.decompress(body).splitlines()))
        )
    return files, markers


def differences(hour: LandingHour, data_type: DataType, files: list[File]) -> Iterator[str]:
    """Yield each difference between the files of an hour and what the generator made."""
    found = [_identity(row) for file in files for row in file.rows]
    expected = list(hour.truth(data_type).event_ids())
    missing, surplus = set(expected) - set(found), set(found) - set(expected)
    twice = len(found) - len(set(found)) if len(found) != len(expected) else 0
    for count, what in ((len(missing), "missing"), (len(surplus), "never landed"), (twice, "there twice")):
        if count:
            yield f"{hour.start:%Y-%m-%dT%H} {data_type}: {count} rows are {what}"
    if found != expected and not (missing or surplus or twice):
        yield f"{hour.start:%Y-%m-%dT%H} {data_type}: rows are not in landing order"


def _identity(row: Row) -> str:
    return row["uuid"] if "uuid" in row else f"{row['amplitude_id']}:{row['merged_amplitude_id']}"
