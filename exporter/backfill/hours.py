"""The hours of a backfill, and what the ledger records of them."""

from collections.abc import Iterator

from exporter.backfill.hour_list import decode_hours
from exporter.domain.backfill import Backfill
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord
from exporter.domain.streams import Stream
from exporter.ports import Ledger, State
from exporter.schedule.gaps import with_gaps

type HourList = frozenset[tuple[Stream, Hour]] | None
type StreamHour = tuple[Stream, Hour, HourRecord | None]


class ListLostError(Exception):
    """The blob that lists the hours of a backfill is gone, or has other content than was written."""


def read_hour_list(state: State, backfill: Backfill) -> HourList:
    """Return the single hours that a backfill lists; None if it covers its whole range.

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
