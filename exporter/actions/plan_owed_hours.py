"""The tick: which hours are owed, derived from the ledger, and queued."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from exporter.actions.ports import Gateways, Landing
from exporter.domain.destination import Destination
from exporter.domain.hours import Hour, hours_between, last_closed_hour
from exporter.domain.ledger import HourRecord, HourTask, Progress
from exporter.domain.standing import GOOD
from exporter.domain.streams import DataType, StreamKey

# More messages than this would only repeat themselves on the next tick.
WAITING_MAX = 500
# So that one stream's long backlog neither fills the queue nor makes a tick long: it goes on next time.
HOURS_A_STREAM_MAX = 100


@dataclass(frozen=True, slots=True)
class Tick:
    """What a tick found: ``streams`` of active destinations, hours ``due`` and, of these, ``queued``."""

    streams: int
    due: int
    queued: int


def plan_owed_hours(gateways: Gateways, *, now: datetime, settle: timedelta) -> Tick:
    """Queue the hours that should be exported by now and that nobody is exporting: oldest first, bounded.

    Nothing depends on an earlier tick having happened, and to queue an hour twice does no harm. What is read
    grows with the streams that owe something, not with how much was ever exported.

    A destination whose storage has refused the newest attempts gets nothing for a while, and then one hour to
    try: only when that succeeds, the rest.

    Trouble with one stream does not keep the others waiting: it is raised when they are queued.
    """
    last = last_closed_hour(now, settle)
    progress, standings = gateways.schedule.all(), gateways.standings.all()
    keys = [
        (destination, key) for destination in gateways.destinations.active() for key in destination.streams
    ]
    due: list[list[HourTask]] = []
    troubles: list[Exception] = []
    for destination, key in keys:
        known = progress.get(key)
        standing = standings.get(destination.id, GOOD)
        if (known is not None and known.next > last) or standing.waits(now):
            continue
        try:
            known = known or first_progress(destination, key, gateways.landing)
            if known is not None:
                moment = _Moment(last, now, standing.healed_at)
                advanced, hours = _due(gateways, known, moment)
                if advanced != progress.get(key):
                    gateways.schedule.put(advanced)
                due.append([HourTask(key, hour) for hour in hours])
        except Exception as trouble:  # noqa: BLE001  raised below
            trouble.add_note(f"while planning {key}")
            troubles.append(trouble)
    due = _probing(due, {name for name, standing in standings.items() if standing.faults})
    room = max(0, WAITING_MAX - gateways.hours.waiting()) if any(due) else 0
    chosen = list(islice(_in_turn(due), room))
    gateways.hours.send(chosen)
    if troubles:
        raise ExceptionGroup(f"{len(troubles)} of {len(keys)} streams could not be planned", troubles)
    return Tick(len(keys), sum(map(len, due)), len(chosen))


def first_progress(destination: Destination, key: StreamKey, landing: Landing) -> Progress | None:
    """Return where a stream's schedule begins; None while that cannot be known.

    Events begin on the day of activation. Merged ids begin with the earliest that there are: each one matters
    for events of any time.
    """
    if key.stream.data_type is DataType.EVENTS:
        first: Hour | None = destination.first_hour_of_events()
    else:
        first = landing.earliest_hour(key.stream)
    return Progress(key, first, first) if first else None


@dataclass(frozen=True, slots=True)
class _Moment:
    """When a stream is looked at: ``last`` is the newest closed hour."""

    last: Hour
    now: datetime
    healed_at: datetime | None


def _due(gateways: Gateways, known: Progress, moment: _Moment) -> tuple[Progress, list[Hour]]:
    """Return how far the stream really is, and its oldest hours that are due."""
    frontier: Hour | None = None
    hours: list[Hour] = []
    last = moment.last
    for hour, record in with_gaps(gateways.ledger.states(known.key, known.next, last), known.next, last):
        if record is None or not record.done:
            frontier = frontier or hour
        if record is None or record.due(moment.now, moment.healed_at):
            hours.append(hour)
        if len(hours) == HOURS_A_STREAM_MAX:
            break
    return replace(known, next=frontier or max(known.next, last.plus(1))), hours


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
