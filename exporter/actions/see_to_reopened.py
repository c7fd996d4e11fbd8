"""Hours that were done and were taken again: whatever becomes of who took them, they are finished.

Without this, an hour that a backfill has half replaced would stay so if the backfill was cancelled just then:
the schedule is past it, and looks at no hour twice.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from exporter.actions.ports import Gateways
from exporter.domain.destination import Destination, Status
from exporter.domain.ledger import HourTask
from exporter.domain.standing import GOOD, Standing

# Hours that one tick sees to: as a rule there are as many as workers, more only if a storage refuses many.
HOURS_MAX = 200
# Where a tick begins, if there are more, moves on by so much every five minutes.
_TURN_SECONDS = 300


def see_to_reopened(
    gateways: Gateways, active: list[Destination], standings: Mapping[str, Standing], *, now: datetime
) -> int:
    """Queue the noted hours that are due again, forget those that are done; return how many were queued."""
    destinations = {destination.id: destination for destination in active}
    queued = 0
    for task in _in_turn(gateways.reopened.all(), now):
        destination = destinations.get(task.key.destination_id)
        standing = standings.get(task.key.destination_id, GOOD)
        if destination is None or task.key not in destination.streams:
            _forget_if_over(gateways, task)
            continue
        found = gateways.ledger.get(task.key, task.hour)
        if found is not None and found.value.done:
            gateways.reopened.forget(task.key, task.hour)
        elif found is not None and found.value.due(now, standing.healed_at) and not standing.waits(now):
            gateways.queue_of(task).send([task])
            queued += 1
    return queued


def _in_turn(tasks: list[HourTask], now: datetime) -> Iterator[HourTask]:
    """Yield as many as one tick may see to, beginning with others each time if there are more."""
    first = int(now.timestamp() // _TURN_SECONDS) * HOURS_MAX % len(tasks) if len(tasks) > HOURS_MAX else 0
    yield from (tasks[first:] + tasks[:first])[:HOURS_MAX]


def _forget_if_over(gateways: Gateways, task: HourTask) -> None:
    """Forget an hour of a destination that is deleted, or does not get this stream any more."""
    found = gateways.destinations.get(task.key.destination_id)
    if found is None or found.value.status is Status.DELETED or task.key not in found.value.streams:
        gateways.reopened.forget(task.key, task.hour)
