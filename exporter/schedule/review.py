"""The review of a stream, once a day: what no tick sees that reads only what is new.

A tick reads the ledger from the stream's watermark on. So it does not see what happens behind that: rows
that land before the first hour of the stream, ledger rows that were lost, and hours that were taken again and
whose notes were lost. The review looks for these, and moves the watermark back to where something is missing.

It reads the stream's whole ledger, a thousand hours a call. That a ledger was lost altogether is seen by each
tick (``StreamProgress.ledger``). A hash or count of each day's rows, which would spare reading them, would
have to be kept up to date by every worker with every hour, for what happens once in years.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from exporter.domain.destination import Destination
from exporter.domain.errors import LandingMissing
from exporter.domain.hour import Hour, count_between
from exporter.domain.hour_record import HourTask, StreamProgress
from exporter.domain.landing import EARLIEST
from exporter.domain.streams import StreamKey
from exporter.ports import Gateways

REVIEW_EVERY = timedelta(days=1)
# Landing may still get earlier hours of the day on which a stream begins: it is looked at more often then.
REVIEW_YOUNG_EVERY = timedelta(hours=1)
YOUNG = timedelta(days=1)
# Of all streams together. The ledger of one stream is read to its end: some 90 calls for ten years.
REVIEWED_HOURS_A_TICK = 20_000
# More of a stream than one review notes are found by the next one.
NOTED_MAX = 100


def first_progress(
    destination: Destination, key: StreamKey, gateways: Gateways, now: datetime
) -> StreamProgress | None:
    """Return where a stream's schedule begins; None while that cannot be known, and nothing is owed.

    That is the first hour that landed, or, if landing was tidied up since, the first that the ledger knows.
    Events begin on the day of activation at the earliest; merged ids matter for events of any time.
    """
    recorded = next(gateways.ledger.states(key, EARLIEST, Hour.containing(now)), None)
    try:
        landed = gateways.landing.earliest_hour(key.stream)
    except LandingMissing:
        # The tick makes it, or says that it is gone.
        landed = None
    known = [hour for hour in (landed, recorded.hour if recorded else None) if hour and hour.start <= now]
    if not known:
        return None
    first = max(_floor(destination, key), min(known))
    return StreamProgress(key, first, first, place=destination.storage.place)


def _floor(destination: Destination, key: StreamKey) -> Hour:
    """Return before which hour nothing is owed, whatever has landed."""
    return destination.first_hour_of_events() if key.stream.spec.from_activation else EARLIEST


def chosen_for_review(known: Mapping[StreamKey, StreamProgress], now: datetime) -> Iterator[StreamKey]:
    """Yield the streams whose review is due, the longest due first, as many as one tick may read."""
    due = [progress for progress in known.values() if _due(progress, now)]
    left = REVIEWED_HOURS_A_TICK
    for progress in sorted(due, key=lambda each: each.reviewed_at.timestamp() if each.reviewed_at else 0.0):
        if left <= 0:
            return
        left -= count_between(progress.first, progress.watermark)
        yield progress.key


def _due(known: StreamProgress, now: datetime) -> bool:
    young = now - known.first.start < YOUNG
    every = REVIEW_YOUNG_EVERY if young else REVIEW_EVERY
    # One that lies ahead was written by a clock that was wrong.
    return known.reviewed_at is None or not timedelta() <= now - known.reviewed_at < every


def review_stream(
    gateways: Gateways,
    destination: Destination,
    known: StreamProgress,
    noted: Collection[Hour],
    now: datetime,
) -> StreamProgress:
    """Return the progress as landing and the whole ledger say; ``noted`` are hours that were taken again.

    ``LandingMissing`` if there is nothing to look at.
    """
    landed = gateways.landing.earliest_hour(known.key.stream)
    if landed is not None and landed.start <= now:
        begins = max(_floor(destination, known.key), landed)
        known = known.back_to(begins) if begins < known.first else known
    missing = _first_missing(gateways, known, noted, now)
    if missing is not None:
        known = known.back_to(missing)
    return replace(known, reviewed_at=now)


def _first_missing(
    gateways: Gateways, known: StreamProgress, noted: Collection[Hour], now: datetime
) -> Hour | None:
    """Return the first hour before the watermark that is not done, though it is in nobody's hands.

    Hours before the stream's first are not owed, but one that was begun is to be finished: it is noted.
    """
    expected, notes = known.first, 0
    for record in gateways.ledger.states(known.key, EARLIEST, known.watermark.plus(-1)):
        unfinished = not record.done_for(known.place) and record.hour not in noted
        if record.hour < known.first:
            if unfinished and not record.unreadable and not record.claimed(now) and notes < NOTED_MAX:
                gateways.reopened.remember(HourTask(known.key, record.hour))
                notes += 1
            continue
        if record.hour > expected:
            return expected
        if unfinished:
            return record.hour
        expected = record.hour.plus(1)
    return expected if expected < known.watermark else None
