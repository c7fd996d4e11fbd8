"""Hours that were done and were taken again: whatever becomes of who took them, they are finished.

Without this, an hour that a backfill has half replaced would stay so if the backfill was cancelled just then:
the schedule is past it, and looks at no hour twice.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime

from exporter.domain.breaker import CLOSED, Breaker
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.versioned import UnreadableRowError, Versioned
from exporter.notify.log_events import log_unreadable
from exporter.ports import Gateways
from exporter.schedule.failures import Failures

# Hours that one tick sees to: as a rule there are as many as workers, more only if a storage refuses many.
HOURS_MAX = 200
# Where a tick begins, if there are more, moves on by so much every five minutes.
_TURN_SECONDS = 300


def requeue_interrupted(  # noqa: PLR0913  what a tick has read, each by its name
    gateways: Gateways,
    notes: list[Versioned[HourTask]],
    active: list[Destination],
    breakers: Mapping[str, Breaker],
    *,
    now: datetime,
    failures: Failures,
) -> int:
    """Queue the noted hours that are due again, forget those that are done; return how many were queued.

    Trouble with one of them leaves it as it is, and is no matter for the others.
    """
    destinations = {destination.id: destination for destination in active}
    queued = 0
    for note in _in_turn(notes, now):
        task = note.value
        breaker = breakers.get(task.key.destination_id, CLOSED)
        with failures.guard(f"seeing to {task.key} {task.hour}, which was taken again"):
            try:
                queued += _requeue(gateways, note, destinations.get(task.key.destination_id), breaker, now)
            except UnreadableRowError as error:
                log_unreadable([error.row])
    return queued


def _requeue(
    gateways: Gateways,
    note: Versioned[HourTask],
    destination: Destination | None,
    breaker: Breaker,
    now: datetime,
) -> int:
    """See to one noted hour; return 1 if it was queued."""
    task = note.value
    if destination is None or task.key not in destination.streams:
        _forget_if_over(gateways, note)
        return 0
    found = gateways.ledger.get(task.key, task.hour)
    if found is not None and found.value.done:
        _forget(gateways, note, found)
    elif found is not None and found.value.due(now, breaker.healed_at) and not breaker.is_open(now):
        gateways.queue_of(task).send([task])
        return 1
    return 0


def _in_turn(notes: list[Versioned[HourTask]], now: datetime) -> Iterator[Versioned[HourTask]]:
    """Yield as many as one tick may see to, beginning with others each time if there are more."""
    first = int(now.timestamp() // _TURN_SECONDS) * HOURS_MAX % len(notes) if len(notes) > HOURS_MAX else 0
    yield from (notes[first:] + notes[:first])[:HOURS_MAX]


def _forget(gateways: Gateways, note: Versioned[HourTask], found: Versioned[HourRecord]) -> None:
    """Forget an hour that is done, but not if somebody is about to take it again.

    Whoever is has read the hour's record, then noted the hour, and takes it next. If he noted it before we
    read the notes, he has read the record before we write it anew here, as it is: so he does not get it. If
    he noted it later, the note is another one.
    """
    with suppress(Conflict):
        gateways.ledger.put(found.value, found.etag)
        gateways.reopened.forget(note.value.key, note.value.hour, note.etag)


def _forget_if_over(gateways: Gateways, note: Versioned[HourTask]) -> None:
    """Forget an hour of a destination that is deleted, or does not get this stream any more."""
    task = note.value
    found = gateways.destinations.get(task.key.destination_id)
    if found is None or found.value.status is Status.DELETED or task.key not in found.value.streams:
        gateways.reopened.forget(task.key, task.hour, note.etag)
