"""The ledger as people see it: every closed hour of a stream, whether something was done about it or not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from exporter.domain.destination import Destination, Status
from exporter.domain.hour import Hour, count_between, last_closed_hour
from exporter.domain.hour_record import HourRecord, HourStatus
from exporter.domain.hour_task import HourTask
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import StreamKey
from exporter.domain.versioned import Versioned
from exporter.ports import Gateways
from exporter.schedule.due_hours import with_gaps
from exporter.schedule.review import first_progress

# Of the hours of a stream that were taken again, the newest are looked at one by one. The others count as not
# done: a tick forgets those that are.
NOTES_READ_MAX = 20


@dataclass(frozen=True, slots=True)
class AsOf:
    """When somebody looks, and how long after its end an hour is closed."""

    now: datetime
    settle: timedelta


@dataclass(frozen=True, slots=True)
class StreamState:
    """How a stream stands: ``owed`` hours are closed and not done, the oldest of them is ``owed_since``.

    Among these are hours that were done and were taken again, wherever the schedule is.
    """

    key: StreamKey
    last_exported: Hour | None
    owed: int
    failed: HourRecord | None
    """The newest of the hours that failed, or keep being broken off, and are not done yet."""
    owed_since: Hour | None = None


def list_hours(
    gateways: Gateways,
    destination: Destination,
    key: StreamKey,
    span: tuple[Hour, Hour],
    *,
    as_of: AsOf,
) -> Iterator[HourRecord]:
    """Yield the stream's hours from the first to the last of the span, oldest first.

    Hours that are not closed yet are left out, and so are those before the schedule's first, unless they were
    exported on request. An hour without a record is owed, and so is one whose worker died, or whose files
    went to another container than the destination's of now. A deleted destination owes none: there are only
    those that something was done about.
    """
    first, last = span[0], min(span[1], last_closed_hour(as_of.now, as_of.settle))
    progress = None if destination.status is Status.DELETED else gateways.schedule.get(key)
    if progress is None and destination.status in {Status.ACTIVE, Status.PAUSED}:
        progress = first_progress(destination, key, gateways, as_of.now)
    place = destination.storage.place
    for hour, record in with_gaps(gateways.ledger.between(key, first, last), first, last):
        owed = progress is not None and hour >= progress.first
        if record is not None and not (owed and record.done and not record.done_for(place)):
            abandoned = record.status is HourStatus.RUNNING and not record.claimed(as_of.now)
            yield replace(record, status=HourStatus.OWED) if abandoned else record
        elif owed:
            yield HourRecord(key, hour, HourStatus.OWED)


def stream_states(
    gateways: Gateways,
    destination: Destination,
    as_of: AsOf,
    schedule: Mapping[StreamKey, StreamProgress] | None = None,
    notes: list[Versioned[HourTask]] | None = None,
) -> list[StreamState]:
    """Return how a destination's streams stand; a draft owes nothing yet.

    Who asks for many destinations brings the ``schedule`` and the ``notes`` of hours that were taken again,
    which are then not read for each.
    """
    if destination.status is Status.DRAFT:
        return [StreamState(key, None, 0, None) for key in destination.streams]
    known = {key: gateways.schedule.get(key) for key in destination.streams} if schedule is None else schedule
    notes = gateways.reopened.all() if notes is None else notes
    place = destination.storage.place
    found = {key: each.at(place) if (each := known.get(key)) else None for key in destination.streams}
    return [
        _with_reopened(gateways, stream_state(gateways, key, progress, as_of), progress, notes, as_of)
        for key, progress in found.items()
    ]


def stream_state(
    gateways: Gateways, key: StreamKey, progress: StreamProgress | None, as_of: AsOf
) -> StreamState:
    """Return how a stream stands by its schedule, reading only the hours since its last finished one."""
    if progress is None:
        return StreamState(key, None, 0, None)
    last_exported = progress.watermark.plus(-1) if progress.watermark > progress.first else None
    owed_since, failed = None, None
    last = last_closed_hour(as_of.now, as_of.settle)
    owed = count_between(progress.watermark, last)
    expected = progress.watermark
    for record in gateways.ledger.between(key, progress.watermark, last) if owed else ():
        # Hours without a record are counted and not looked at one by one: there may be years of them.
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
    return StreamState(key, last_exported, owed, failed, owed_since)


def _with_reopened(
    gateways: Gateways,
    state: StreamState,
    progress: StreamProgress | None,
    notes: list[Versioned[HourTask]],
    as_of: AsOf,
) -> StreamState:
    """Return the state with the hours that were done, were taken again, and are not done.

    The schedule is past them, but what is in the container is not whole.
    """
    last = last_closed_hour(as_of.now, as_of.settle)
    noted = sorted((note.value.hour for note in notes if note.value.key == state.key), reverse=True)
    behind = [hour for hour in noted if progress is None or not progress.watermark <= hour <= last]
    for number, hour in enumerate(behind):
        failed = state.failed
        if number < NOTES_READ_MAX:
            # A list of one: where the record cannot be read, that is told like any other failure.
            record = next(iter(gateways.ledger.between(state.key, hour, hour)), None)
            if record is None or record.done:
                continue
            if record.shown_error is not None and (failed is None or failed.hour < hour):
                failed = record
        since = min(hour, state.owed_since or hour)
        state = replace(state, owed=state.owed + 1, owed_since=since, failed=failed)
    return state
