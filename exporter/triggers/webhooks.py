"""The queue of webhooks to call: a function of its own, so that no export waits for somebody's server."""

import logging

import azure.functions as func

from exporter import wiring
from exporter.actions.notices import call_webhook
from exporter.storage.notices import QUEUE, parse_notice

blueprint = func.Blueprint()
_log = logging.getLogger(__name__)


@blueprint.function_name("webhook_call")
@blueprint.queue_trigger("message", queue_name=QUEUE, connection="AzureWebJobsStorage")
def webhook_call(message: func.QueueMessage) -> None:
    """Call a destination's webhook. What is raised makes the host deliver the message again."""
    notice, tries = parse_notice(message.get_body())
    if call_webhook(notice, tries, wiring.app().gateways, wiring.now()):
        _log.info("webhook of %s: notice %s is done", notice.destination_id, notice.id)
