"""Queue messages on their way in: how each queue's function is bound, and how its message is read.

Every message reaches its function, whatever its bytes are, and one that cannot be read ends in the function
of the poison queue, which says so in the log. Three choices see to that:

* ``messageEncoding`` is ``none`` in host.json. With ``base64``, the host moves what it cannot decode to the
  poison queue, cannot decode it there either, and no function ever sees it.
* Functions are given bytes. In a text that is a JSON object, top-level keys such as ``insertionTime`` stand
  in for what the host says of the message, and a value that is no time fails before the function begins.
* Messages of the queues are JSON; those that a release with base64 sent are decoded here.
"""

import base64
from collections.abc import Callable

import azure.functions as func

CONNECTION = "AzureWebJobsStorage"

type Handler = Callable[[func.QueueMessage], None]


def on_message(blueprint: func.Blueprint, name: str, queue: str) -> Callable[[Handler], Handler]:
    """Register a function under a name; it is called for every message of the queue."""

    def register(handler: Handler) -> Handler:
        bind = blueprint.queue_trigger(
            "message", queue_name=queue, connection=CONNECTION, data_type=func.DataType.BINARY
        )
        registered: Handler = blueprint.function_name(name)(bind(handler))
        return registered

    return register


def body_of(message: func.QueueMessage) -> bytes:
    """Return a message as it was encoded by its sender."""
    body = message.get_body()
    if body.startswith(b"{"):
        return body
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        return body
