"""All that a tick does. It heals first and raises last.

What stands still is sent on its way before anything is planned. Then each destination, stream and stored row
is a part of its own: what goes wrong with one is kept until all the others are done.
"""

from datetime import datetime, timedelta

from exporter.backfill import runner as backfills
from exporter.ports import Gateways
from exporter.schedule.due_hours import TickReport, queue_due_hours
from exporter.schedule.failures import Failures
from exporter.verify import runner as verifications


def run_tick(
    gateways: Gateways,
    *,
    now: datetime,
    settle: timedelta,
    late_checks: tuple[timedelta, ...],
    failures: Failures,
) -> TickReport | None:
    """See that nothing stands still, then queue what is owed; None if nothing could be planned at all.

    What goes wrong is added to ``failures``, for the caller to raise when the rest is told.
    """
    with failures.guard("sending steps of backfills again"):
        backfills.send_again(gateways, now)
    with failures.guard("sending steps of verifications again"):
        verifications.send_again(gateways, now)
    with failures.guard("planning"):
        return queue_due_hours(gateways, now=now, settle=settle, late_checks=late_checks, failures=failures)
    return None
