"""How far a backfill is, derived from the ledger."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from exporter.actions.plan_owed_hours import with_gaps
from exporter.actions.ports import Gateways
from exporter.domain.backfills import Backfill, Came, FailedHour, Tally
from exporter.domain.hours import Hour
from exporter.domain.ledger import HourRecord
from exporter.domain.streams import Stream
from exporter.pipeline.hour_lists import decode_hours

# How many clock hours of a backfill are read from the ledger at once, behind the oldest that is left.
WINDOW_HOURS = 1000

type Chosen = frozenset[tuple[Stream, Hour]] | None


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """How far a backfill is; ``hours_per_minute`` is None until an hour was finished."""

    tally: Tally
    failed: tuple[FailedHour, ...]
    left: int
    hours_per_minute: float | None = None
    estimated_finish_at: datetime | None = None


def progress_of(gateways: Gateways, backfill: Backfill, now: datetime) -> BackfillProgress:
    """Return how far a backfill is. Of one that has ended, how far it was then.

    Of the ledger the hours are read that are queued and were not settled by the last step: at most
    ``WINDOW_HOURS``.
    """
    tally, failed = backfill.tally, list(backfill.failed)
    if not backfill.ended and backfill.started_at is not None:
        standing = gateways.standings.get(backfill.destination_id)
        span = (backfill.settled, backfill.planned.plus(-1))
        for _, streams in hours_of(gateways, backfill, chosen_hours(gateways, backfill), span):
            for stream, hour, record in streams:
                came = backfill.came(record, standing)
                if record is not None and came is Came.DONE:
                    tally = tally.plus(record, backfill.started_at)
                elif record is not None and came is Came.FAILED and record.error is not None:
                    failed.append(FailedHour(stream, hour, record.error))
    left = backfill.total - tally.hours - len(failed)
    pace = _pace(backfill, tally, now)
    finish = now + timedelta(minutes=left / pace) if pace and not backfill.ended else None
    return BackfillProgress(tally, tuple(failed), left, pace, finish)


def _pace(backfill: Backfill, tally: Tally, now: datetime) -> float | None:
    """Return how many hours a minute were finished since it was begun, or begun again."""
    if backfill.started_at is None or tally.fresh == 0:
        return None
    passed = (backfill.finished_at or now) - backfill.started_at
    return tally.fresh / max(passed / timedelta(minutes=1), 1 / 60)


def chosen_hours(gateways: Gateways, backfill: Backfill) -> Chosen:
    """Return the hours that a backfill is about, if these are not simply all of its range."""
    if backfill.chosen is None:
        return None
    pieces = gateways.state.read(backfill.chosen)
    return frozenset(decode_hours(pieces or ()))


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
                if chosen is None or (stream, hour) in chosen
            ],
        )
