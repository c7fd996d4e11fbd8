"""Lists of single hours, as a blob of our own storage: one line each, ``events:187520:2026-01-31T13``."""

from collections.abc import Iterable, Iterator

from exporter.domain.hour import Hour
from exporter.domain.streams import DataType, Stream


def encode_hours(hours: Iterable[tuple[Stream, Hour]]) -> Iterator[bytes]:
    """Yield the blob's lines."""
    for stream, hour in hours:
        yield f"{stream.data_type}:{stream.source_id}:{hour}\n".encode()


def decode_hours(pieces: Iterable[bytes]) -> Iterator[tuple[Stream, Hour]]:
    """Yield the hours that a blob's content lists; ValueError if it is not such a list."""
    # Thirty bytes an hour, and at most as many hours as a verification found wrong.
    for line in b"".join(pieces).decode().splitlines():
        data_type, source_id, hour = line.split(":")
        yield Stream(DataType(data_type), int(source_id)), Hour.parse(hour)
