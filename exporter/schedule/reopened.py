"""Reopened hours: hours that were done and were claimed again are finished, even if their worker dies.

Without this, an hour that a backfill has half replaced would stay so if the backfill is cancelled at that
moment: the watermark is past the hour.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime

from exporter.domain.breaker import CLOSED, Breaker
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict
from exporter.domain.hour_record import HourRecord, HourTask
from exporter.domain.versioned import UnreadableRowError, Versioned
from exporter.notify.log_events import log_unreadable
from exporter.ports import Gateways
from exporter.schedule.failures import Failures

# Notes that one tick handles. Usually there are as many as workers; more if a customer's storage refuses
# many.
HOURS_MAX = 200
# If there are more notes, each tick begins with others: it moves by ``HOURS_MAX`` every five minutes.
_TURN_SECONDS = 300


def requeue_interrupted(  # noqa: PLR0913  the rows that a tick has read
    gateways: Gateways,
    notes: list[Versioned[HourTask]],
    active: list[Destination],
    breakers: Mapping[str, Breaker],
    *,
    now: datetime,
    failures: Failures,
) -> int:
    """Queue the noted hours that are due again, forget those that are done; return how many were queued.

    An error in one of them leaves its note as it is, and the others are handled.
    """
    destinations = {destination.id: destination for destination in active}
    queued = 0
    for note in _in_turn(notes, now):
        task = note.value
        breaker = breakers.get(task.key.destination_id, CLOSED)
        with failures.guard(f"requeueing {task.key} {task.hour}"):
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
    """Queue or forget one noted hour; return 1 if it was queued."""
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
    """Yield as many notes as one tick handles; if there are more, each tick begins with others."""
    first = int(now.timestamp() // _TURN_SECONDS) * HOURS_MAX % len(notes) if len(notes) > HOURS_MAX else 0
    yield from (notes[first:] + notes[:first])[:HOURS_MAX]


def _forget(gateways: Gateways, note: Versioned[HourTask], found: Versioned[HourRecord]) -> None:
    """Forget an hour that is done, unless a worker is about to claim it again.

    A worker reads the record, saves a note, then claims. Rewriting the unchanged record changes its ETag, so
    a worker that saved its note before this tick read the notes loses the claim. A note that was saved later
    has another ETag, and stays.
    """
    with suppress(Conflict):
        gateways.ledger.put(found.value, found.etag)
        gateways.reopened.forget(note.value.key, note.value.hour, note.etag)


def _forget_if_over(gateways: Gateways, note: Versioned[HourTask]) -> None:
    """Forget an hour of a destination that was deleted, or does not receive this stream any more."""
    task = note.value
    found = gateways.destinations.get(task.key.destination_id)
    if found is None or found.value.status is Status.DELETED or task.key not in found.value.streams:
        gateways.reopened.forget(task.key, task.hour, note.etag)
