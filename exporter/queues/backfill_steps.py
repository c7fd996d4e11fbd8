"""The queue of backfill steps."""

import logging

import azure.functions as func

from exporter import wiring
from exporter.backfill import runner
from exporter.messages import BACKFILL_STEPS
from exporter.queues.bindings import body_of, on_message

blueprint = func.Blueprint()
_log = logging.getLogger(__name__)


@on_message(blueprint, "backfill_step", BACKFILL_STEPS.name)
def backfill_step(message: func.QueueMessage) -> None:
    """Take a step of a backfill. After an exception the host delivers the message again."""
    moved = runner.take_step(
        BACKFILL_STEPS.parse(body_of(message)),
        wiring.app().gateways,
        wiring.now(),
        redelivered=(message.dequeue_count or 1) > 1,
    )
    if moved is not None:
        _log.info(
            "backfill %s: step %d, %s, done before %s, queued before %s",
            *(moved.id, moved.step, moved.status, moved.done_before, moved.queued_before),
        )
