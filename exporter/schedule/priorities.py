"""Order of hours if more are owed than one tick may queue.

Live hours, the last 24 closed ones of each stream, come before all history. History is queued oldest first,
and its destinations share the remaining room evenly.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from exporter.domain.hour_task import HourTask
from exporter.domain.streams import StreamKey

LIVE_HOURS = 24
# Ticks take turns by the clock: each begins with another destination.
_TURN = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Owed:
    """Hours of a stream that are due; each list is oldest first."""

    key: StreamKey
    live: list[HourTask]
    history: list[HourTask]

    def __len__(self) -> int:
        return len(self.live) + len(self.history)

    def __iter__(self) -> Iterator[HourTask]:
        yield from self.live
        yield from self.history


def one_probe_each(owed: list[Owed], refused: Collection[str]) -> list[Owed]:
    """Reduce each destination whose storage refused the latest attempt to one hour, its probe."""
    chosen = [each for each in owed if each.key.destination_id not in refused]
    for streams in by_destination(each for each in owed if each.key.destination_id in refused):
        live = _oldest([each.live for each in streams])
        history = [] if live else _oldest([each.history for each in streams])
        if live or history:
            chosen.append(Owed((live or history)[0].key, live, history))
    return chosen


def _oldest(lists: list[list[HourTask]]) -> list[HourTask]:
    """Return a list of the oldest task; empty if there is none."""
    return sorted((tasks[0] for tasks in lists if tasks), key=lambda task: task.hour)[:1]


def by_destination(owed: Iterator[Owed]) -> list[list[Owed]]:
    """Return the streams grouped by destination, in their order."""
    found: dict[str, list[Owed]] = {}
    for each in owed:
        found.setdefault(each.key.destination_id, []).append(each)
    return list(found.values())


def live_first(owed: list[Owed]) -> Iterator[HourTask]:
    """Yield the live hours: the oldest of each stream, then the second oldest, and so on."""
    return in_turn([each.live for each in owed])


def history_evenly(owed: list[Owed], now: datetime) -> Iterator[HourTask]:
    """Yield the other hours: the oldest of each destination, then the second oldest, and so on."""
    shares = [
        sorted(chain.from_iterable(each.history for each in streams), key=lambda task: task.hour)
        for streams in by_destination(each for each in owed if each.history)
    ]
    if not shares:
        return
    first = int(now.timestamp() // _TURN.total_seconds()) % len(shares)
    shares = shares[first:] + shares[:first]
    for rank in range(max(map(len, shares))):
        yield from (tasks[rank] for tasks in shares if rank < len(tasks))


def in_turn(lists: list[list[HourTask]]) -> Iterator[HourTask]:
    """Yield the first task of each list, sorted by hour, then the second of each, and so on."""
    for rank in range(max(map(len, lists), default=0)):
        tasks = (tasks[rank] for tasks in lists if rank < len(tasks))
        yield from sorted(tasks, key=lambda task: task.hour)
