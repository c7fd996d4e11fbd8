"""Everything that a tick does: first it heals, then it plans, and errors are raised last.

Stalled backfills and verifications are moved on before anything is planned. Each part keeps its errors until
all other parts are done. Secrets are encrypted anew last.
"""

from datetime import datetime, timedelta

from exporter.backfill import runner as backfills
from exporter.key_rotation import Kind, renew_secrets
from exporter.notify.log_events import Event, log_event
from exporter.ports import Gateways
from exporter.schedule.failures import Failures
from exporter.schedule.planner import TickReport, queue_due_hours
from exporter.verify import runner as verifications


def run_tick(  # noqa: PLR0913  what a tick depends on, each by its name
    gateways: Gateways,
    *,
    now: datetime,
    settle: timedelta,
    late_checks: tuple[timedelta, ...],
    failures: Failures,
    rotates_keys: bool = False,
    reads_at_once: int = 1,
) -> TickReport | None:
    """Resend the steps of stalled jobs, then queue the hours that are due; None if planning failed.

    While ``SECRETS_KEY`` has several keys (``rotates_keys``), encrypt secrets with the first one at the end.

    The ledgers of ``reads_at_once`` streams are read at the same time. Errors are added to ``failures``; the
    caller raises them after it has logged the report.
    """
    with failures.guard("resending steps of backfills"):
        backfills.resend_stalled(gateways, now)
    with failures.guard("resending steps of verifications"):
        verifications.resend_stalled(gateways, now)
    report = None
    with failures.guard("planning"):
        report = queue_due_hours(
            gateways,
            now=now,
            settle=settle,
            late_checks=late_checks,
            failures=failures,
            reads_at_once=reads_at_once,
        )
    if rotates_keys:
        with failures.guard("encrypting secrets"):
            found = renew_secrets(gateways)
            log_event(
                Event.SECRETS_RENEWED,
                renewed=found.renewed,
                left=found.left,
                unreadable=found.unreadable[Kind.DESTINATION],
                unreadable_sources=found.unreadable[Kind.SOURCE],
            )
    return report
