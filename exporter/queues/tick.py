"""The timer: queue the owed hours, log the state of the schedule."""

from datetime import datetime, timedelta

import azure.functions as func

from exporter import wiring
from exporter.domain.last_tick import LAST, LastTick
from exporter.notify.log_events import Event, hour_fields, log_event
from exporter.schedule.failures import Failures
from exporter.schedule.planner import TickReport
from exporter.settings import schedule_of_timer
from exporter.tick import run_tick

blueprint = func.Blueprint()
# A closed hour is queued by the next tick and exported within minutes. Counting it as behind would log as
# many lines as there are exported hours.
BEHIND_MIN = timedelta(minutes=15)
# Reading the ledger of a stream is mostly waiting for the answer.
READS_AT_ONCE = 16


@blueprint.function_name("tick")
@blueprint.timer_trigger("timer", schedule=schedule_of_timer(), run_on_startup=False, use_monitor=True)
def tick(timer: func.TimerRequest) -> None:
    """Queue the owed hours. A missed tick loses nothing: the next one queues the same hours."""
    app, now = wiring.app(), wiring.now()
    settings, failures = app.settings, Failures()
    found = run_tick(
        app.gateways,
        now=now,
        settle=settings.settle,
        late_checks=settings.late_checks,
        failures=failures,
        rotates_keys=len(settings.secrets_keys) > 1,
        reads_at_once=READS_AT_ONCE,
    )
    with failures.guard("creating queues"):
        app.queues.ensure()
    with failures.guard("noting the tick"):
        app.gateways.ticks.put(LAST, last_tick(now, found, failures))
    if found is not None:
        log_tick(found, now=now, past_due=bool(timer.past_due))
    failures.end()


def last_tick(now: datetime, found: TickReport | None, failures: Failures) -> LastTick:
    """Return the note of a tick that began at ``now``; ``found`` is None if planning failed."""
    failed = len(failures.found)
    if found is None:
        return LastTick(now, failed_parts=failed)
    behind = sum(each.lag >= BEHIND_MIN for each in found.behind)
    return LastTick(now, found.due, found.queued, behind, len(found.refusing), failed)


def log_tick(found: TickReport, *, now: datetime, past_due: bool) -> None:
    """Log the streams that are behind, the destinations that fail or are about to, and the tick itself."""
    for each in found.behind:
        if each.lag < BEHIND_MIN:
            continue
        minutes = round(each.lag.total_seconds() / 60)
        facts = hour_fields(each.key, each.oldest)
        log_event(Event.STREAM_BEHIND, **facts, lag_minutes=minutes, hours_max=each.hours_max)
    for name in found.refusing:
        log_event(Event.DESTINATION_FAILING, destination=name)
    for name, expires_at in found.expiring:
        days = (expires_at - now) // timedelta(days=1)
        log_event(Event.CREDENTIALS_EXPIRE, destination=name, expires_at=expires_at.isoformat(), days=days)
    log_event(
        Event.TICK,
        streams=found.streams,
        due=found.due,
        late=found.late,
        queued=found.queued,
        behind=len(found.behind),
        failing=len(found.refusing),
        past_due=past_due,
    )
