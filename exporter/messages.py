"""The queues of this app: their names, and how each message is encoded and parsed. No SDK is needed.

A message is JSON in the form of one of the structs below, and nothing else: an unknown or missing key is an
error, at every level. Optional keys are left out at their default.

No key may be one by which the Functions host overrides what it says about a message: ``id``,
``dequeueCount``, ``popReceipt``, ``insertionTime``, ``expirationTime``, ``nextVisibleTime`` or
``queueTrigger``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

import msgspec

from exporter.domain.backfill import BackfillStep
from exporter.domain.data_types import DataType
from exporter.domain.hour import Hour
from exporter.domain.hour_task import HourTask, SliceRef
from exporter.domain.notifications import Delivery, Notification, NotificationKind
from exporter.domain.pulls import PullTask
from exporter.domain.streams import Stream, StreamKey
from exporter.domain.verification import VerifyStep


class _Form(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What the form of every message has: its version."""

    v: Literal[1]


class _Slice(msgspec.Struct, forbid_unknown_fields=True):
    sliced_id: str
    number: int


class _Hour(_Form):
    destination: str
    data_type: DataType
    source_id: int
    hour: str
    requested_by: str
    late: bool = False
    slice_ref: _Slice | None = None
    round: int = 0
    allow_loss: bool = False

    @classmethod
    def of(cls, task: HourTask) -> Self:
        stream, part = task.key.stream, task.slice_ref
        return cls(
            1,
            task.key.destination_id,
            stream.data_type,
            stream.source_id,
            task.hour.key,
            task.requested_by,
            late=task.late,
            slice_ref=_Slice(part.sliced_id, part.number) if part else None,
            round=task.round,
            allow_loss=task.allow_loss,
        )

    def message(self) -> HourTask:
        return HourTask(
            StreamKey(self.destination, Stream(self.data_type, self.source_id)),
            Hour.parse(self.hour),
            self.requested_by,
            late=self.late,
            slice_ref=SliceRef(self.slice_ref.sliced_id, self.slice_ref.number) if self.slice_ref else None,
            round=self.round,
            allow_loss=self.allow_loss,
        )


class _BackfillStep(_Form):
    destination: str
    backfill: str
    step: int

    @classmethod
    def of(cls, step: BackfillStep) -> Self:
        return cls(1, step.destination_id, step.backfill_id, step.number)

    def message(self) -> BackfillStep:
        return BackfillStep(self.destination, self.backfill, self.step)


class _VerifyStep(_Form):
    destination: str
    verification: str
    next: str

    @classmethod
    def of(cls, step: VerifyStep) -> Self:
        return cls(1, step.destination_id, step.verification_id, step.next.key)

    def message(self) -> VerifyStep:
        return VerifyStep(self.destination, self.verification, Hour.parse(self.next))


class _Delivery(_Form, omit_defaults=False):
    notice: str
    type: NotificationKind
    destination: str
    at: datetime
    facts: dict[str, Any]
    tries: int

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        told = delivery.notification
        return cls(1, told.id, told.kind, told.destination_id, told.at, told.facts, delivery.tries)

    def message(self) -> Delivery:
        told = Notification(self.notice, self.type, self.destination, self.at, self.facts)
        return Delivery(told, self.tries)


class _Pull(_Form):
    source: str
    hour: str
    run: str = ""

    @classmethod
    def of(cls, task: PullTask) -> Self:
        return cls(1, task.source_id, task.hour.key, task.run_id)

    def message(self) -> PullTask:
        return PullTask(self.source, Hour.parse(self.hour), self.run)


@dataclass(frozen=True, slots=True)
class QueueSpec[Message]:
    """One queue: its name, and how its messages are encoded and parsed.

    ``parse`` takes text or bytes, and raises ValueError, with what is wrong, for anything that ``encode``
    does not write.
    """

    name: str
    encode: Callable[[Message], str]
    parse: Callable[[str | bytes], Message]

    @property
    def poison(self) -> str:
        """The queue to which the host moves a message that failed at every delivery."""
        return f"{self.name}-poison"


def _spec[Message](
    name: str, of: Callable[[Message], _Form], read: Callable[[str | bytes], Message]
) -> QueueSpec[Message]:
    def encode(message: Message) -> str:
        return msgspec.json.encode(of(message)).decode()

    def parse(body: str | bytes) -> Message:
        try:
            return read(body)
        except (ValueError, msgspec.MsgspecError) as error:
            raise ValueError(f"not a message of the queue {name}: {error}") from error

    return QueueSpec(name, encode, parse)


# Decoders are made at import: several threads that make one at the same time crash the process.
_HOUR = msgspec.json.Decoder(_Hour)
_BACKFILL_STEP = msgspec.json.Decoder(_BackfillStep)
_VERIFY_STEP = msgspec.json.Decoder(_VerifyStep)
_DELIVERY = msgspec.json.Decoder(_Delivery)
_PULL = msgspec.json.Decoder(_Pull)

EXPORT_HOURS = _spec("export-hours", _Hour.of, lambda body: _HOUR.decode(body).message())
BACKFILL_HOURS = _spec("backfill-hours", _Hour.of, lambda body: _HOUR.decode(body).message())
BACKFILL_STEPS = _spec("backfill-steps", _BackfillStep.of, lambda body: _BACKFILL_STEP.decode(body).message())
VERIFY_STEPS = _spec("verify-steps", _VerifyStep.of, lambda body: _VERIFY_STEP.decode(body).message())
WEBHOOK_CALLS = _spec("webhook-calls", _Delivery.of, lambda body: _DELIVERY.decode(body).message())
PULL_HOURS = _spec("pull-hours", _Pull.of, lambda body: _PULL.decode(body).message())

# The queues that functions of this app listen to. The host polls each of them, and its poison queue, for as
# long as it runs, and logs an error at each poll of one that does not exist.
WORK_QUEUES: tuple[QueueSpec[Any], ...] = (
    EXPORT_HOURS,
    BACKFILL_HOURS,
    BACKFILL_STEPS,
    VERIFY_STEPS,
    WEBHOOK_CALLS,
    PULL_HOURS,
)
