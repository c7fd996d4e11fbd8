"""The ledger as people see it: every closed hour of a stream, with or without a record."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from exporter.domain.closing import BY_CLOCK, Closing, Closings
from exporter.domain.destination import Destination, Status
from exporter.domain.hour import Hour, count_between, hours_between
from exporter.domain.hour_record import HourRecord, HourStatus
from exporter.domain.hour_task import HourTask
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import Stream, StreamKey
from exporter.domain.versioned import Versioned
from exporter.ports import Gateways, Ledger
from exporter.schedule.closings import read_closings
from exporter.schedule.review import first_progress

# Of a stream's reopened hours the records of the newest are read. The others count as not done: a tick
# forgets those that are.
NOTES_READ_MAX = 20


@dataclass(frozen=True, slots=True)
class AsOf:
    """The time of a query, how long after its end the clock closes an hour, and what the sources close."""

    now: datetime
    settle: timedelta
    closings: Closings = BY_CLOCK

    def closing(self, stream: Stream) -> Closing:
        """Return the closed hours of a stream."""
        return self.closings.of(stream, self.now, self.settle)


def as_of_now(gateways: Gateways, now: datetime, settle: timedelta) -> AsOf:
    """Return the time of a query, with what the sources close at this time."""
    return AsOf(now, settle, read_closings(gateways.pulls.sources))


@dataclass(frozen=True, slots=True)
class StreamState:
    """The state of a stream: ``owed`` hours are closed and not done, the oldest one is ``owed_since``.

    Reopened hours are among them, also those behind the watermark.
    """

    key: StreamKey
    last_exported: Hour | None
    owed: int
    failed: HourRecord | None
    """The newest hour that failed, or fails with transient errors again and again, and is not done yet."""
    owed_since: Hour | None = None
    held_by: str | None = None
    """The source that holds hours open which the clock would have closed, if there is one."""


def with_gaps(
    records: Iterator[HourRecord], first: Hour, last: Hour
) -> Iterator[tuple[Hour, HourRecord | None]]:
    """Yield every hour from ``first`` to ``last`` with its record, or None if the ledger has none.

    ``records`` are those of this range, oldest first.
    """
    record = next(records, None)
    for hour in hours_between(first, last):
        if record is not None and record.hour == hour:
            yield hour, record
            record = next(records, None)
        else:
            yield hour, None


def list_hours(
    gateways: Gateways,
    destination: Destination,
    key: StreamKey,
    span: tuple[Hour, Hour],
    *,
    as_of: AsOf,
) -> Iterator[HourRecord]:
    """Yield the stream's hours of a span, oldest first.

    Hours that are not closed yet are left out, and so are hours before the schedule's first one, unless they
    were exported on request. An hour without a record is owed. So is an hour whose worker died, or whose
    files went to another container than the destination's current one. A deleted destination owes no hours:
    only hours with a record are listed.
    """
    closing = as_of.closing(key.stream)
    first, last = span[0], min(span[1], closing.newest)
    owed_from = first_owed(gateways, destination, key, as_of)
    place = destination.storage.place
    for hour, record in with_gaps(gateways.ledger.between(key, first, last), first, last):
        if owed_from is not None and hour >= owed_from and not_here(record, place):
            if closing.closed(hour):
                yield HourRecord(key, hour, HourStatus.OWED)
        elif record is not None:
            yield as_shown(record, as_of.now)


def first_owed(gateways: Gateways, destination: Destination, key: StreamKey, as_of: AsOf) -> Hour | None:
    """Return the schedule's first hour of a stream, or None if it owes none."""
    progress = None if destination.status is Status.DELETED else gateways.schedule.get(key)
    if progress is None and destination.status in {Status.ACTIVE, Status.PAUSED}:
        progress = first_progress(gateways.ledger, gateways.landing, destination, key, as_of.now)
    return progress.first if progress else None


