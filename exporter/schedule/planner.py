"""The planner: queues the hours that are due, in an order that is fair to all streams.

Each destination, stream and stored row is a part of its own: an error in one part is raised after all others
are done.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, islice

from exporter.domain.breaker import CLOSED, Breaker
from exporter.domain.closing import Closings
from exporter.domain.destination import Destination
from exporter.domain.errors import LandingMissing
from exporter.domain.hour import Hour
from exporter.domain.hour_task import HourTask
from exporter.domain.landing import EARLIEST
from exporter.domain.signatures import EXPIRES_SOON
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import Stream, StreamKey
from exporter.domain.versioned import RowsByKey, Versioned
from exporter.notify.log_events import Event, log_event, log_unreadable
from exporter.ports import Gateways
from exporter.schedule.closings import read_closings
from exporter.schedule.due_hours import Behind, DueHours, DueRules, due_hours
from exporter.schedule.failures import Failures
from exporter.schedule.late_landings import late_tasks
from exporter.schedule.priorities import Owed, history_evenly, in_turn, live_first, one_probe_each
from exporter.schedule.queued import read_queued, remember_queued
from exporter.schedule.reopened import requeue_interrupted
from exporter.schedule.review import chosen_for_review, first_progress, review_stream

# What a tick sends within its five minutes: a day of 500 destinations.
SENT_MAX = 12_500
# More messages than this would wait for so long that they expire.
WAITING_MAX = 50_000
# History is queued only while fewer messages wait: live hours find no more than these before them.
HISTORY_WAITING_MAX = 200


@dataclass(frozen=True, slots=True)
class TickReport:
    """What a tick found: ``streams`` of active destinations, hours ``due``, and hours ``queued`` of these.

    ``late`` of the due hours are done and have a late check due. ``behind`` are the streams that owe hours,
    ``refusing`` the destinations whose storage refused the latest attempts, ``expiring`` those whose
    credentials expire soon, or have expired, and when.
    """

    streams: int
    due: int
    queued: int
    late: int = 0
    behind: tuple[Behind, ...] = ()
    refusing: tuple[str, ...] = ()
    expiring: tuple[tuple[str, datetime], ...] = ()


def queue_due_hours(  # noqa: PLR0913  what a tick depends on, each by its name
    gateways: Gateways,
    *,
    now: datetime,
    settle: timedelta,
    late_checks: tuple[timedelta, ...] = (),
    failures: Failures | None = None,
    reads_at_once: int = 1,
) -> TickReport:
    """Queue the hours that are due and that no worker exports: a bounded number, live hours first.

    The result does not depend on earlier ticks, and queueing an hour twice does no harm. The number of rows
    read grows with the streams that owe hours, not with the hours ever exported; once a day a stream's whole
    ledger is read (``review_stream``).

    A destination whose storage refused the latest attempts gets one hour as a probe, after a wait; the others
    follow when the probe succeeds.

    An error in one stream is raised after the others are queued, or added to the ``failures`` of a caller
    that raises them itself. The ledgers of ``reads_at_once`` streams are read at the same time, by threads.
    """
    raised_here = Failures()
    collected = raised_here if failures is None else failures
    planner = _Planner(gateways, now, settle, late_checks, collected, reads_at_once)
    report = planner.plan()
    raised_here.end()
    return report


@dataclass
class _Planner:
    """One tick's view of all streams."""

    gateways: Gateways
    now: datetime
    settle: timedelta
    late_checks: tuple[timedelta, ...]
    failures: Failures
    reads_at_once: int = 1
    owed: list[Owed] = field(default_factory=list)
    late: list[list[HourTask]] = field(default_factory=list)
    behind: list[Behind] = field(default_factory=list)
    moved_at: dict[tuple[StreamKey, Hour], datetime] = field(default_factory=dict)

    def plan(self) -> TickReport:
        """Queue what is due, and return what was found."""
        gateways = self.gateways
        progress, breakers = gateways.schedule.all(), gateways.breakers.all()
        active, notes = gateways.destinations.active(), gateways.reopened.all()
        unreadable = (*progress.unreadable, *breakers.unreadable)
        log_unreadable((*unreadable, *active.unreadable, *notes.unreadable))
        # The state of these is not known: they wait until an operator has repaired the row.
        unknown = {row.row_key for row in unreadable}
        closings = read_closings(gateways.pulls.sources, log=True)
        streams = [(destination, key) for destination in active for key in destination.streams]
        known = [(each, key) for each, key in streams if not unknown & {each.id, str(key)}]
        self._look(known, progress, breakers, notes, closings)
        refused = {name for name, breaker in breakers.items() if breaker.faults}
        owed = one_probe_each(self.owed, refused)
        if closings.noted:
            with self.failures.guard("looking at late landings"):
                self.late.append(late_tasks(gateways, self.failures))
        late = [tasks for tasks in self._late_by_stream() if tasks[0].key.destination_id not in refused]
        queued = 0
        if any(owed) or any(late) or notes:
            with self.failures.guard("queueing hours"):
                # Without landing nothing that is queued could be exported, and no hour may count as empty.
                gateways.landing.check()
                queued += requeue_interrupted(
                    gateways, notes, active, breakers, now=self.now, failures=self.failures
                )
                queued += self._send(owed, late)
        checks = sum(map(len, late))
        return TickReport(
            streams=len(streams),
            due=sum(map(len, owed)) + checks,
            queued=queued,
            late=checks,
            behind=tuple(self.behind),
            refusing=tuple(sorted(refused & {destination.id for destination in active})),
            expiring=tuple(
                (destination.id, at)
                for destination in active
                if (at := destination.credentials.expires_at) and at <= self.now + EXPIRES_SOON
            ),
        )

    def _late_by_stream(self) -> list[list[HourTask]]:
        """Return the hours with a late check due, of each stream and each once."""
        found = dict[StreamKey, dict[HourTask, None]]()
        for task in chain.from_iterable(self.late):
            found.setdefault(task.key, {})[task] = None
        return [list(tasks) for tasks in found.values()]

    def _look(
        self,
        keys: list[tuple[Destination, StreamKey]],
        progress: RowsByKey[StreamKey, StreamProgress],
        breakers: Mapping[str, Breaker],
        notes: list[Versioned[HourTask]],
        closings: Closings,
    ) -> None:
        """Collect of each stream the hours that are due, and whether it is behind."""
        ledger = self.gateways.ledger.identity(self.now)
        known = {
            key: progress[key].derived_from(ledger).at(destination.storage.place)
            for destination, key in keys
            if key in progress
        }
        landed = self._landed(keys, progress)
        reviews = frozenset(chosen_for_review(known, self.now))
        looks = list[tuple[StreamProgress, DueRules]]()
        for destination, key in keys:
            breaker = breakers.get(destination.id, CLOSED)
            closing = closings.of(key.stream, self.now, self.settle)
            rules = DueRules(self.now, self.settle, self.late_checks, breaker.healed_at, closing)
            with self.failures.guard(f"planning {key}"):
                found = known.get(key)
                if breaker.is_open(self.now):
                    self.behind += rules.behind(found)
                    continue
                if found is None and key.stream in landed:
                    found = self._first_progress(destination, key, ledger)
                if found is not None and key in reviews:
                    found = self._reviewed(destination, found, notes)
                if found is not None:
                    looks.append((found, rules))
        changed = dict[StreamKey, StreamProgress]()
        for (found, rules), read in zip(looks, self._due(looks), strict=True):
            with self.failures.guard(f"planning {found.key}"):
                now = self._collect(found, rules, read())
                self.behind += rules.behind(now)
                if now != progress.get(now.key):
                    changed[now.key] = now
        with self.failures.guard("saving the progress of streams"):
            self.gateways.schedule.put_all(changed)

    def _due(self, looks: list[tuple[StreamProgress, DueRules]]) -> Iterator[Callable[[], DueHours | None]]:
        """Yield for each stream a function that returns what is due of it; None if nothing can be new."""

        def read(found: StreamProgress, rules: DueRules) -> DueHours | None:
            return None if rules.nothing_new(found) else due_hours(self.gateways.ledger, found, rules)

        if self.reads_at_once == 1:
            yield from (partial(read, *look) for look in looks)
            return
        with ThreadPoolExecutor(self.reads_at_once, thread_name_prefix="look") as threads:
            yield from [threads.submit(read, *look).result for look in looks]

    def _first_progress(self, destination: Destination, key: StreamKey, ledger: str) -> StreamProgress | None:
        first = first_progress(self.gateways.ledger, self.gateways.landing, destination, key, self.now)
        return first and first.derived_from(ledger)

    def _reviewed(
        self, destination: Destination, known: StreamProgress, notes: list[Versioned[HourTask]]
    ) -> StreamProgress:
        """Return the progress after the daily review; unchanged if the review fails."""
        noted = {note.value.hour for note in notes if note.value.key == known.key}
        with self.failures.guard(f"reviewing {known.key}"):
            return review_stream(self.gateways, destination, known, noted, self.now)
        return known

    def _collect(self, known: StreamProgress, rules: DueRules, due: DueHours | None) -> StreamProgress:
        """Add the hours of a stream that are due to those of the tick; return its progress."""
        if due is None:
            return known
        self.owed.append(due.owed)
        for task in due.owed:
            if moved := max(filter(None, (due.moved_at.get(task.hour), rules.healed_at)), default=None):
                self.moved_at[task.key, task.hour] = moved
        self.late.append([HourTask(known.key, hour, late=True) for hour in due.late])
        return due.progress

    def _landed(
        self, keys: list[tuple[Destination, StreamKey]], progress: RowsByKey[StreamKey, StreamProgress]
    ) -> frozenset[Stream]:
        """Return the streams without progress whose first hour may be known by now."""
        new = frozenset(key.stream for _, key in keys if key not in progress)
        if progress:
            with self.failures.guard("looking for new streams"):
                return new & self.gateways.landing.sources() if new else new
            return frozenset()
        # No hour was ever planned, or the schedule was lost; landing may have been tidied up since.
        with self.failures.guard("looking for landing"):
            self._find_or_create_landing(keys)
            return new
        return frozenset()

    def _find_or_create_landing(self, keys: list[tuple[Destination, StreamKey]]) -> None:
        """Create landing if no hour was ever exported; otherwise it must not be missing."""
        try:
            self.gateways.landing.check()
        except LandingMissing:
            for _, key in keys:
                if next(self.gateways.ledger.states(key, EARLIEST, Hour.containing(self.now)), None):
                    raise
            self.gateways.landing.create()
            log_event(Event.LANDING_CREATED)

    def _send(self, owed: list[Owed], late: list[list[HourTask]]) -> int:
        """Queue as many hours as there is room for, owed hours first; return how many."""
        if not any(owed) and not any(late):
            return 0
        queued = read_queued(self.gateways, self.now)

        def new(tasks: Iterable[HourTask]) -> Iterator[HourTask]:
            return (task for task in tasks if not queued.has(task, self.moved_at.get((task.key, task.hour))))

        room = max(0, min(SENT_MAX, WAITING_MAX - queued.waiting))
        live = list(islice(new(live_first(owed)), room))
        history_room = max(0, HISTORY_WAITING_MAX - queued.waiting - len(live))
        history = islice(new(history_evenly(owed, self.now)), history_room)
        tasks = list(islice(chain(live, history, new(in_turn(late))), room))
        if tasks:
            self.gateways.hours.send(tasks)
            remember_queued(self.gateways.state, queued, tasks, self.now)
        return len(tasks)
