"""The queue of steps of verifications: messages encoded for sending, and parsed for the queue's trigger."""

from typing import TYPE_CHECKING, Literal

import msgspec

from exporter.domain.hour import Hour
from exporter.domain.verification import VerifyStep

if TYPE_CHECKING:
    from exporter.storage.clients import Account

QUEUE = "verify-steps"


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    """The form of a message; ``exporter.storage.own.messages`` says which keys it may not have."""

    v: Literal[1]
    destination: str
    verification: str
    next: str


_MESSAGE = msgspec.json.Decoder(_Message)


class VerifyStepQueue:
    """The queue ``verify-steps``."""

    def __init__(self, account: "Account", queue: str = QUEUE) -> None:
        from exporter.storage.own.queues import TextQueue  # noqa: PLC0415  who only reads a message needs no SDK

        self._queue = TextQueue(account, queue)

    def send(self, step: VerifyStep) -> None:
        """Queue a step."""
        self._queue.send([encode_step(step)])


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
