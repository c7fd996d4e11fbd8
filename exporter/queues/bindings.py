"""Queue triggers: their binding, and the encoding of their messages.

Every message reaches its function, whatever its bytes; an unreadable one ends in the function of the poison
queue, which logs it. Three choices ensure this:

* ``messageEncoding`` is ``none`` in host.json. With ``base64``, the host moves a message that it cannot
  decode to the poison queue, cannot decode it there either, and no function sees it.
* Functions get bytes. If a text is a JSON object, the host takes top-level keys such as ``insertionTime`` for
  metadata of the message, and fails before the function runs if the value is no time.
* Messages are JSON. Earlier releases sent base64, which is decoded here.
"""

import base64
from collections.abc import Callable

import azure.functions as func

CONNECTION = "AzureWebJobsStorage"

type Handler = Callable[[func.QueueMessage], None]


def on_message(blueprint: func.Blueprint, name: str, queue: str) -> Callable[[Handler], Handler]:
    """Register a function for the messages of a queue."""

    def register(handler: Handler) -> Handler:
        bind = blueprint.queue_trigger(
            "message", queue_name=queue, connection=CONNECTION, data_type=func.DataType.BINARY
        )
        registered: Handler = blueprint.function_name(name)(bind(handler))
        return registered

    return register


def body_of(message: func.QueueMessage) -> bytes:
    """Return the body of a message as its sender encoded it."""
    body = message.get_body()
    if body.startswith(b"{"):
        return body
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        return body
