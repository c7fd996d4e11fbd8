"""The timer: look which hours are owed, and queue them."""

from datetime import timedelta

import azure.functions as func

from exporter import wiring
from exporter.notify.log_events import Event, hour_fields, log_event
from exporter.schedule.failures import Failures
from exporter.schedule.planner import TickReport
from exporter.settings import schedule_of_timer
from exporter.tick import run_tick

blueprint = func.Blueprint()
# The tick after an hour is closed queues it, and it is exported within minutes: a stream that owes it until
# then is not behind, and a line for every stream and hour would be as many as for all that is exported.
BEHIND_MIN = timedelta(minutes=15)


@blueprint.function_name("tick")
@blueprint.timer_trigger("timer", schedule=schedule_of_timer(), run_on_startup=False, use_monitor=True)
def tick(timer: func.TimerRequest) -> None:
    """Queue what is owed. A tick is a chance to look, never a promise: any later one makes up for it."""
    app = wiring.app()
    settings, failures = app.settings, Failures()
    found = run_tick(
        app.gateways,
        now=wiring.now(),
        settle=settings.settle,
        late_checks=settings.late_checks,
        failures=failures,
    )
    with failures.guard("making queues"):
        app.queues.ensure()
    if found is not None:
        _tell(found, past_due=bool(timer.past_due))
    failures.end()


def _tell(found: TickReport, *, past_due: bool) -> None:
    for each in found.behind:
        if each.lag < BEHIND_MIN:
            continue
        minutes = round(each.lag.total_seconds() / 60)
        facts = hour_fields(each.key, each.oldest)
        log_event(Event.STREAM_BEHIND, **facts, lag_minutes=minutes, hours_max=each.hours_max)
    for name in found.refusing:
        log_event(Event.DESTINATION_REFUSES, destination=name)
    log_event(
        Event.TICK,
        streams=found.streams,
        due=found.due,
        late=found.late,
        queued=found.queued,
        behind=len(found.behind),
        refusing=len(found.refusing),
        past_due=past_due,
    )
