"""Daily review of a stream: finds what ticks miss that read the ledger from the watermark on only.

Behind the watermark rows may land before the stream's first hour, ledger rows may be lost, and reopened
hours may lose their notes. The review moves the watermark back to the first hour that is missing.

It reads the stream's whole ledger, a thousand hours a call. A lost ledger is noticed by every tick
(``StreamProgress.ledger``). A hash or count of each day's rows would save this reading, but every worker
would have to keep it up to date with every hour, for something that happens once in years.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from exporter.domain.clocks import stalled
from exporter.domain.destination import Destination
from exporter.domain.errors import LandingMissing
from exporter.domain.hour import Hour, count_between
from exporter.domain.hour_task import HourTask
from exporter.domain.landing import EARLIEST
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import StreamKey
from exporter.ports import Gateways, Landing, Ledger

REVIEW_EVERY = timedelta(days=1)
# On the first day of a stream earlier hours may still land: it is reviewed more often.
REVIEW_YOUNG_EVERY = timedelta(hours=1)
YOUNG = timedelta(days=1)
# All streams together. The ledger of one stream is read to its end: some 90 calls for ten years.
REVIEWED_HOURS_A_TICK = 20_000
# Further hours of a stream are noted by its next review.
NOTED_MAX = 100


def first_progress(
    ledger: Ledger, landing: Landing, destination: Destination, key: StreamKey, now: datetime
) -> StreamProgress | None:
    """Return the beginning of a stream's schedule; None while it is not known, and nothing is owed.

    It is the first hour that landed or, if landing was tidied up since, the first one in the ledger. Events
    begin on the day of activation at the earliest; merged ids matter for events of any time.
    """
    recorded = next(ledger.states(key, EARLIEST, Hour.containing(now)), None)
    try:
        landed = landing.earliest_hour(key.stream)
    except LandingMissing:
        # The tick creates it, or raises.
        landed = None
    known = [hour for hour in (landed, recorded.hour if recorded else None) if hour and hour.start <= now]
    if not known:
        return None
    first = max(_floor(destination, key), min(known))
    return StreamProgress(key, first, first, place=destination.storage.place)


def _floor(destination: Destination, key: StreamKey) -> Hour:
    """Return the hour before which nothing is owed, whatever has landed."""
    return destination.first_hour_of_events() if key.stream.spec.from_activation else EARLIEST


def chosen_for_review(known: Mapping[StreamKey, StreamProgress], now: datetime) -> Iterator[StreamKey]:
    """Yield the streams with a review due, the longest due first, as many as one tick may read."""
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
    return known.reviewed_at is None or stalled(known.reviewed_at, now, every)


def review_stream(
    gateways: Gateways,
    destination: Destination,
    known: StreamProgress,
    noted: Collection[Hour],
    now: datetime,
) -> StreamProgress:
    """Return the progress by landing and the whole ledger; ``noted`` are the stream's reopened hours.

    ``LandingMissing`` if there is no landing container.
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
    """Return the first hour before the watermark that is neither done nor noted.

    Hours before the stream's first one are not owed, but one that was begun has to be finished: it is noted.
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
