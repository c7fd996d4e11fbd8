"""The queue of hours: each message is one hour of one stream to export."""

import logging
from collections.abc import Callable
from datetime import timedelta

import azure.functions as func

from exporter import wiring
from exporter.domain.errors import Busy, Conflict
from exporter.export import export_hour as action
from exporter.export.attempt import AttemptContext
from exporter.export.lease import background_heartbeat
from exporter.messages import BACKFILL_HOURS, EXPORT_HOURS
from exporter.queues.bindings import body_of, on_message

blueprint = func.Blueprint()
_log = logging.getLogger(__name__)
# How long a message is hidden that found no turn here: other instances may look for it at once, this one not.
BUSY_DELAY = timedelta(seconds=30)


@on_message(blueprint, "export_hour", EXPORT_HOURS.name)
def export_hour(message: func.QueueMessage) -> None:
    """Export a live hour, or a slice of one, or look at it for what landed late."""
    _export(message)


@on_message(blueprint, "export_backfill_hour", BACKFILL_HOURS.name)
def export_backfill_hour(message: func.QueueMessage) -> None:
    """Export an hour of a backfill, or a slice of one: no live hour waits for those."""
    _export(message)


def _export(message: func.QueueMessage) -> None:
    """Do what is still due about the hour.

    Whatever is raised makes the host deliver the message again, so only what a later delivery may heal is.
    """
    task = EXPORT_HOURS.parse(body_of(message))
    app, claim_id = wiring.app(), wiring.new_id()
    worker = AttemptContext(
        clock=wiring.now,
        claim_id=claim_id,
        beat=background_heartbeat(),
        settle=app.settings.settle,
        late_until=max(app.settings.late_checks, default=timedelta()),
        whole_bytes_min=app.settings.whole_bytes_min,
        redelivered=(message.dequeue_count or 1) > 1,
        calls=_calls_since(app.calls),
        turns=app.turns,
    )
    try:
        outcome = action.export_hour(task, app.gateways, worker)
    except Conflict as conflict:
        _log.info("%s %s: left to another worker: %s", task.key, task.hour, conflict)
    except Busy as busy:
        # No failure: the host would count its tries. Whoever is free by then takes it.
        app.gateways.queue_of(task).send([task], delay=BUSY_DELAY)
        _log.info("%s %s: put back into the queue: %s", task.key, task.hour, busy)
    else:
        # An hour that is exported has a line of its own, with its facts.
        _log.debug("%s %s: %s (attempt %s)", task.key, task.hour, outcome, claim_id)


def _calls_since(calls: Callable[[], int]) -> Callable[[], int]:
    """Count from now on."""
    begun = calls()
    return lambda: calls() - begun
