"""The queue of steps of verifications: messages encoded for sending, and parsed for the queue's trigger."""

from functools import cached_property
from typing import TYPE_CHECKING, Literal

import msgspec

from exporter.domain.hours import Hour
from exporter.domain.verification import VerifyStep
from exporter.storage.accounts import Account
from exporter.storage.errors import or_create, own_storage

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

QUEUE = "verify-steps"
# A day. A step that waited longer is sent again by any tick.
TIME_TO_LIVE_SECONDS = 24 * 3600


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    """The form of a message; ``exporter.storage.messages`` says which keys it may not have."""

    v: Literal[1]
    destination: str
    verification: str
    next: str


_MESSAGE = msgspec.json.Decoder(_Message)


class VerifyStepQueue:
    """The queue ``verify-steps``; it is created with its first message."""

    def __init__(self, account: Account, queue: str = QUEUE) -> None:
        self._account = account
        self._queue = queue

    @cached_property
    def _client(self) -> "QueueClient":
        from azure.storage.queue import TextBase64EncodePolicy  # noqa: PLC0415  imported where it is needed

        return self._account.queues.get_queue_client(
            self._queue, message_encode_policy=TextBase64EncodePolicy()
        )

    def send(self, step: VerifyStep) -> None:
        """Queue a step."""
        with own_storage():
            or_create(
                lambda: self._client.send_message(encode_step(step), time_to_live=TIME_TO_LIVE_SECONDS),
                self._client.create_queue,
            )


def encode_step(step: VerifyStep) -> str:
    """Return the message that asks for a step."""
    message = _Message(1, step.destination_id, step.verification_id, step.next.key)
    return msgspec.json.encode(message).decode()


def parse_step(message: str | bytes) -> VerifyStep:
    """Read a message; ValueError says what is wrong with it."""
    try:
        found = _MESSAGE.decode(message)
        return VerifyStep(found.destination, found.verification, Hour.parse(found.next))
    except (ValueError, msgspec.MsgspecError) as error:
        raise ValueError(f"not a message of the queue of steps: {error}") from error
