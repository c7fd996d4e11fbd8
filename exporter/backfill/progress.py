"""The progress of a backfill, derived from the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from exporter.backfill.hour_list import ListLostError, StreamHour, hours_of, read_hour_list
from exporter.domain import transient_failures
from exporter.domain.backfill import Backfill, FailedHour, HourOutcome, Tally
from exporter.domain.breaker import CLOSED
from exporter.ports import Gateways

# At most so many hours of a backfill are queued beyond the oldest one that is left.
WINDOW_HOURS = 1000


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """The progress of a backfill; ``hours_per_minute`` is None until an hour was finished.

    ``struggling`` hours are left, and the last attempts at them failed with transient errors.
    """

    tally: Tally
    failed: tuple[FailedHour, ...]
    left: int
    hours_per_minute: float | None = None
    estimated_finish_at: datetime | None = None
    struggling: tuple[FailedHour, ...] = ()


def progress_of(gateways: Gateways, backfill: Backfill, now: datetime) -> BackfillProgress:
    """Return the progress of a backfill; of one that has ended, its progress at the end.

    Reads of the ledger the hours that are queued and that the latest step did not count: at most
    ``WINDOW_HOURS``.
    """
    tally, failed, struggling = backfill.tally, list(backfill.failed), list[FailedHour]()
    breaker = CLOSED if backfill.ended else gateways.breakers.get(backfill.destination_id)
    for stream, hour, record in _uncounted(gateways, backfill):
        if record is None:
            continue
        outcome = backfill.outcome(record, breaker, now)
        if outcome is HourOutcome.DONE:
            tally = tally.plus(record, backfill.started_at or now)
        elif outcome is HourOutcome.FAILED:
            failed.append(FailedHour(stream, hour, backfill.fault_of(record)))
        elif transient_failures.shown(record.work.transient_failures) and record.work.error is not None:
            struggling.append(FailedHour(stream, hour, record.work.error))
    left = backfill.total - tally.hours - len(failed)
    pace = _pace(backfill, tally, now)
    finish = now + timedelta(minutes=left / pace) if pace and not backfill.ended else None
    return BackfillProgress(tally, tuple(failed), left, pace, finish, tuple(struggling))


def _uncounted(gateways: Gateways, backfill: Backfill) -> Iterator[StreamHour]:
    """Yield the hours that are queued and that the latest step did not count."""
    if backfill.ended or backfill.started_at is None or backfill.done_before >= backfill.queued_before:
        return
    try:
        listed = read_hour_list(gateways.state, backfill)
    except ListLostError:
        # The next step ends the backfill.
        return
    last = backfill.queued_before.plus(-1)
    for _, streams in hours_of(gateways.ledger, backfill, listed, backfill.done_before, last):
        yield from streams


def _pace(backfill: Backfill, tally: Tally, now: datetime) -> float | None:
    """Return how many hours a minute were finished since the backfill started, or was retried.

    None if that is not known, for example because this host's clock is behind the one that started it.
    """
    if backfill.started_at is None or tally.fresh == 0:
        return None
    passed = (backfill.finished_at or now) - backfill.started_at
    if passed < timedelta():
        return None
    return tally.fresh / max(passed / timedelta(minutes=1), 1 / 60)
