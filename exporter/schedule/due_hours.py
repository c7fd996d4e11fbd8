"""The tick: which hours are owed, derived from the ledger, and queued.

Three kinds of hours are: those of the schedule that are not done; those that were done and were taken again,
and not finished (``requeue_interrupted``); and those that are done, and are to be compared with landing once
more.

Each destination, stream and stored row is a part of its own: trouble with one is raised when all the others
are done.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain, islice

from exporter.domain.breaker import CLOSED, Breaker
from exporter.domain.destination import Destination
from exporter.domain.errors import LandingMissing
from exporter.domain.hour import Hour, hours_between, last_closed_hour
from exporter.domain.hour_record import HourRecord, HourTask, StreamProgress
from exporter.domain.landing import EARLIEST
from exporter.domain.streams import Stream, StreamKey
from exporter.domain.versioned import RowsByKey, Versioned
from exporter.notify.log_events import Event, log_event, log_unreadable
from exporter.ports import Gateways
from exporter.schedule.failures import Failures
from exporter.schedule.priorities import LIVE_HOURS, Owed, history_evenly, in_turn, live_first, one_probe_each
from exporter.schedule.reopened import requeue_interrupted
from exporter.schedule.review import chosen_for_review, first_progress, review_stream

# More messages than this would only repeat themselves on the next tick.
WAITING_MAX = 500
# History is queued only as long as fewer messages wait: live hours that close find no more before them.
HISTORY_WAITING_MAX = 200
# So that one stream's long backlog neither fills the queue nor makes a tick long: it goes on next time.
HOURS_A_STREAM_MAX = 100


@dataclass(frozen=True, slots=True)
class Behind:
    """A stream that owes hours: the ``oldest`` of them, for how long, and how many there are at most."""

    key: StreamKey
    oldest: Hour
    lag: timedelta
    hours_max: int


@dataclass(frozen=True, slots=True)
class TickReport:
    """What a tick found: ``streams`` of active destinations, hours ``due`` and, of these, ``queued``.

    ``late`` is how many of the due hours are done, and are to be looked at once more. ``behind`` are the
    streams that owe hours, ``refusing`` the destinations whose storage has refused the newest attempts.
    """

    streams: int
    due: int
    queued: int
    late: int = 0
    behind: tuple[Behind, ...] = ()
    refusing: tuple[str, ...] = ()


def queue_due_hours(
    gateways: Gateways,
    *,
    now: datetime,
    settle: timedelta,
    late_checks: tuple[timedelta, ...] = (),
    failures: Failures | None = None,
) -> TickReport:
    """Queue the hours that should be exported by now and that nobody is exporting: bounded, live ones first.

    Nothing depends on an earlier tick having happened, and to queue an hour twice does no harm. What is read
    grows with the streams that owe something, not with how much was ever exported; and, once a day, with that
    (``review_stream``).

    A destination whose storage has refused the newest attempts gets nothing for a while, and then one hour to
    try: only when that succeeds, the rest.

    Trouble with one stream does not keep the others waiting: it is raised when they are queued, or added to
    the ``failures`` of the caller, who raises them.
    """
    found_here = Failures()
    planner = _Planner(gateways, now, settle, late_checks, found_here if failures is None else failures)
    found = planner.plan()
    found_here.end()
    return found


@dataclass
class _Planner:
    """One tick's look at all streams."""

    gateways: Gateways
    now: datetime
    settle: timedelta
    late_checks: tuple[timedelta, ...]
    failures: Failures

    def plan(self) -> TickReport:
        """Queue what is owed, and return what was found."""
        gateways, now, failures = self.gateways, self.now, self.failures
        progress, breakers = gateways.schedule.all(), gateways.breakers.all()
        active, notes = gateways.destinations.active(), gateways.reopened.all()
        unreadable = (*progress.unreadable, *breakers.unreadable)
        log_unreadable((*unreadable, *active.unreadable, *notes.unreadable))
        # Of these it is not known how they stand. They wait until an operator has seen to the row.
        unknown = {row.row_key for row in unreadable}
        streams = [(destination, key) for destination in active for key in destination.streams]
        keys = [(each, key) for each, key in streams if not unknown & {each.id, str(key)}]
        refused = {name for name, breaker in breakers.items() if breaker.faults}
        owed, late, behind = self._look(keys, progress, breakers, notes)
        owed = one_probe_each(owed, refused)
        late = [tasks for tasks in late if tasks and tasks[0].key.destination_id not in refused]
        queued = 0
        if any(owed) or any(late) or notes:
            with failures.guard("queueing hours"):
                # Without it, nothing that is queued could be exported, and nobody may take it for empty.
                gateways.landing.check()
                queued += requeue_interrupted(gateways, notes, active, breakers, now=now, failures=failures)
                queued += self._send(owed, late)
        checks = sum(map(len, late))
        return TickReport(
            *(len(streams), sum(map(len, owed)) + checks, queued, checks),
            behind=tuple(behind),
            refusing=tuple(sorted(refused & {destination.id for destination in active})),
        )

    def _look(
        self,
        keys: list[tuple[Destination, StreamKey]],
        progress: RowsByKey[StreamKey, StreamProgress],
        breakers: Mapping[str, Breaker],
        notes: list[Versioned[HourTask]],
    ) -> tuple[list[Owed], list[list[HourTask]], list[Behind]]:
        """Look at each stream; return what it owes, what is to be looked at once more, and who is behind."""
        ledger = self.gateways.ledger.identity(self.now)
        known = {
            key: progress[key].derived_from(ledger).at(each.storage.place) if key in progress else None
            for each, key in keys
        }
        landed = self._landed(keys, progress)
        noted: dict[StreamKey, set[Hour]] = {}
        for note in notes:
            noted.setdefault(note.value.key, set()).add(note.value.hour)
        reviews = frozenset(
            chosen_for_review({key: found for key, found in known.items() if found is not None}, self.now)
        )
        owed: list[Owed] = []
        late: list[list[HourTask]] = []
        behind: list[Behind] = []
        for destination, key in keys:
            breaker = breakers.get(destination.id, CLOSED)
            moment = _DueRules(self.now, self.settle, self.late_checks, breaker.healed_at)
            with self.failures.guard(f"planning {key}"):
                found = known[key]
                if breaker.is_open(self.now):
                    behind += moment.behind(found)
                    continue
                if found is None and key.stream in landed:
                    found = first_progress(destination, key, self.gateways, self.now)
                    found = found and found.derived_from(ledger)
                if found is not None and key in reviews:
                    with self.failures.guard(f"reviewing {key}"):
                        found = review_stream(
                            self.gateways, destination, found, noted.get(key, set()), self.now
                        )
                if found is not None and not moment.nothing_new(found):
                    due = _due(self.gateways, found, moment)
                    found = due.progress
                    owed.append(due.owed)
                    late.append([HourTask(key, hour, late=True) for hour in due.late])
                behind += moment.behind(found)
                if found is not None and found != progress.get(key):
                    self.gateways.schedule.put(found.key, found)
        return owed, late, behind

    def _landed(
        self, keys: list[tuple[Destination, StreamKey]], progress: RowsByKey[StreamKey, StreamProgress]
    ) -> frozenset[Stream]:
        """Return the streams whose first hour may be known by now, of those for which it is not yet."""
        new = frozenset(key.stream for _, key in keys if key not in progress)
        if progress:
            with self.failures.guard("looking for new streams"):
                return new & self.gateways.landing.sources() if new else new
            return frozenset()
        # Nothing was ever planned, or the schedule was lost; landing may have been tidied up since.
        with self.failures.guard("looking for landing"):
            self._find_or_make_landing(keys)
            return new
        return frozenset()

    def _find_or_make_landing(self, keys: list[tuple[Destination, StreamKey]]) -> None:
        """Make landing where nothing was ever exported; else it is not to be missing."""
        try:
            self.gateways.landing.check()
        except LandingMissing:
            for _, key in keys:
                if next(self.gateways.ledger.states(key, EARLIEST, Hour.containing(self.now)), None):
                    raise
            self.gateways.landing.create()
            log_event(Event.LANDING_CREATED)

    def _send(self, owed: list[Owed], late: list[list[HourTask]]) -> int:
        """Queue as many hours as there is room for, those that are owed first; return how many."""
        if not any(owed) and not any(late):
            return 0
        waiting = self.gateways.hours.waiting()
        room = max(0, WAITING_MAX - waiting)
        live = list(islice(live_first(owed), room))
        history_room = max(0, HISTORY_WAITING_MAX - waiting - len(live))
        history = islice(history_evenly(owed, self.now), history_room)
        chosen = list(islice(chain(live, history, in_turn(late)), room))
        self.gateways.hours.send(chosen)
        return len(chosen)


