"""The queues of hours: a message is an hour of a stream, or a slice of an hour."""

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
# The delay of a message for which this instance has no capacity; another instance may have.
BUSY_DELAY = timedelta(seconds=30)


@on_message(blueprint, "export_hour", EXPORT_HOURS.name)
def export_hour(message: func.QueueMessage) -> None:
    """Export a live hour or a slice of one, or append its late blobs."""
    _export(message)


@on_message(blueprint, "export_backfill_hour", BACKFILL_HOURS.name)
def export_backfill_hour(message: func.QueueMessage) -> None:
    """Export an hour of a backfill or a slice of one; a queue of its own keeps live hours from waiting."""
    _export(message)


def _export(message: func.QueueMessage) -> None:
    """Export the hour if it is due.

    After an exception the host delivers the message again, so only errors that may pass are raised.
    """
    task = EXPORT_HOURS.parse(body_of(message))
    app, claim_id = wiring.app(), wiring.new_id()
    worker = AttemptContext(
        clock=wiring.now,
        claim_id=claim_id,
        heartbeat=background_heartbeat(),
        settle=app.settings.settle,
        late_until=max(app.settings.late_checks, default=timedelta()),
        whole_bytes_min=app.settings.whole_bytes_min,
        redelivered=(message.dequeue_count or 1) > 1,
        calls=_calls_since(app.calls),
        slots=app.turns,
        recent=app.recent,
    )
    try:
        outcome = action.export_hour(task, app.gateways, worker)
    except Conflict as conflict:
        _log.info("%s %s: left to another worker: %s", task.key, task.hour, conflict)
    except Busy as busy:
        # Not raised: the host counts failed deliveries, and this is no failure.
        app.gateways.queue_of(task).send([task], delay=BUSY_DELAY)
        _log.info("%s %s: queued again: %s", task.key, task.hour, busy)
    else:
        # Debug: an exported hour has its own line, with facts.
        _log.debug("%s %s: %s (attempt %s)", task.key, task.hour, outcome, claim_id)


def _calls_since(calls: Callable[[], int]) -> Callable[[], int]:
    """Return a counter of the calls made from now on."""
    begun = calls()
    return lambda: calls() - begun
