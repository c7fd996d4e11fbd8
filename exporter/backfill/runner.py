"""Running a backfill: each step counts hours that are finished, and queues hours that are left.

Queueing an hour twice does no harm. If messages of hours are lost, the hours are queued again once the queue
is empty, or after ``RESEND_STEPS`` steps: steps are counted because clocks of hosts may be apart.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from exporter.backfill import faults
from exporter.backfill.step import HourStep
from exporter.domain.backfill import STALLED, Backfill, BackfillStatus, BackfillStep
from exporter.domain.destination import Status
from exporter.job_steps import AT_ONCE, JobSteps
from exporter.notify.notifications import backfill_ended
from exporter.ports import Gateways

_LATER = timedelta(minutes=1)


def take_step(
    step: BackfillStep, gateways: Gateways, now: datetime, *, redelivered: bool = False
) -> Backfill | None:
    """Take a step of a backfill, and send the next one; None if the step is void.

    ``redelivered`` says that the message was delivered before. ``Transient`` if our own storage could not be
    reached: the step is to be tried again.
    """
    return steps_of(gateways, now).take(
        step,
        gateways.backfills.get(step.destination_id, step.backfill_id),
        lambda backfill: _advance(backfill, gateways, now),
        lambda: now,
        redelivered=redelivered,
    )


def resend_stalled(gateways: Gateways, now: datetime) -> int:
    """Send the next step of every backfill that has stalled; return how many."""
    return steps_of(gateways, now).resend_stalled(now, STALLED)


def steps_of(gateways: Gateways, now: datetime) -> JobSteps[Backfill]:
    """Return how backfills are stored, continued and ended."""
    return JobSteps(
        gateways.backfills,
        send=lambda backfill, delay: gateways.backfill_steps.send([backfill.next_step], delay=delay),
        finish=lambda backfill: backfill_ended(gateways, backfill, now),
    )


def _advance(backfill: Backfill, gateways: Gateways, now: datetime) -> tuple[Backfill, timedelta]:
    """Return the backfill with a step taken, and when to take the next one."""
    backfill = backfill.moved(now)
    found = gateways.destinations.get(backfill.destination_id)
    if found is None or found.value.status is Status.DELETED:
        return backfill.end_as(BackfillStatus.CANCELLED, now, faults.deleted(backfill)), AT_ONCE
    destination = found.value
    if not set(backfill.keys) <= set(destination.streams):
        return backfill.end_as(BackfillStatus.FAILED, now, faults.redirected(destination)), AT_ONCE
    breaker = gateways.breakers.get(backfill.destination_id)
    if destination.status is not Status.ACTIVE:
        return replace(backfill, error=faults.inactive(destination)), _LATER
    if backfill.started_at is None:
        if breaker.is_open(now):
            return replace(backfill, error=faults.failing(destination)), _LATER
        backfill = replace(backfill, status=BackfillStatus.RUNNING, started_at=now)
    moved, delay = HourStep(backfill, gateways, breaker, now, destination.target).take()
    if breaker.is_open(now) and not moved.ended:
        return replace(moved, error=faults.failing(destination)), _LATER
    return moved, delay
