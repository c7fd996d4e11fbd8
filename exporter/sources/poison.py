"""Poison messages: requests to pull an hour whose deliveries all failed, mostly because each worker died."""

from datetime import datetime

from exporter.domain.errors import Conflict
from exporter.domain.pulls import SETTLED, PulledHour, PullTask, back_off
from exporter.ports import PullGateways
from exporter.sources.faults import interrupted


def record_interrupted(task: PullTask, pulls: PullGateways, *, error_id: str, now: datetime) -> bool:
    """Record that the hour was interrupted, unless it is settled or a worker has it; return whether it was.

    The hour is due again after a back-off.
    """
    found = pulls.hours.get(task.source_id, task.hour)
    if pulls.sources.get(task.source_id) is None:
        return False
    record = found.value if found else PulledHour(task.source_id, task.hour)
    if record.claimed(now) or (found is not None and record.status in SETTLED):
        return False
    changed = record.interrupted(interrupted(error_id), now + back_off(record.failures + 1))
    try:
        pulls.hours.put(changed, found.etag if found else None)
    except Conflict:
        return False
    return True
