"""The timer: look which hours are owed, and queue them."""

import logging

import azure.functions as func

from exporter import wiring
from exporter.actions import run_backfill, verify_in_steps
from exporter.actions.plan_owed_hours import plan_owed_hours
from exporter.settings import schedule_of_timer

blueprint = func.Blueprint()
_log = logging.getLogger(__name__)


@blueprint.function_name("tick")
@blueprint.timer_trigger("timer", schedule=schedule_of_timer(), run_on_startup=False, use_monitor=True)
def tick(timer: func.TimerRequest) -> None:
    """Queue what is owed. A tick is a chance to look, never a promise: any later one makes up for it."""
    app = wiring.app()
    settings = app.settings
    found = plan_owed_hours(
        app.gateways, now=wiring.now(), settle=settings.settle, late_checks=settings.late_checks
    )
    run_backfill.send_again(app.gateways, wiring.now())
    verify_in_steps.send_again(app.gateways, wiring.now())
    _log.info(
        "tick: %d streams, %d hours due (%d of them to look for late blobs), %d queued%s",
        *(found.streams, found.due, found.late, found.queued),
        ", past due" if timer.past_due else "",
    )
