"""What is to be done about an hour: decided by what the tables say of it, before anything is claimed."""

from datetime import datetime
from enum import StrEnum

from exporter.domain.backfill import Backfill, HourOutcome, backfill_id
from exporter.domain.breaker import Breaker
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask


class WriteDisposition(StrEnum):
    """What is to be done about an hour."""

    EXPORT = "export what is not there"
    REPLACE = "export it again, whatever is there"
    APPEND = "append what landed late"
    SKIP = "nothing"


def disposition_of(  # noqa: PLR0913  what the tables say, each by its name
    task: HourTask,
    record: HourRecord | None,
    backfill: Backfill | None,
    breaker: Breaker,
    now: datetime,
    *,
    here: str,
) -> WriteDisposition:
    """Return what is to be done about the hour of a task.

    An hour is done if its files are in the container of the target ``here``. ``backfill`` is the one that the
    task is of, None if it is not of one, or if that is gone.
    """
    if task.slice_ref is not None:
        return WriteDisposition.EXPORT
    if record is not None and record.abandoned_as_done and not record.claimed(now):
        # Its worker died before it committed anything: the hour is done as before. This attempt records that.
        disposition = disposition_of(task, record.released(), backfill, breaker, now, here=here)
        return WriteDisposition.APPEND if disposition is WriteDisposition.SKIP else disposition
    due = record is None or record.due(now, breaker.healed_at, target=here)
    if backfill_id(task.requested_by) is not None:
        if backfill is not None and not backfill.ended:
            return _for_backfill(backfill, record, breaker, now, due=due, here=here)
        if record is None:
            return WriteDisposition.SKIP
        # The backfill was cancelled: an hour that it has begun is finished, and no other.
    if record is not None and record.done_for(here):
        return WriteDisposition.APPEND if task.late else WriteDisposition.SKIP
    return WriteDisposition.EXPORT if due else WriteDisposition.SKIP


def _for_backfill(  # noqa: PLR0913  what the tables say, each by its name
    backfill: Backfill, record: HourRecord | None, breaker: Breaker, now: datetime, *, due: bool, here: str
) -> WriteDisposition:
    """Return what a backfill requests: a replaced hour, unless that was done or has failed.

    An hour that failed is tried again once its back-off is over.
    """
    outcome = backfill.outcome(record, breaker, now, target=here)
    failed = outcome is HourOutcome.FAILED and record is not None and not record.done and due
    requested = outcome is HourOutcome.LEFT or failed
    return WriteDisposition.REPLACE if requested else WriteDisposition.SKIP
