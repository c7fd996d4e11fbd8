"""Everything that a tick does: first it heals, then it plans, and errors are raised last.

Stalled backfills and verifications are moved on before anything is planned. Each part keeps its errors until
all other parts are done.
"""

from datetime import datetime, timedelta

from exporter.backfill import runner as backfills
from exporter.ports import Gateways
from exporter.schedule.failures import Failures
from exporter.schedule.planner import TickReport, queue_due_hours
from exporter.verify import runner as verifications


def run_tick(
    gateways: Gateways,
    *,
    now: datetime,
    settle: timedelta,
    late_checks: tuple[timedelta, ...],
    failures: Failures,
) -> TickReport | None:
    """Resend the steps of stalled jobs, then queue the hours that are due; None if planning failed.

    Errors are added to ``failures``; the caller raises them after it has logged the report.
    """
    with failures.guard("resending steps of backfills"):
        backfills.resend_stalled(gateways, now)
    with failures.guard("resending steps of verifications"):
        verifications.resend_stalled(gateways, now)
    with failures.guard("planning"):
        return queue_due_hours(gateways, now=now, settle=settle, late_checks=late_checks, failures=failures)
    return None
