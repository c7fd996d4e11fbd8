"""How far a backfill is, derived from the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from exporter.backfill.hour_list import decode_hours
from exporter.domain import transient_failures
from exporter.domain.backfill import Backfill, Came, FailedHour, Tally
from exporter.domain.breaker import CLOSED
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord
from exporter.domain.streams import Stream
from exporter.ports import Gateways
from exporter.schedule.due_hours import with_gaps

# How many clock hours of a backfill are read from the ledger at once, behind the oldest that is left.
WINDOW_HOURS = 1000

type Chosen = frozenset[tuple[Stream, Hour]] | None


class ListLostError(Exception):
    """The blob that lists the hours of a backfill is gone, or is not what was written."""


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """How far a backfill is; ``hours_per_minute`` is None until an hour was finished.

    ``struggling`` are hours that are left and were broken off in passing several times in a row.
    """

    tally: Tally
    failed: tuple[FailedHour, ...]
    left: int
    hours_per_minute: float | None = None
    estimated_finish_at: datetime | None = None
    struggling: tuple[FailedHour, ...] = ()


def progress_of(gateways: Gateways, backfill: Backfill, now: datetime) -> BackfillProgress:
    """Return how far a backfill is. Of one that has ended, how far it was then.

    Of the ledger the hours are read that are queued and were not settled by the last step: at most
    ``WINDOW_HOURS``.
    """
    tally, failed, struggling = backfill.tally, list(backfill.failed), list[FailedHour]()
    breaker = CLOSED if backfill.ended else gateways.breakers.get(backfill.destination_id)
    for stream, hour, record in _unsettled(gateways, backfill):
        came = backfill.came(record, breaker, now)
        if came is Came.DONE:
            tally = tally.plus(record, backfill.started_at or now)
        elif came is Came.FAILED:
            failed.append(FailedHour(stream, hour, backfill.fault_of(record)))
        elif transient_failures.shown(record.work.transient_failures) and record.work.error is not None:
            struggling.append(FailedHour(stream, hour, record.work.error))
    left = backfill.total - tally.hours - len(failed)
    pace = _pace(backfill, tally, now)
    finish = now + timedelta(minutes=left / pace) if pace and not backfill.ended else None
    return BackfillProgress(tally, tuple(failed), left, pace, finish, tuple(struggling))


def _unsettled(gateways: Gateways, backfill: Backfill) -> Iterator[tuple[Stream, Hour, HourRecord]]:
    """Yield the hours that are queued, have a record, and were not settled by the last step."""
    if backfill.ended or backfill.started_at is None or backfill.done_before >= backfill.queued_before:
        return
    try:
        chosen = chosen_hours(gateways, backfill)
    except ListLostError:
        # The next step ends it.
        return
    for _, streams in hours_of(
        gateways, backfill, chosen, (backfill.done_before, backfill.queued_before.plus(-1))
    ):
        for stream, hour, record in streams:
            if record is not None:
                yield stream, hour, record


def _pace(backfill: Backfill, tally: Tally, now: datetime) -> float | None:
    """Return how many hours a minute were finished since it was begun, or begun again.

    None while that cannot be told, for one because this host's clock is behind the one that began it.
    """
    if backfill.started_at is None or tally.fresh == 0:
        return None
    passed = (backfill.finished_at or now) - backfill.started_at
    if passed < timedelta():
        return None
    return tally.fresh / max(passed / timedelta(minutes=1), 1 / 60)


def chosen_hours(gateways: Gateways, backfill: Backfill) -> Chosen:
    """Return the hours that a backfill is about, if these are not simply all of its range.

    ``ListLostError`` if they cannot be known any more.
    """
    if backfill.hour_list is None:
        return None
    pieces = gateways.state.read(backfill.hour_list)
    try:
        found = frozenset(decode_hours(pieces or ()))
    except ValueError as error:
        raise ListLostError(backfill.hour_list) from error
    if len(found) != backfill.total:
        raise ListLostError(backfill.hour_list)
    return found


def hours_of(
    gateways: Gateways, backfill: Backfill, chosen: Chosen, span: tuple[Hour, Hour]
) -> Iterator[tuple[Hour, list[tuple[Stream, Hour, HourRecord | None]]]]:
    """Yield each hour of a span, oldest first, with what the ledger has of it for each stream concerned."""
    streams = [with_gaps(gateways.ledger.between(key, *span), *span) for key in backfill.keys]
    for found in zip(*streams, strict=True):
        hour = found[0][0]
        yield (
            hour,
            [
                (stream, hour, record)
                for stream, (_, record) in zip(backfill.streams, found, strict=True)
                if backfill.covers(stream, hour) and (chosen is None or (stream, hour) in chosen)
            ],
        )
