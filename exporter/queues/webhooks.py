"""The queue of webhook calls: exports do not wait for other people's servers."""

import logging

import azure.functions as func

from exporter import wiring
from exporter.notify.notifications import call_webhook
from exporter.queues.bindings import body_of, on_message
from exporter.storage.own.notifications import QUEUE, parse_notice

blueprint = func.Blueprint()
_log = logging.getLogger(__name__)


@on_message(blueprint, "webhook_call", QUEUE)
def webhook_call(message: func.QueueMessage) -> None:
    """Call a destination's webhook. After an exception the host delivers the message again."""
    sent, tries = parse_notice(body_of(message))
    if call_webhook(sent, tries, wiring.app().gateways, wiring.now()):
        _log.debug("webhook of %s: notification %s is finished", sent.destination_id, sent.id)
