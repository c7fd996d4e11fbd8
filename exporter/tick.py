"""All that a tick does. It heals first and raises last.

What stands still is sent on its way before anything is planned. Then each destination, stream and stored row
is a part of its own: what goes wrong with one is kept until all the others are done.
"""

from datetime import datetime, timedelta

from exporter.backfill import runner as backfills
from exporter.ports import Gateways
from exporter.schedule.due_hours import Tick, plan_owed_hours
from exporter.schedule.troubles import Troubles
from exporter.verify import runner as verifications


def take_tick(
    gateways: Gateways,
    *,
    now: datetime,
    settle: timedelta,
    late_checks: tuple[timedelta, ...],
    troubles: Troubles,
) -> Tick | None:
    """See that nothing stands still, then queue what is owed; None if nothing could be planned at all.

    What goes wrong is added to ``troubles``, for the caller to raise when the rest is told.
    """
    with troubles.guard("sending steps of backfills again"):
        backfills.send_again(gateways, now)
    with troubles.guard("sending steps of verifications again"):
        verifications.send_again(gateways, now)
    with troubles.guard("planning"):
        return plan_owed_hours(gateways, now=now, settle=settle, late_checks=late_checks, troubles=troubles)
    return None
