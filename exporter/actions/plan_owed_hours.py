"""The tick: which hours are owed, derived from the ledger, and queued."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from exporter.actions.ports import Gateways, Landing
from exporter.domain.destination import Destination
from exporter.domain.hours import Hour, hours_between, last_closed_hour
from exporter.domain.ledger import HourRecord, HourTask, Progress
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

    Trouble with one stream does not keep the others waiting: it is raised when they are queued.
    """
    last = last_closed_hour(now, settle)
    progress = gateways.schedule.all()
    keys = [
        (destination, key) for destination in gateways.destinations.active() for key in destination.streams
    ]
    due: list[list[HourTask]] = []
    troubles: list[Exception] = []
    for destination, key in keys:
        known = progress.get(key)
        if known is not None and known.next > last:
            continue
        try:
            known = known or first_progress(destination, key, gateways.landing)
            if known is not None:
                advanced, hours = _due(gateways, known, last, now)
                if advanced != progress.get(key):
                    gateways.schedule.put(advanced)
                due.append([HourTask(key, hour) for hour in hours])
        except Exception as trouble:  # noqa: BLE001  raised below
            trouble.add_note(f"while planning {key}")
            troubles.append(trouble)
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


def _due(gateways: Gateways, known: Progress, last: Hour, now: datetime) -> tuple[Progress, list[Hour]]:
    """Return how far the stream really is, and its oldest hours that are due."""
    frontier: Hour | None = None
    hours: list[Hour] = []
    for hour, record in with_gaps(gateways.ledger.states(known.key, known.next, last), known.next, last):
        if record is None or not record.done:
            frontier = frontier or hour
        if record is None or record.due(now):
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


def _in_turn(due: list[list[HourTask]]) -> Iterator[HourTask]:
    """Yield the oldest hour of each stream, then the second oldest of each, and so on.

    So a stream that is a month behind does not make the others wait for its month.
    """
    for rank in range(max(map(len, due), default=0)):
        tasks = (tasks[rank] for tasks in due if rank < len(tasks))
        yield from sorted(tasks, key=lambda task: task.hour)
