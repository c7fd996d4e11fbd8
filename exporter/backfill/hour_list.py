"""The hours of a backfill: all of its range, or a list in a blob of our own storage.

The blob has one line for each hour, ``events:187520:2026-01-31T13``.
"""

from collections.abc import Iterable, Iterator

from exporter.domain.backfill import Backfill
from exporter.domain.data_types import DataType
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord
from exporter.domain.streams import Stream
from exporter.ports import BlobStore, Ledger
from exporter.schedule.ledger_view import with_gaps

type HourList = frozenset[tuple[Stream, Hour]] | None
type StreamHour = tuple[Stream, Hour, HourRecord | None]


class ListLostError(Exception):
    """The blob that lists the hours of a backfill is gone, or has other content than was written."""


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


def read_hour_list(state: BlobStore, backfill: Backfill) -> HourList:
    """Return the single hours of a backfill; None if it covers its whole range.

    ``ListLostError`` if the list cannot be read any more.
    """
    if backfill.hour_list is None:
        return None
    pieces = state.read(backfill.hour_list)
    try:
        listed = frozenset(decode_hours(pieces or ()))
    except ValueError as error:
        raise ListLostError(backfill.hour_list) from error
    if len(listed) != backfill.total:
        raise ListLostError(backfill.hour_list)
    return listed


def hours_of(
    ledger: Ledger, backfill: Backfill, listed: HourList, first: Hour, last: Hour
) -> Iterator[tuple[Hour, list[StreamHour]]]:
    """Yield each hour from ``first`` to ``last``, oldest first, with the records of the streams that have it.

    An hour that the ledger does not have has None for a record.
    """
    ledgers = [with_gaps(ledger.between(key, first, last), first, last) for key in backfill.keys]
    for records in zip(*ledgers, strict=True):
        hour = records[0][0]
        streams = [
            (stream, hour, record)
            for stream, (_, record) in zip(backfill.streams, records, strict=True)
            if backfill.covers(stream, hour) and (listed is None or (stream, hour) in listed)
        ]
        yield hour, streams
