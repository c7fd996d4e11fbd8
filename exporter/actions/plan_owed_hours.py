"""The tick: which hours are owed, derived from the ledger, and queued.

Three kinds of hours are: those of the schedule that are not done; those that were done and were taken again,
by somebody who has not come to the end (``see_to_reopened``); and those that are done, and are to be compared
with landing once more.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain, islice

from exporter.actions.ports import Gateways, Landing
from exporter.actions.see_to_reopened import see_to_reopened
from exporter.domain.destination import Destination
from exporter.domain.hours import Hour, hours_between, last_closed_hour
from exporter.domain.ledger import HourRecord, HourTask, Progress
from exporter.domain.standing import GOOD, Standing
from exporter.domain.streams import DataType, StreamKey

# More messages than this would only repeat themselves on the next tick.
WAITING_MAX = 500
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
class Tick:
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


def plan_owed_hours(
    gateways: Gateways, *, now: datetime, settle: timedelta, late_checks: tuple[timedelta, ...] = ()
) -> Tick:
    """Queue the hours that should be exported by now and that nobody is exporting: oldest first, bounded.

    Nothing depends on an earlier tick having happened, and to queue an hour twice does no harm. What is read
    grows with the streams that owe something, not with how much was ever exported.

    A destination whose storage has refused the newest attempts gets nothing for a while, and then one hour to
    try: only when that succeeds, the rest.

    Trouble with one stream does not keep the others waiting: it is raised when they are queued.
    """
    progress, standings = gateways.schedule.all(), gateways.standings.all()
    active = gateways.destinations.active()
    keys = [(destination, key) for destination in active for key in destination.streams]
    due: list[list[HourTask]] = []
    late: list[list[HourTask]] = []
    behind: list[Behind] = []
    troubles: list[Exception] = []
    for destination, key in keys:
        known = progress.get(key)
        known = known.at(destination.storage.place) if known else None
        standing = standings.get(destination.id, GOOD)
        moment = _Moment(now, settle, late_checks, standing.healed_at)
        if (known is not None and moment.nothing_new(known)) or standing.waits(now):
            behind += moment.behind(known)
            continue
        try:
            known = known or first_progress(destination, key, gateways.landing)
            if known is not None:
                found = _due(gateways, known, moment)
                if found.progress != progress.get(key):
                    gateways.schedule.put(found.progress)
                due.append([HourTask(key, hour) for hour in found.owed])
                late.append([HourTask(key, hour, late=True) for hour in found.late])
                behind += moment.behind(found.progress)
        except Exception as trouble:  # noqa: BLE001  raised below
            trouble.add_note(f"while planning {key}")
            troubles.append(trouble)
    refused = {name for name, standing in standings.items() if standing.faults}
    due = _probing(due, refused)
    late = [tasks for tasks in late if tasks and tasks[0].key.destination_id not in refused]
    queued = _send(gateways, due, late)
    queued += _reopened(gateways, active, standings, now, troubles)
    if troubles:
        raise ExceptionGroup(f"{len(troubles)} of {len(keys)} streams could not be planned", troubles)
    checks = sum(map(len, late))
    return Tick(
        *(len(keys), sum(map(len, due)) + checks, queued, checks),
        behind=tuple(behind),
        refusing=tuple(sorted(refused & {destination.id for destination in active})),
    )


def _send(gateways: Gateways, due: list[list[HourTask]], late: list[list[HourTask]]) -> int:
    """Queue as many hours as there is room for, those that are owed first; return how many."""
    room = max(0, WAITING_MAX - gateways.hours.waiting()) if any(due) or any(late) else 0
    chosen = list(islice(chain(_in_turn(due), _in_turn(late)), room))
    gateways.hours.send(chosen)
    return len(chosen)


def _reopened(
    gateways: Gateways,
    active: list[Destination],
    standings: Mapping[str, Standing],
    now: datetime,
    troubles: list[Exception],
) -> int:
    """See to hours that were taken again; trouble with them is told together with the rest."""
    try:
        return see_to_reopened(gateways, active, standings, now=now)
    except Exception as trouble:  # noqa: BLE001  raised by the caller
        trouble.add_note("while seeing to hours that were taken again")
        troubles.append(trouble)
        return 0


def first_progress(destination: Destination, key: StreamKey, landing: Landing) -> Progress | None:
    """Return where a stream's schedule begins; None while that cannot be known.

    Events begin on the day of activation. Merged ids begin with the earliest that there are: each one matters
    for events of any time.
    """
    if key.stream.data_type is DataType.EVENTS:
        first: Hour | None = destination.first_hour_of_events()
    else:
        first = landing.earliest_hour(key.stream)
    return Progress(key, first, first, place=destination.storage.place) if first else None


@dataclass(frozen=True, slots=True)
class _Moment:
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

    def cursors(self, known: Progress) -> tuple[Hour, ...]:
        """Return from where on hours are to be looked at, for each distance.

        Where nobody has looked yet, that is the first hour; where other distances were set since, the oldest
        one that may still be late: landing need not hold the hours before it any more.
        """
        if len(known.late) == len(self.late_checks):
            return known.late
        if known.next == known.first:
            return (known.first,) * len(self.late_checks)
        oldest = max(known.first, self.last_at(max(self.late_checks, default=timedelta())))
        return (oldest,) * len(self.late_checks)

    def behind(self, known: Progress | None) -> list[Behind]:
        """Return the stream, if it owes an hour: the one that its schedule has come to."""
        if known is None or known.next > self.last:
            return []
        lag = self.now - known.next.end - self.settle
        hours_max = (self.last.start - known.next.start) // timedelta(hours=1) + 1
        return [Behind(known.key, known.next, lag, hours_max)]

    def nothing_new(self, known: Progress) -> bool:
        """Whether no hour has been closed, or become due for a look, since the stream was looked at."""
        if known.next <= self.last or len(known.late) != len(self.late_checks):
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
        if record is None or not record.done or record.looked_at is None:
            return True
        return record.looked_at < hour.end + self.settle + distance


@dataclass(frozen=True, slots=True)
class _Found:
    """How far a stream really is, its oldest hours that are due, and those to look at once more."""

    progress: Progress
    owed: list[Hour]
    late: list[Hour]


def _due(gateways: Gateways, known: Progress, moment: _Moment) -> _Found:
    """Read the ledger once, from the first hour that may be due to the newest."""
    frontier: Hour | None = None
    owed: list[Hour] = []
    late: list[Hour] = []
    unseen: dict[int, Hour] = {}
    last, cursors = moment.last, moment.cursors(known)
    ends = [moment.last_at(distance) for distance in moment.late_checks]
    first = min([known.next, *(cursor for cursor, end in zip(cursors, ends, strict=True) if cursor <= end)])
    reached = first.plus(-1)
    for hour, record in with_gaps(gateways.ledger.states(known.key, first, last), first, last):
        reached = hour
        for place, distance in enumerate(moment.late_checks):
            if cursors[place] <= hour <= ends[place] and moment.unseen(hour, record, distance):
                unseen.setdefault(place, hour)
                if record is not None and record.done_for(known.place) and hour not in late[-1:]:
                    late.append(hour)
        if hour < known.next:
            continue
        if record is None or not record.done_for(known.place):
            frontier = frontier or hour
        if record is None or record.due(moment.now, moment.healed_at, target=known.place):
            owed.append(hour)
        if len(owed) == HOURS_A_STREAM_MAX:
            break
    seen = (
        unseen.get(place) or max(cursor, min(ends[place], reached).plus(1))
        for place, cursor in enumerate(cursors)
    )
    progress = replace(known, next=frontier or max(known.next, last.plus(1)), late=tuple(seen))
    return _Found(progress, owed, late[:HOURS_A_STREAM_MAX])


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


def _probing(due: list[list[HourTask]], refused: set[str]) -> list[list[HourTask]]:
    """Leave of each destination that was refused last time only its oldest hour: the others wait for that."""
    probes: dict[str, HourTask] = {}
    for task in (tasks[0] for tasks in due if tasks and tasks[0].key.destination_id in refused):
        best = probes.get(task.key.destination_id, task)
        probes[task.key.destination_id] = min(best, task, key=lambda each: each.hour)
    others = [tasks for tasks in due if not tasks or tasks[0].key.destination_id not in refused]
    return [*others, *([probe] for probe in probes.values())]


def _in_turn(due: list[list[HourTask]]) -> Iterator[HourTask]:
    """Yield the oldest hour of each stream, then the second oldest of each, and so on.

    So a stream that is a month behind does not make the others wait for its month.
    """
    for rank in range(max(map(len, due), default=0)):
        tasks = (tasks[rank] for tasks in due if rank < len(tasks))
        yield from sorted(tasks, key=lambda task: task.hour)
