"""The queue of steps of backfills: messages encoded for sending, and parsed for the queue's trigger."""

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from exporter.domain.backfill import BackfillStep

if TYPE_CHECKING:
    from exporter.storage.clients import Account

QUEUE = "backfill-steps"


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    """The form of a message; ``exporter.storage.own.messages`` says which keys it may not have."""

    v: Literal[1]
    destination: str
    backfill: str
    step: int


_MESSAGE = msgspec.json.Decoder(_Message)


class BackfillStepQueue:
    """The queue ``backfill-steps``."""

    def __init__(self, account: "Account", queue: str = QUEUE) -> None:
        from exporter.storage.own.queues import TextQueue  # noqa: PLC0415  who only reads a message needs no SDK

        self._queue = TextQueue(account, queue)

    def send(self, step: BackfillStep, *, delay: timedelta = timedelta()) -> None:
        """Queue a step; it is delivered after the delay, in whole seconds."""
        self._queue.send([encode_step(step)], delay)


def encode_step(step: BackfillStep) -> str:
    """Return the message that asks for a step."""
    message = _Message(1, step.destination_id, step.backfill_id, step.number)
    return msgspec.json.encode(message).decode()


def parse_step(message: str | bytes) -> BackfillStep:
    """Read a message; ValueError says what is wrong with it."""
    try:
        found = _MESSAGE.decode(message)
    except (ValueError, msgspec.MsgspecError) as error:
        raise ValueError(f"not a message of the queue of steps: {error}") from error
    return BackfillStep(found.destination, found.backfill, found.step)
