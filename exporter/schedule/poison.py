"""Poison: a request for an hour that failed again and again, mostly because its worker died each time.

The hour is recorded as failed, so that people see it, and so that it is owed again after its back-off.
"""

from enum import StrEnum

from exporter.domain.backfill import backfill_id
from exporter.domain.destination import Status
from exporter.domain.errors import Conflict, Fault
from exporter.domain.hour_record import HourRecord, HourStatus
from exporter.domain.hour_task import HourTask
from exporter.ports import Clock, Gateways

# Each time it is changed by somebody else, somebody is at work on it.
TRIES_MAX = 3


class Recorded(StrEnum):
    """What became of a request that is poison."""

    FAILED = "recorded as failed"
    KNOWN = "failed already, for a reason of its own"
    DONE = "done meanwhile"
    RUNNING = "being exported"
    NOT_WANTED = "not wanted"


def record_poison(task: HourTask, gateways: Gateways, *, error_id: str, clock: Clock) -> Recorded:
    """Record the hour as failed with ``internal_error``, unless it is done, or somebody is exporting it."""
    found = gateways.destinations.get(task.key.destination_id)
    if found is None or found.value.status is Status.DELETED or task.key not in found.value.streams:
        return Recorded.NOT_WANTED
    for _ in range(TRIES_MAX):
        try:
            return _record(task, gateways, error_id, clock)
        except Conflict:
            continue
    return Recorded.RUNNING


def _record(task: HourTask, gateways: Gateways, error_id: str, clock: Clock) -> Recorded:
    now, found = clock(), gateways.ledger.get(task.key, task.hour)
    record = found.value if found else HourRecord(task.key, task.hour)
    if record.done:
        return Recorded.DONE
    # From now on the tick sees to it that the hour is done, if the schedule would not: that of a backfill.
    gateways.reopened.remember(HourTask(task.key, task.hour, task.requested_by))
    if record.claimed(now):
        return Recorded.RUNNING
    # A backfill is told that its hour has failed, even if no worker lived long enough to take it.
    untold = backfill_id(task.requested_by) is not None and (record.work.requested_by, record.work.round) != (
        task.requested_by,
        task.round,
    )
    if record.status is HourStatus.FAILED and not record.due(now) and not untold:
        return Recorded.KNOWN
    if record.work.attempts == 0 or untold:
        record = record.claimed_by(error_id, task.requested_by, now, round_=task.round)
    gateways.ledger.put(record.failed(_fault(error_id), now), found.etag if found else None)
    return Recorded.FAILED


def _fault(error_id: str) -> Fault:
    return Fault(
        code="internal_error",
        message="The export of this hour was broken off again and again; it is tried again by itself.",
        fix=f"If it stays, ask the operator of this exporter to look into the logs for {error_id}.",
    )
