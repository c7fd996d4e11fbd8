"""The poison queues: messages that the host gave up on after it had delivered them again and again.

These functions never raise, whatever the message is: the host would keep it for ever. Nothing is lost with a
message, and not even if the ledger cannot be written now: the tables are the truth, and messages only hints.
Every tick derives from them which hours are owed, and which backfills and verifications stand still.
"""

import logging
from collections.abc import Callable

import azure.functions as func

from exporter import wiring
from exporter.messages import BACKFILL_HOURS, BACKFILL_STEPS, EXPORT_HOURS, VERIFY_STEPS, WEBHOOK_CALLS
from exporter.ports import Gateways
from exporter.queues.bindings import body_of, on_message
from exporter.schedule.poison import record_poison

blueprint = func.Blueprint()
_log = logging.getLogger(__name__)


@on_message(blueprint, "export_hour_poison", EXPORT_HOURS.poison)
def export_hour_poison(message: func.QueueMessage) -> None:
    """Record the hour as failed, with an error id that is in the log."""
    record_hour(message, EXPORT_HOURS.name, lambda: wiring.app().gateways)


@on_message(blueprint, "backfill_hour_poison", BACKFILL_HOURS.poison)
def backfill_hour_poison(message: func.QueueMessage) -> None:
    """Record the hour as failed, with an error id that is in the log."""
    record_hour(message, BACKFILL_HOURS.name, lambda: wiring.app().gateways)


@on_message(blueprint, "backfill_step_poison", BACKFILL_STEPS.poison)
def backfill_step_poison(message: func.QueueMessage) -> None:
    """Log that a step of a backfill was given up; a tick sends it again."""
    error_id = wiring.new_id()
    try:
        step = BACKFILL_STEPS.parse(body_of(message))
    except Exception as error:  # noqa: BLE001  see above
        _unreadable(error_id, BACKFILL_STEPS.name, error)
    else:
        _log.error("poison %s: backfill %s, step %d, was given up", error_id, step.backfill_id, step.number)


@on_message(blueprint, "verify_step_poison", VERIFY_STEPS.poison)
def verify_step_poison(message: func.QueueMessage) -> None:
    """Log that a step of a verification was given up; a tick sends it again."""
    error_id = wiring.new_id()
    try:
        step = VERIFY_STEPS.parse(body_of(message))
    except Exception as error:  # noqa: BLE001  see above
        _unreadable(error_id, VERIFY_STEPS.name, error)
    else:
        _log.error(
            "poison %s: verification %s, step from %s, was given up",
            *(error_id, step.verification_id, step.next),
        )


@on_message(blueprint, "webhook_call_poison", WEBHOOK_CALLS.poison)
def webhook_call_poison(message: func.QueueMessage) -> None:
    """Log that a webhook was not called: it is a notice that is lost, and nothing else."""
    error_id = wiring.new_id()
    try:
        notice = WEBHOOK_CALLS.parse(body_of(message)).notification
    except Exception as error:  # noqa: BLE001  see above
        _unreadable(error_id, WEBHOOK_CALLS.name, error)
    else:
        _log.error("poison %s: notice %s of %s was given up", error_id, notice.id, notice.destination_id)


def record_hour(message: func.QueueMessage, queue: str, gateways: Callable[[], Gateways]) -> None:
    """Record the hour that a message asks for as failed. Never raises."""
    error_id = wiring.new_id()
    try:
        task = EXPORT_HOURS.parse(body_of(message))
    except Exception as error:  # noqa: BLE001  see above
        _unreadable(error_id, queue, error)
        return
    try:
        recorded = record_poison(task, gateways(), error_id=error_id, clock=wiring.now)
    except Exception:  # noqa: BLE001  see above
        # The hour is owed as before, only without a reason that people could see.
        _log.exception(
            "poison %s: %s %s was given up, and could not be recorded", error_id, task.key, task.hour
        )
    else:
        _log.error("poison %s: %s %s was given up: %s", error_id, task.key, task.hour, recorded)


def _unreadable(error_id: str, queue: str, error: Exception) -> None:
    """Log a message that is none of ours, without its text: nobody knows what is in it."""
    _log.error("poison %s: a message of %s cannot be read (%s)", error_id, queue, type(error).__name__)