@dataclass(frozen=True, slots=True)
class _DueRules:
    """When a stream is looked at, and at which distances from their closing its done hours are."""

    now: datetime
    settle: timedelta
    late_checks: tuple[timedelta, ...]
    healed_at: datetime | None

    @property
    def last(self) -> Hour:
        """The newest closed hour."""
        return last_closed_hour(self.now, self.settle)

    def last_at(self, distance: timedelta) -> Hour:
        """Return the newest hour that has been closed for so long."""
        return last_closed_hour(self.now, self.settle + distance)

    def cursors(self, known: StreamProgress) -> tuple[Hour, ...]:
        """Return from where on hours are to be looked at, for each distance.

        Where nobody has looked yet, that is the first hour; where other distances were set since, the oldest
        one that may still be late: landing need not hold the hours before it any more.
        """
        if len(known.late) == len(self.late_checks):
            return known.late
        if known.watermark == known.first:
            return (known.first,) * len(self.late_checks)
        oldest = max(known.first, self.last_at(max(self.late_checks, default=timedelta())))
        return (oldest,) * len(self.late_checks)

    def behind(self, known: StreamProgress | None) -> list[Behind]:
        """Return the stream, if it owes an hour: the one that its schedule has come to."""
        if known is None or known.watermark > self.last:
            return []
        lag = self.now - known.watermark.end - self.settle
        hours_max = (self.last.start - known.watermark.start) // timedelta(hours=1) + 1
        return [Behind(known.key, known.watermark, lag, hours_max)]

    def nothing_new(self, known: StreamProgress) -> bool:
        """Whether no hour has been closed, or become due for a look, since the stream was looked at."""
        if known.watermark <= self.last or len(known.late) != len(self.late_checks):
            return False
        return all(
            cursor > self.last_at(distance)
            for cursor, distance in zip(known.late, self.late_checks, strict=True)
        )

    def unseen(self, hour: Hour, record: HourRecord | None, distance: timedelta) -> bool:
        """Whether an hour has not been looked at since it has been closed for so long.

        One that is not done has not: an attempt that is under way may have listed it before. Nor has one that
        was found in the container when our tables were lost.
        """
        if record is None or not record.done or record.late_checked_at is None:
            return True
        return record.late_checked_at < hour.end + self.settle + distance


