"""Messages of the queue of hours: encoded for sending, parsed by the queue's trigger."""

from typing import Literal

import msgspec

from exporter.domain.hour import Hour
from exporter.domain.hour_task import HourTask, SliceRef
from exporter.domain.streams import DataType, Stream, StreamKey

QUEUE = "export-hours"
BACKFILL_QUEUE = "backfill-hours"


def poison_queue(queue: str) -> str:
    """Return the queue to which the host moves what it has given up."""
    return f"{queue}-poison"


class _Message(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The form of a message; keys after ``requested_by`` are left out at their defaults.

    None of its keys may be one by which the Functions host overrides what it says about a message: ``id``,
    ``dequeueCount``, ``popReceipt``, ``insertionTime``, ``expirationTime``, ``nextVisibleTime``.
    """

    v: Literal[1]
    destination: str
    data_type: DataType
    source_id: int
    hour: str
    requested_by: str
    late: bool = False
    slice_ref: SliceRef | None = None
    round: int = 0
    allow_loss: bool = False


_MESSAGE = msgspec.json.Decoder(_Message)


def encode(task: HourTask) -> str:
    """Return the message that asks for a task."""
    stream = task.key.stream
    message = _Message(
        v=1,
        destination=task.key.destination_id,
        data_type=stream.data_type,
        source_id=stream.source_id,
        hour=task.hour.key,
        requested_by=task.requested_by,
        late=task.late,
        slice_ref=task.slice_ref,
        round=task.round,
        allow_loss=task.allow_loss,
    )
    return msgspec.json.encode(message).decode()


def parse(message: str | bytes) -> HourTask:
    """Read a message; ValueError says what is wrong with it."""
    try:
        found = _MESSAGE.decode(message)
        key = StreamKey(found.destination, Stream(found.data_type, found.source_id))
        return HourTask(
            key,
            Hour.parse(found.hour),
            found.requested_by,
            late=found.late,
            slice_ref=found.slice_ref,
            round=found.round,
            allow_loss=found.allow_loss,
        )
    except (ValueError, msgspec.MsgspecError) as error:
        raise ValueError(f"not a message of the queue of hours: {error}") from error
