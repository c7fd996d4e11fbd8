"""Which hours of a stream are due: derived from the ledger, however many ticks were missed.

Two kinds of hours are due here: hours that are owed, and hours that are done and are to be compared with
landing once more (late checks). Interrupted hours behind the watermark are the third kind (``reopened``).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from exporter.domain.closing import Closing
from exporter.domain.hour import Hour, count_between, last_closed_hour
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import StreamKey
from exporter.ports import Ledger
from exporter.schedule.ledger_view import with_gaps
from exporter.schedule.priorities import LIVE_HOURS, Owed

# A long backlog of one stream neither fills the queue nor makes a tick long: the next tick continues.
HOURS_A_STREAM_MAX = 100


@dataclass(frozen=True, slots=True)
class Behind:
    """A stream that owes hours: the ``oldest`` one, how long it is overdue, and at most how many."""

    key: StreamKey
    oldest: Hour
    lag: timedelta
    hours_max: int


@dataclass(frozen=True, slots=True)
class DueHours:
    """The progress of a stream as the ledger has it, its owed hours, and its hours with a late check due.

    ``moved_at`` has of the owed hours when a worker last had them, if that is known.
    """

    progress: StreamProgress
    owed: Owed
    late: list[Hour]
    moved_at: dict[Hour, datetime]


@dataclass(frozen=True, slots=True)
class DueRules:
    """The rules for one stream at one time.

    ``late_checks`` are times after the closing of an hour at which landing is compared with it. ``healed_at``
    is when the destination's storage last recovered. ``closing`` are the closed hours of the stream.
    """

    now: datetime
    settle: timedelta
    late_checks: tuple[timedelta, ...]
    healed_at: datetime | None
    closing: Closing

    @property
    def last(self) -> Hour:
        """The newest closed hour."""
        return self.closing.last

    @property
    def live(self) -> Hour:
        """The first of the live hours."""
        return self.last.plus(1 - LIVE_HOURS)

    def cursors(self, known: StreamProgress) -> list[tuple[Hour, Hour]]:
        """Return for each late check the first hour that may lack it, and the last hour that it is due for.

        The first hour of a new stream is the stream's own. After a change of the setting it is the oldest
        hour that may still be late: landing need not hold the hours before it any more.
        """
        cursors = known.late
        ends = tuple(last_closed_hour(self.now, self.settle + each) for each in self.late_checks)
        if len(cursors) != len(ends):
            new = known.watermark == known.first
            cursors = (known.first if new else max(known.first, min(ends, default=self.last)),) * len(ends)
        return list(zip(cursors, ends, strict=True))

    def behind(self, known: StreamProgress | None) -> list[Behind]:
        """Return the stream, if it owes the hour at its watermark."""
        if known is None or known.watermark > self.last:
            return []
        lag = self.now - known.watermark.end - self.settle
        return [Behind(known.key, known.watermark, lag, count_between(known.watermark, self.last))]

    def nothing_new(self, known: StreamProgress) -> bool:
        """Whether no hour was closed, and no late check became due, since the progress was written."""
        if known.watermark <= self.last or len(known.late) != len(self.late_checks):
            return False
        return all(cursor > end for cursor, end in self.cursors(known))

    def unchecked(self, hour: Hour, record: HourRecord | None, late_check: timedelta) -> bool:
        """Whether an hour has not had a late check.

        An hour that is not done has not: an attempt in progress may have listed landing before. Nor has an
        hour that was found in the container after our tables were lost.
        """
        if record is None or not record.done or record.late_checked_at is None:
            return True
        return record.late_checked_at < hour.end + self.settle + late_check

    def due(self, record: HourRecord | None, target: str) -> bool:
        """Whether an hour is to be exported to a target now."""
        return record is None or record.due(self.now, self.healed_at, target=target)


def due_hours(ledger: Ledger, known: StreamProgress, rules: DueRules) -> DueHours:
    """Read the ledger from the first hour that may be due to the newest.

    This is one query, unless a stream has more history than one tick queues: then its live hours are a
    second.
    """
    key, place, last, live_from = known.key, known.place, rules.last, rules.live
    cursors = rules.cursors(known)
    first = min([known.watermark, *(cursor for cursor, end in cursors if cursor <= end)])
    reached, frontier = first.plus(-1), None
    live, history, late, unchecked = list[HourTask](), list[HourTask](), list[Hour](), dict[int, Hour]()
    moved_at = dict[Hour, datetime]()
    for hour, record in with_gaps(ledger.states(key, first, last), first, last):
        reached, done = hour, record is not None and record.done_for(place)
        pending = [
            number
            for number, (cursor, end) in enumerate(cursors)
            if cursor <= hour <= end and rules.unchecked(hour, record, rules.late_checks[number])
        ]
        for number in pending:
            unchecked.setdefault(number, hour)
        if pending and done:
            late.append(hour)
        if hour < known.watermark:
            continue
        if not done:
            frontier = frontier or hour
        if rules.due(record, place) and hour not in rules.closing.open:
            if record is not None and record.moved_at is not None:
                moved_at[hour] = record.moved_at
            (live if hour >= live_from else history).append(HourTask(key, hour))
        if len(history) == HOURS_A_STREAM_MAX and hour < live_from:
            newest = with_gaps(ledger.states(key, live_from, last), live_from, last)
            live = [
                HourTask(key, each)
                for each, record in newest
                if rules.due(record, place) and each not in rules.closing.open
            ]
            break
    late_cursors = (
        unchecked.get(number) or max(cursor, min(end, reached).plus(1))
        for number, (cursor, end) in enumerate(cursors)
    )
    watermark = max(known.watermark, last.plus(1))
    progress = replace(known, watermark=frontier or watermark, late=tuple(late_cursors))
    return DueHours(progress, Owed(key, live, history), late[:HOURS_A_STREAM_MAX], moved_at)
