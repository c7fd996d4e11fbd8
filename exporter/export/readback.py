"""Reading back: the rows that the files of an hour hold, to compare them with landing."""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from uuid import UUID

import msgspec

from exporter.domain.data_types import DATA_TYPES, DataType
from exporter.domain.errors import DestinationFault, Fault
from exporter.domain.versioned import BlobInfo
from exporter.pipeline.exported import Exported
from exporter.pipeline.gunzip import BrokenContentError
from exporter.pipeline.key_set import KEY_BYTES
from exporter.pipeline.lines import Lines, lines
from exporter.ports import Container


class _Keyed(msgspec.Struct):
    """The field of an event's line that identifies the row."""

    uuid: UUID


_KEYED = msgspec.json.Decoder(_Keyed)


def exported_lines(container: Container, blob: BlobInfo) -> Iterator[list[bytes]]:
    """Yield the lines of a file, a list at a time; ``DestinationFault`` if it is no gzip of lines."""
    try:
        for found in lines(container.stream(blob)):
            if not isinstance(found, Lines):
                raise _unreadable(blob.name)
            yield found.contents
    except (BrokenContentError, zlib.error) as error:
        raise _unreadable(blob.name) from error


def row_keys(contents: Iterable[bytes], data_type: DataType) -> list[bytes]:
    """Return for each line the 16 bytes that identify its row: equal rows have equal keys.

    For an event this is its uuid. For a merged id, and for an event without a readable uuid, it is a hash of
    the values, which does not depend on the order of the keys.
    """
    if not DATA_TYPES[data_type].row_keys:
        return [_hash(line) for line in contents]
    return [_uuid(line) or _hash(line) for line in contents]


def _uuid(line: bytes) -> bytes | None:
    with suppress(msgspec.MsgspecError):
        return _KEYED.decode(line).uuid.bytes
    return None


def _hash(line: bytes) -> bytes:
    try:
        canonical = msgspec.json.encode(msgspec.json.decode(line), order="sorted")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        canonical = line
    return hashlib.sha256(canonical).digest()[:KEY_BYTES]


def file_keys(container: Container, blob: BlobInfo, data_type: DataType) -> Iterator[bytes]:
    """Yield the keys of a file's rows, in order."""
    return chain.from_iterable(row_keys(contents, data_type) for contents in exported_lines(container, blob))


def file_rows(container: Container, blob: BlobInfo) -> Iterator[Exported]:
    """Yield the rows of a file as they are in it, a block of rows at a time."""
    for contents in exported_lines(container, blob):
        yield Exported(len(contents), b"".join(line + b"\n" for line in contents))


def _unreadable(name: str) -> DestinationFault:
    return DestinationFault(
        Fault(
            code="file_unreadable",
            message=f"The file {name} has the name of an exported file, but is not gzip of JSON lines.",
            fix="Move or delete this file; then the hour is exported.",
        )
    )
