"""The queue of webhooks to call: a function of its own, so that no export waits for somebody's server."""

import logging

import azure.functions as func

from exporter import wiring
from exporter.messages import WEBHOOK_CALLS
from exporter.notify.notifications import call_webhook
from exporter.queues.bindings import body_of, on_message

blueprint = func.Blueprint()
_log = logging.getLogger(__name__)


@on_message(blueprint, "webhook_call", WEBHOOK_CALLS.name)
def webhook_call(message: func.QueueMessage) -> None:
    """Call a destination's webhook. What is raised makes the host deliver the message again."""
    call = WEBHOOK_CALLS.parse(body_of(message))
    notice = call.notification
    if call_webhook(notice, call.tries, wiring.app().gateways, wiring.now()):
        _log.debug("webhook of %s: notice %s is done", notice.destination_id, notice.id)
