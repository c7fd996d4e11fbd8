"""The ledger as people see it: every closed hour of a stream, whether something was done about it or not."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from exporter.actions.plan_owed_hours import first_progress, with_gaps
from exporter.actions.ports import Gateways
from exporter.domain.destination import Destination, Status
from exporter.domain.hours import Hour, last_closed_hour
from exporter.domain.ledger import HourRecord, HourStatus
from exporter.domain.streams import StreamKey


@dataclass(frozen=True, slots=True)
class View:
    """When somebody looks, and how long after its end an hour is closed."""

    now: datetime
    settle: timedelta


@dataclass(frozen=True, slots=True)
class StreamState:
    """How a stream stands: ``owed`` hours are closed and not done."""

    key: StreamKey
    last_exported: Hour | None
    owed: int
    failed: HourRecord | None
    """The newest of the hours that failed and are not done yet."""


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
    exported on request. An hour without a record is owed, and so is one whose worker died.
    """
    first, last = span[0], min(span[1], last_closed_hour(view.now, view.settle))
    progress = gateways.schedule.get(key)
    if progress is None and destination.status is not Status.DRAFT:
        progress = first_progress(destination, key, gateways.landing)
    for hour, record in with_gaps(gateways.ledger.between(key, first, last), first, last):
        if record is not None:
            abandoned = record.status is HourStatus.RUNNING and not record.claimed(view.now)
            yield replace(record, status=HourStatus.OWED) if abandoned else record
        elif progress is not None and hour >= progress.first:
            yield HourRecord(key, hour, HourStatus.OWED)


def stream_state(gateways: Gateways, key: StreamKey, view: View) -> StreamState:
    """Return how a stream stands, reading only the hours since its last finished one."""
    progress = gateways.schedule.get(key)
    if progress is None:
        return StreamState(key, None, 0, None)
    last_exported = progress.next.plus(-1) if progress.next > progress.first else None
    owed, failed = 0, None
    last = last_closed_hour(view.now, view.settle)
    records = gateways.ledger.between(key, progress.next, last)
    for hour, record in with_gaps(records, progress.next, last):
        if record is not None and record.done:
            last_exported = hour
            continue
        owed += 1
        if record is not None and record.status is HourStatus.FAILED:
            failed = record
    return StreamState(key, last_exported, owed, failed)