@dataclass(frozen=True, slots=True)
class _Found:
    """How far a stream really is, its hours that are due, and those to look at once more."""

    progress: StreamProgress
    owed: Owed
    late: list[Hour]


def _due(gateways: Gateways, known: StreamProgress, moment: _DueRules) -> _Found:
    """Read the ledger from the first hour that may be due to the newest.

    That is done once, unless there is more history than a tick queues of a stream: then the live hours are
    read by themselves.
    """
    key = known.key
    frontier: Hour | None = None
    live: list[HourTask] = []
    history: list[HourTask] = []
    late: list[Hour] = []
    unseen: dict[int, Hour] = {}
    last, cursors = moment.last, moment.cursors(known)
    lives = last.plus(1 - LIVE_HOURS)
    ends = [moment.last_at(distance) for distance in moment.late_checks]
    first = min(
        [known.watermark, *(cursor for cursor, end in zip(cursors, ends, strict=True) if cursor <= end)]
    )
    reached = first.plus(-1)
    for hour, record in with_gaps(gateways.ledger.states(key, first, last), first, last):
        reached = hour
        for place, distance in enumerate(moment.late_checks):
            if cursors[place] <= hour <= ends[place] and moment.unseen(hour, record, distance):
                unseen.setdefault(place, hour)
                if record is not None and record.done_for(known.place) and hour not in late[-1:]:
                    late.append(hour)
        if hour < known.watermark:
            continue
        if record is None or not record.done_for(known.place):
            frontier = frontier or hour
        if record is None or record.due(moment.now, moment.healed_at, target=known.place):
            (live if hour >= lives else history).append(HourTask(key, hour))
        if len(history) == HOURS_A_STREAM_MAX and hour < lives:
            live = [
                HourTask(key, hour)
                for hour, record in with_gaps(gateways.ledger.states(key, lives, last), lives, last)
                if record is None or record.due(moment.now, moment.healed_at, target=known.place)
            ]
            break
    seen = (
        unseen.get(place) or max(cursor, min(ends[place], reached).plus(1))
        for place, cursor in enumerate(cursors)
    )
    progress = replace(known, watermark=frontier or max(known.watermark, last.plus(1)), late=tuple(seen))
    return _Found(progress, Owed(key, live, history), late[:HOURS_A_STREAM_MAX])


def with_gaps(
    records: Iterator[HourRecord], first: Hour, last: Hour
) -> Iterator[tuple[Hour, HourRecord | None]]:
    """Yield every hour from ``first`` to ``last`` with its record, or None where the ledger has none."""
    record = next(records, None)
    for hour in hours_between(first, last):
        if record is not None and record.hour == hour:
            yield hour, record
            record = next(records, None)
        else:
            yield hour, None
