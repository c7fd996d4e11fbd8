"""The queue of webhook calls: exports do not wait for other people's servers."""

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
    """Call a destination's webhook. After an exception the host delivers the message again."""
    call = WEBHOOK_CALLS.parse(body_of(message))
    sent = call.notification
    if call_webhook(sent, call.tries, wiring.app().gateways, wiring.now()):
        _log.debug("webhook of %s: notification %s is finished", sent.destination_id, sent.id)
