"""The ledger as people see it: every closed hour of a stream, whether something was done about it or not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from exporter.actions.plan_owed_hours import first_progress, with_gaps
from exporter.actions.ports import Gateways
from exporter.domain.destination import Destination, Status
from exporter.domain.hours import Hour, last_closed_hour
from exporter.domain.ledger import HourRecord, HourStatus, Progress
from exporter.domain.streams import StreamKey


@dataclass(frozen=True, slots=True)
class View:
    """When somebody looks, and how long after its end an hour is closed."""

    now: datetime
    settle: timedelta


@dataclass(frozen=True, slots=True)
class StreamState:
    """How a stream stands: ``owed`` hours are closed and not done, the oldest of them is ``owed_since``."""

    key: StreamKey
    last_exported: Hour | None
    owed: int
    failed: HourRecord | None
    """The newest of the hours that failed and are not done yet."""
    owed_since: Hour | None = None


def list_hours(
    gateways: Gateways,
    destination: Destination,
    key: StreamKey,
    span: tuple[Hour, Hour],
    *,
    view: View,
) -> Iterator[HourRecord]:
    """Yield the stream's hours from the first to the last of the span, oldest first.

    Hours that are not closed yet are left out, and so are those before the schedule's first, unless they were
    exported on request. An hour without a record is owed, and so is one whose worker died, or whose files
    went to another container than the destination's of now. A deleted destination owes none: there are only
    those that something was done about.
    """
    first, last = span[0], min(span[1], last_closed_hour(view.now, view.settle))
    progress = None if destination.status is Status.DELETED else gateways.schedule.get(key)
    if progress is None and destination.status in {Status.ACTIVE, Status.PAUSED}:
        progress = first_progress(destination, key, gateways.landing)
    place = destination.storage.place
    for hour, record in with_gaps(gateways.ledger.between(key, first, last), first, last):
        owed = progress is not None and hour >= progress.first
        if record is not None and not (owed and record.done and not record.done_for(place)):
            abandoned = record.status is HourStatus.RUNNING and not record.claimed(view.now)
            yield replace(record, status=HourStatus.OWED) if abandoned else record
        elif owed:
            yield HourRecord(key, hour, HourStatus.OWED)


def stream_states(
    gateways: Gateways,
    destination: Destination,
    view: View,
    schedule: Mapping[StreamKey, Progress] | None = None,
) -> list[StreamState]:
    """Return how a destination's streams stand; a draft owes nothing yet.

    Who asks for many destinations brings the ``schedule``, which is then not read for each.
    """
    if destination.status is Status.DRAFT:
        return [StreamState(key, None, 0, None) for key in destination.streams]
    known = {key: gateways.schedule.get(key) for key in destination.streams} if schedule is None else schedule
    found = ((key, known.get(key)) for key in destination.streams)
    place = destination.storage.place
    return [stream_state(gateways, key, each.at(place) if each else None, view) for key, each in found]


def stream_state(gateways: Gateways, key: StreamKey, progress: Progress | None, view: View) -> StreamState:
    """Return how a stream stands, reading only the hours since its last finished one."""
    if progress is None:
        return StreamState(key, None, 0, None)
    last_exported = progress.next.plus(-1) if progress.next > progress.first else None
    owed, owed_since, failed = 0, None, None
    last = last_closed_hour(view.now, view.settle)
    if progress.next <= last:
        records = gateways.ledger.between(key, progress.next, last)
        for hour, record in with_gaps(records, progress.next, last):
            if record is not None and record.done_for(progress.place):
                last_exported = hour
                continue
            owed, owed_since = owed + 1, owed_since or hour
            if record is not None and record.status is HourStatus.FAILED:
                failed = record
    return StreamState(key, last_exported, owed, failed, owed_since)