def as_shown(record: HourRecord, now: datetime) -> HourRecord:
    """Return the record as people see it: an hour whose worker died is owed."""
    status = shown_status(record, now)
    return record if status is record.status else replace(record, status=status)


def shown_status(record: HourRecord, now: datetime) -> HourStatus:
    """Return the status that ``as_shown`` gives a record."""
    abandoned = record.status is HourStatus.RUNNING and not record.claimed(now)
    return HourStatus.OWED if abandoned else record.status


def not_here(record: HourRecord | None, place: str) -> bool:
    """Whether an hour has no record, or its files went to another place than the destination's."""
    return record is None or (record.done and not record.done_for(place))


def stream_states(
    gateways: Gateways,
    destination: Destination,
    as_of: AsOf,
    schedule: Mapping[StreamKey, StreamProgress] | None = None,
    notes: list[Versioned[HourTask]] | None = None,
) -> list[StreamState]:
    """Return the states of a destination's streams; a draft owes nothing yet.

    A caller that asks for many destinations passes the ``schedule`` and the ``notes`` of reopened hours,
    which are then not read for each destination.
    """
    if destination.status is Status.DRAFT:
        return [StreamState(key, None, 0, None) for key in destination.streams]
    known = {key: gateways.schedule.get(key) for key in destination.streams} if schedule is None else schedule
    notes = gateways.reopened.all() if notes is None else notes
    place = destination.storage.place
    found = {key: each.at(place) if (each := known.get(key)) else None for key in destination.streams}
    return [
        _with_reopened(
            gateways.ledger, stream_state(gateways.ledger, key, progress, as_of), progress, notes, as_of
        )
        for key, progress in found.items()
    ]


def stream_state(ledger: Ledger, key: StreamKey, progress: StreamProgress | None, as_of: AsOf) -> StreamState:
    """Return the state of a stream by its schedule; reads the ledger from the watermark on."""
    closing = as_of.closing(key.stream)
    if progress is None:
        return StreamState(key, None, 0, None, held_by=closing.held_by)
    last_exported = progress.watermark.plus(-1) if progress.watermark > progress.first else None
    owed_since, failed = None, None
    last = closing.last
    open_ = sum(hour >= progress.watermark for hour in closing.open)
    owed = max(0, count_between(progress.watermark, last) - open_)
    expected = progress.watermark
    for record in ledger.between(key, progress.watermark, last) if owed else ():
        # Hours without a record are counted, not listed: there may be years of them.
        if owed_since is None and (record.hour > expected or not record.done_for(progress.place)):
            owed_since = expected
        expected = record.hour.plus(1)
        if record.done_for(progress.place):
            last_exported = record.hour
            owed -= 1
        elif record.shown_error is not None:
            failed = record
    if owed and owed_since is None:
        owed_since = expected
    return StreamState(key, last_exported, owed, failed, owed_since, closing.held_by)


def _with_reopened(
    ledger: Ledger,
    state: StreamState,
    progress: StreamProgress | None,
    notes: list[Versioned[HourTask]],
    as_of: AsOf,
) -> StreamState:
    """Return the state with the reopened hours that are not done.

    The watermark is past them, but their files in the container are not complete.
    """
    last = as_of.closing(state.key.stream).last
    noted = sorted((note.value.hour for note in notes if note.value.key == state.key), reverse=True)
    behind = [hour for hour in noted if progress is None or not progress.watermark <= hour <= last]
    for number, hour in enumerate(behind):
        failed = state.failed
        if number < NOTES_READ_MAX:
            # A query of one hour: a record that cannot be read is shown like any other failure.
            record = next(iter(ledger.between(state.key, hour, hour)), None)
            if record is None or record.done:
                continue
            if record.shown_error is not None and (failed is None or failed.hour < hour):
                failed = record
        since = min(hour, state.owed_since or hour)
        state = replace(state, owed=state.owed + 1, owed_since=since, failed=failed)
    return state
