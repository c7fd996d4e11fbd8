"""The queue of verification steps."""

import logging

import azure.functions as func

from exporter import wiring
from exporter.backfill.requests import repairer
from exporter.messages import VERIFY_STEPS
from exporter.queues.bindings import body_of, on_message
from exporter.verify import runner

blueprint = func.Blueprint()
_log = logging.getLogger(__name__)


@on_message(blueprint, "verify_step", VERIFY_STEPS.name)
def verify_step(message: func.QueueMessage) -> None:
    """Take a step of a verification. After an exception the host delivers the message again."""
    step = VERIFY_STEPS.parse(body_of(message))
    app = wiring.app()
    stepper = runner.StepContext(
        clock=wiring.now,
        step_id=wiring.new_id(),
        settle=app.settings.settle,
        repair=repairer(app.gateways, wiring.now),
        redelivered=(message.dequeue_count or 1) > 1,
    )
    runner.take_step(step, app.gateways, stepper)
    _log.info("verification %s: step from %s", step.verification_id, step.next)
