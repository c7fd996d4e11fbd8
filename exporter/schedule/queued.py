"""What ticks have queued: an hour whose message still waits is not queued again.

The ticks share a blob of our own with the hours that they queued, and when. It is a hint, like the messages
themselves: if it is lost or cannot be read, hours are queued once more, which costs a few reads each.

The queue delivers messages in about the order of their sending. So the messages of a tick are taken once the
oldest message that waits is younger than it; an hour that is still due then is queued again. If the queue is
empty, every hour that is due is queued at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from exporter.domain.claims import LEASE
from exporter.domain.data_types import DataType
from exporter.domain.hour import Hour
from exporter.domain.hour_task import HourTask
from exporter.domain.streams import Stream, StreamKey
from exporter.ports import BlobStore, Gateways

# No destination has this id.
BLOB = "_schedule/queued"
# A tick sends its messages within this time.
SENDING_MAX = timedelta(minutes=5)
# So soon after a tick its messages may be in the hands of workers that have not claimed their hours yet. It
# is no longer than a lease: a dead host's hour is queued again by the same tick, whether claimed or not.
IN_HAND_MAX = LEASE
# Messages expire.
EXPIRES_AFTER = timedelta(days=1)


class _Sent(msgspec.Struct, forbid_unknown_fields=True):
    """What one tick queued of one stream: hours, separated by spaces."""

    at: datetime
    destination: str
    data_type: DataType
    source_id: int
    hours: str
    late: bool


# Made at import: see decision 3.
_DECODER = msgspec.json.Decoder(list[_Sent])


@dataclass(frozen=True, slots=True)
class Queued:
    """Tasks that earlier ticks queued, and when; ``waiting`` messages are in the queue."""

    waiting: int
    at: Mapping[HourTask, datetime] = field(default_factory=dict)

    def has(self, task: HourTask, moved_at: datetime | None) -> bool:
        """Whether a task waits in the queue.

        ``moved_at`` is when a worker last had its hour, if that is known: since then its message is gone.
        """
        at = self.at.get(task)
        return at is not None and (moved_at is None or moved_at <= at)


def read_queued(gateways: Gateways, now: datetime) -> Queued:
    """Return what earlier ticks queued and no worker has taken yet."""
    waiting = gateways.hours.waiting()
    if not waiting:
        return Queued(0)
    tasks = _decoded(gateways.state)
    if not tasks:
        return Queued(waiting)
    oldest = gateways.hours.oldest()

    def still(at: datetime) -> bool:
        waits = oldest is not None and oldest <= at + SENDING_MAX and now < at + EXPIRES_AFTER
        return waits or now < at + IN_HAND_MAX

    return Queued(waiting, {task: at for task, at in tasks.items() if still(at)})


def remember_queued(state: BlobStore, before: Queued, tasks: Iterable[HourTask], now: datetime) -> None:
    """Add tasks that were queued now to those that still wait."""
    grouped: dict[tuple[datetime, StreamKey, bool], list[str]] = {}
    for task, at in (*before.at.items(), *((task, now) for task in tasks)):
        grouped.setdefault((at, task.key, task.late), []).append(task.hour.key)
    sent = [
        _Sent(at, key.destination_id, key.stream.data_type, key.stream.source_id, " ".join(hours), late)
        for (at, key, late), hours in grouped.items()
    ]
    state.put(BLOB, [msgspec.json.encode(sent)])


def _decoded(state: BlobStore) -> dict[HourTask, datetime]:
    try:
        sent = _DECODER.decode(b"".join(state.read(BLOB) or ()))
        return {
            HourTask(
                StreamKey(each.destination, Stream(each.data_type, each.source_id)),
                Hour.parse(hour),
                late=each.late,
            ): each.at
            for each in sent
            for hour in each.hours.split()
        }
    except ValueError:  # msgspec's errors are ValueErrors, too
        return {}
