"""Which hours of a stream are due: derived from the ledger, however many ticks were missed.

Two kinds of hours are due here: hours that are owed, and hours that are done and are to be compared with
landing once more (late checks). Interrupted hours behind the watermark are the third kind (``reopened``).
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from exporter.domain.hour import Hour, count_between, last_closed_hour
from exporter.domain.hour_record import HourRecord, HourTask, StreamProgress
from exporter.domain.streams import StreamKey
from exporter.ports import Ledger
from exporter.schedule.gaps import with_gaps
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
    """The progress of a stream as the ledger has it, its owed hours, and its hours with a late check due."""

    progress: StreamProgress
    owed: Owed
    late: list[Hour]


@dataclass(frozen=True, slots=True)
class DueRules:
    """The rules for one stream at one time.

    ``late_checks`` are times after the closing of an hour at which landing is compared with it. ``healed_at``
    is when the destination's storage last recovered.
    """

    now: datetime
    settle: timedelta
    late_checks: tuple[timedelta, ...]
    healed_at: datetime | None

    @property
    def last(self) -> Hour:
        """The newest closed hour."""
        return last_closed_hour(self.now, self.settle)

    @property
    def live(self) -> Hour:
        """The first of the live hours."""
        return self.last.plus(1 - LIVE_HOURS)

    def last_at(self, late_check: timedelta) -> Hour:
        """Return the newest hour with this late check due."""
        return last_closed_hour(self.now, self.settle + late_check)

    def cursors(self, known: StreamProgress) -> tuple[Hour, ...]:
        """Return for each late check the first hour that may not have had it.

        For a new stream, that is its first hour. If the setting was changed, it is the oldest hour that may
        still be late: landing need not hold the hours before it any more.
        """
        if len(known.late) == len(self.late_checks):
            return known.late
        if known.watermark == known.first:
            return (known.first,) * len(self.late_checks)
        oldest = max(known.first, self.last_at(max(self.late_checks, default=timedelta())))
        return (oldest,) * len(self.late_checks)

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
        return all(
            cursor > self.last_at(late_check)
            for cursor, late_check in zip(known.late, self.late_checks, strict=True)
        )

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
    scan = _Scan(known, rules)
    for hour, record in with_gaps(ledger.states(known.key, scan.first, rules.last), scan.first, rules.last):
        scan.see(hour, record)
        if len(scan.history) == HOURS_A_STREAM_MAX and hour < rules.live:
            live = with_gaps(ledger.states(known.key, rules.live, rules.last), rules.live, rules.last)
            scan.live = [hour for hour, record in live if rules.due(record, known.place)]
            break
    return scan.result()


@dataclass
class _Scan:
    """One reading of a stream's ledger, hour by hour."""

    known: StreamProgress
    rules: DueRules
    frontier: Hour | None = None
    """The first hour that is not done."""
    live: list[Hour] = field(default_factory=list)
    history: list[Hour] = field(default_factory=list)
    late: list[Hour] = field(default_factory=list)
    unchecked: dict[int, Hour] = field(default_factory=dict)
    """The first hour without a late check, by the number of the check."""

    def __post_init__(self) -> None:
        self.cursors = self.rules.cursors(self.known)
        self.ends = [self.rules.last_at(late_check) for late_check in self.rules.late_checks]
        pending = (cursor for cursor, end in zip(self.cursors, self.ends, strict=True) if cursor <= end)
        self.first = min([self.known.watermark, *pending])
        self.reached = self.first.plus(-1)

    def see(self, hour: Hour, record: HourRecord | None) -> None:
        """Take note of the next hour."""
        self.reached = hour
        done = record is not None and record.done_for(self.known.place)
        if self._late_check_due(hour, record) and done:
            self.late.append(hour)
        if hour < self.known.watermark:
            return
        if not done:
            self.frontier = self.frontier or hour
        if self.rules.due(record, self.known.place):
            (self.live if hour >= self.rules.live else self.history).append(hour)

    def _late_check_due(self, hour: Hour, record: HourRecord | None) -> bool:
        due = False
        for number, late_check in enumerate(self.rules.late_checks):
            if self.cursors[number] <= hour <= self.ends[number] and self.rules.unchecked(
                hour, record, late_check
            ):
                self.unchecked.setdefault(number, hour)
                due = True
        return due

    def result(self) -> DueHours:
        key, watermark = self.known.key, max(self.known.watermark, self.rules.last.plus(1))
        late = tuple(
            self.unchecked.get(number) or max(cursor, min(self.ends[number], self.reached).plus(1))
            for number, cursor in enumerate(self.cursors)
        )
        progress = replace(self.known, watermark=self.frontier or watermark, late=late)
        live, history = ([HourTask(key, hour) for hour in hours] for hours in (self.live, self.history))
        return DueHours(progress, Owed(key, live, history), self.late[:HOURS_A_STREAM_MAX])
