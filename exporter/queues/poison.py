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
    try:
        step = BACKFILL_STEPS.parse(body_of(message))
    except Exception as error:  # noqa: BLE001  never raises
        _unreadable(error_id, BACKFILL_STEPS.name, error)
    else:
        _log.error("poison %s: backfill %s, step %d, was given up", error_id, step.backfill_id, step.number)


@on_message(blueprint, "verify_step_poison", VERIFY_STEPS.poison)
def verify_step_poison(message: func.QueueMessage) -> None:
    """Log a verification step that was given up; a tick queues it again."""
    error_id = wiring.new_id()
    try:
        step = VERIFY_STEPS.parse(body_of(message))
    except Exception as error:  # noqa: BLE001  never raises
        _unreadable(error_id, VERIFY_STEPS.name, error)
    else:
        _log.error(
            "poison %s: verification %s, step from %s, was given up",
            *(error_id, step.verification_id, step.next),
        )


@on_message(blueprint, "webhook_call_poison", WEBHOOK_CALLS.poison)
def webhook_call_poison(message: func.QueueMessage) -> None:
    """Log a notification that was given up; only the notification is lost."""
    error_id = wiring.new_id()
    try:
        sent = WEBHOOK_CALLS.parse(body_of(message)).notification
    except Exception as error:  # noqa: BLE001  never raises
        _unreadable(error_id, WEBHOOK_CALLS.name, error)
    else:
        _log.error("poison %s: notification %s of %s was given up", error_id, sent.id, sent.destination_id)


@on_message(blueprint, "pull_hour_poison", PULL_HOURS.poison)
def pull_hour_poison(message: func.QueueMessage) -> None:
    """Record that the pull of an hour was interrupted, with the error id of the log line."""
    error_id = wiring.new_id()
    try:
        task = PULL_HOURS.parse(body_of(message))
    except Exception as error:  # noqa: BLE001  never raises
        _unreadable(error_id, PULL_HOURS.name, error)
        return
    try:
        recorded = record_interrupted(task, wiring.app().gateways.pulls, error_id=error_id, now=wiring.now())
    except Exception:  # noqa: BLE001  never raises
        # The hour stays due; only the reason is missing in the API.
        _log.exception(
            "poison %s: %s %s was given up; it could not be recorded", error_id, task.source_id, task.hour
        )
    else:
        what = "recorded" if recorded else "not to be recorded"
        _log.error("poison %s: %s %s was given up: %s", error_id, task.source_id, task.hour, what)


def record_hour(message: func.QueueMessage, queue: str, gateways: Callable[[], Gateways]) -> None:
    """Record the hour of a message as failed. Never raise."""
    error_id = wiring.new_id()
    try:
        task = EXPORT_HOURS.parse(body_of(message))
    except Exception as error:  # noqa: BLE001  never raises
        _unreadable(error_id, queue, error)
        return
    try:
        recorded = record_poison(task, gateways(), error_id=error_id, clock=wiring.now)
    except Exception:  # noqa: BLE001  never raises
        # The hour stays owed; only the reason is missing in the API.
        _log.exception(
            "poison %s: %s %s was given up; it could not be recorded", error_id, task.key, task.hour
        )
    else:
        _log.error("poison %s: %s %s was given up: %s", error_id, task.key, task.hour, recorded)


def _unreadable(error_id: str, queue: str, error: Exception) -> None:
    """Log an unreadable message without its text, which may contain anything."""
    _log.error("poison %s: a message of %s cannot be read (%s)", error_id, queue, type(error).__name__)
