"""The poison queues: messages that the host gave up after five failed deliveries.

These functions never raise: the host would keep the message for ever. No work is lost with a message: each
tick derives from the tables which hours are owed, and which backfills and verifications have stalled.
"""

import logging
from collections.abc import Callable

import azure.functions as func

from exporter import wiring
from exporter.messages import (
    BACKFILL_HOURS,
    BACKFILL_STEPS,
    EXPORT_HOURS,
    PULL_HOURS,
    VERIFY_STEPS,
    WEBHOOK_CALLS,
    QueueSpec,
)
from exporter.ports import Gateways
from exporter.queues.bindings import body_of, on_message
from exporter.schedule.poison import record_poison
from exporter.sources.poison import record_interrupted

blueprint = func.Blueprint()
_log = logging.getLogger(__name__)


@on_message(blueprint, "export_hour_poison", EXPORT_HOURS.poison)
def export_hour_poison(message: func.QueueMessage) -> None:
    """Record the hour as failed, with the error id of the log line."""
    record_hour(message, EXPORT_HOURS.name, lambda: wiring.app().gateways)


@on_message(blueprint, "backfill_hour_poison", BACKFILL_HOURS.poison)
def backfill_hour_poison(message: func.QueueMessage) -> None:
    """Record the hour as failed, with the error id of the log line."""
    record_hour(message, BACKFILL_HOURS.name, lambda: wiring.app().gateways)


@on_message(blueprint, "backfill_step_poison", BACKFILL_STEPS.poison)
def backfill_step_poison(message: func.QueueMessage) -> None:
    """Log a backfill step that was given up; a tick queues it again."""
    error_id = wiring.new_id()
    if (step := _parsed(message, BACKFILL_STEPS, BACKFILL_STEPS.name, error_id)) is not None:
        _log.error("poison %s: backfill %s, step %d, was given up", error_id, step.backfill_id, step.number)


@on_message(blueprint, "verify_step_poison", VERIFY_STEPS.poison)
def verify_step_poison(message: func.QueueMessage) -> None:
    """Log a verification step that was given up; a tick queues it again."""
    error_id = wiring.new_id()
    if (step := _parsed(message, VERIFY_STEPS, VERIFY_STEPS.name, error_id)) is not None:
        _log.error(
            "poison %s: verification %s, step from %s, was given up",
            *(error_id, step.verification_id, step.next),
        )


@on_message(blueprint, "webhook_call_poison", WEBHOOK_CALLS.poison)
def webhook_call_poison(message: func.QueueMessage) -> None:
    """Log a notification that was given up; only the notification is lost."""
    error_id = wiring.new_id()
    if (delivery := _parsed(message, WEBHOOK_CALLS, WEBHOOK_CALLS.name, error_id)) is not None:
        sent = delivery.notification
        _log.error("poison %s: notification %s of %s was given up", error_id, sent.id, sent.destination_id)


@on_message(blueprint, "pull_hour_poison", PULL_HOURS.poison)
def pull_hour_poison(message: func.QueueMessage) -> None:
    """Record that the pull of an hour was interrupted, with the error id of the log line."""
    error_id = wiring.new_id()
    if (task := _parsed(message, PULL_HOURS, PULL_HOURS.name, error_id)) is None:
        return

    def record() -> str:
        pulls = wiring.app().gateways.pulls
        recorded = record_interrupted(task, pulls, error_id=error_id, now=wiring.now())
        return "recorded" if recorded else "not to be recorded"

    _record(record, f"{task.source_id} {task.hour}", error_id)


def record_hour(message: func.QueueMessage, queue: str, gateways: Callable[[], Gateways]) -> None:
    """Record the hour of a message as failed. Never raise."""
    error_id = wiring.new_id()
    if (task := _parsed(message, EXPORT_HOURS, queue, error_id)) is None:
        return

    def record() -> object:
        return record_poison(task, gateways(), error_id=error_id, clock=wiring.now)

    _record(record, f"{task.key} {task.hour}", error_id)


def _parsed[Message](
    message: func.QueueMessage, spec: QueueSpec[Message], queue: str, error_id: str
) -> Message | None:
    """Return what a message says; None, and a log line without its text, if it cannot be read."""
    try:
        return spec.parse(body_of(message))
    except Exception as error:  # noqa: BLE001  never raises
        _log.error("poison %s: a message of %s cannot be read (%s)", error_id, queue, type(error).__name__)
        return None


def _record(record: Callable[[], object], what: str, error_id: str) -> None:
    """Record an hour, and log that it was given up."""
    try:
        recorded = record()
    except Exception:  # noqa: BLE001  never raises
        # The hour stays due; only the reason is missing in the API.
        _log.exception("poison %s: %s was given up; it could not be recorded", error_id, what)
    else:
        _log.error("poison %s: %s was given up: %s", error_id, what, recorded)
