"""Poison messages: requests for an hour whose deliveries all failed, mostly because each worker died.

The hour is recorded as failed: people see it, and it is due again after its back-off.
"""

from enum import StrEnum

from exporter.domain.backfill import backfill_id
from exporter.domain.destination import Status
from exporter.domain.errors import Conflict, Fault
from exporter.domain.hour_record import HourRecord, HourStatus, HourTask
from exporter.ports import Clock, Gateways

# Each conflict shows that another worker is busy with the hour.
TRIES_MAX = 3


class Recorded(StrEnum):
    """Result of recording a poison message."""

    FAILED = "recorded as failed"
    KNOWN = "failed already, for a reason of its own"
    DONE = "done meanwhile"
    RUNNING = "being exported"
    NOT_WANTED = "not wanted"


def record_poison(task: HourTask, gateways: Gateways, *, error_id: str, clock: Clock) -> Recorded:
    """Record the hour as failed with ``internal_error``, unless it is done or a worker is exporting it."""
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
    # From now on ticks requeue the hour also if it is behind the watermark, as an hour of a backfill may be.
    gateways.reopened.remember(HourTask(task.key, task.hour, task.requested_by))
    if record.claimed(now):
        return Recorded.RUNNING
    # A backfill must see that its hour has failed, also if no worker lived long enough to claim it.
    unrecorded = backfill_id(task.requested_by) is not None and (record.requested_by, record.round) != (
        task.requested_by,
        task.round,
    )
    if record.status is HourStatus.FAILED and not record.due(now) and not unrecorded:
        return Recorded.KNOWN
    if record.attempts == 0 or unrecorded:
        record = record.claimed_by(error_id, task.requested_by, now, round_=task.round)
    gateways.ledger.put(record.failed(_fault(error_id), now), found.etag if found else None)
    return Recorded.FAILED


def _fault(error_id: str) -> Fault:
    return Fault(
        code="internal_error",
        message="The export of this hour was interrupted several times; it is tried again automatically.",
        fix=f"If it fails again, ask the operator of this exporter to search the logs for {error_id}.",
    )
