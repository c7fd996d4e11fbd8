"""Send the messages that functions return or set: queue output bindings."""

import base64

from infra.local.host.functions import Function
from infra.local.host.messages import Message, Outcome
from infra.local.host.settings import AppSettings
from infra.local.host.storage import queue_client, send


class OutputSender:
    """Sends the messages of queue output bindings."""

    def __init__(self, settings: AppSettings, *, encode: bool) -> None:
        self._settings = settings
        self._encode = encode

    def send(self, function: Function, outcome: Outcome) -> None:
        """Send the messages of a successful invocation. If this raises, the invocation has failed."""
        for binding, messages in outcome.outputs:
            output = function.outputs[binding]
            with queue_client(self._settings, output.connection, output.queue) as client:
                for message in messages:
                    send(client, self._text(message))

    def _text(self, message: Message) -> str:
        raw = message.encode() if isinstance(message, str) else message
        return base64.b64encode(raw).decode() if self._encode else raw.decode("utf-8", "replace")
