"""Work slots: how many hours a process computes at once, and how much of them it holds in memory.

Waiting and computing have limits of their own. Many hours may wait for storage at the same time, since that
costs nothing. But Python's lock lets a process compute the rows of one hour at a time: several at once would
only take longer, and more memory. An hour that waits for storage lets others compute meanwhile.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from exporter.domain.destination import MIB
from exporter.domain.errors import Busy

# Landed bytes, mostly compressed, from which on an hour or a slice is large: while it is staged, the process
# grows by up to 106 MB (docs/performance.md). Only one of these is staged at a time.
LARGE_BYTES = 8 * MIB
# Landed bytes of all smaller hours that are staged at the same time. Together with a large one, the host's
# 185 MB and 73 MB of libraries, this fits an instance of 512 MB.
SMALL_BYTES_MAX = 16 * MIB
# How long an hour waits for its slot. Twelve of the largest slices take half an hour on the smallest
# instance, which is the time-out of a function: the last are left to another instance or a later delivery.
WAIT_MAX = timedelta(minutes=10)


@dataclass(eq=False, frozen=True, slots=True)
class Request:
    """A request for room: for a slice of an hour, ``number`` is its place among those of the hour."""

    hour: object = None
    number: int = 0

    def precedes(self, other: "Request") -> bool:
        """Whether it is for an earlier slice of the same hour."""
        return self.hour is not None and self.hour == other.hour and self.number < other.number


class Lane:
    """A limited amount of room, given in the order of the requests, and to slices of one hour in theirs.

    The messages of slices are delivered to several threads at once, which request room in any order. A slice
    that is staged before an earlier one does not know its rows, and is often staged a second time.
    """

    def __init__(self, room: int) -> None:
        self._left = room
        self._waiting: list[Request] = []
        self._changed = threading.Condition()

    def take(self, size: int, wait: timedelta | None = None, request: Request | None = None) -> None:
        """Wait for room; ``Busy`` if there is none within ``wait`` (None: wait without an end)."""
        me = request or Request()
        with self._changed:
            later = (place for place, other in enumerate(self._waiting) if me.precedes(other))
            self._waiting.insert(next(later, len(self._waiting)), me)
            seconds = None if wait is None else wait.total_seconds()
            got = self._changed.wait_for(lambda: self._waiting[0] is me and size <= self._left, seconds)
            self._waiting.remove(me)
            if got:
                self._left -= size
            self._changed.notify_all()
        if not got:
            raise Busy(f"no work slot within {wait}: other hours are being staged")

    def give_back(self, size: int) -> None:
        """Give the room back."""
        with self._changed:
            self._left += size
            self._changed.notify_all()


class WorkSlot:
    """The slot in which an hour is staged: ``computing``, except while it is ``waiting``."""

    def __init__(self, computing: Lane) -> None:
        self._computing = computing

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute, as soon as the process has room for it."""
        self._computing.take(1)
        try:
            yield
        finally:
            self._computing.give_back(1)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait for storage while computing: other hours compute meanwhile."""
        self._computing.give_back(1)
        try:
            yield
        finally:
            self._computing.take(1)

    def read[T](self, pieces: Iterator[T]) -> Iterator[T]:
        """Yield pieces, and wait for each of them."""
        while True:
            with self.waiting():
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece


class WorkSlots:
    """The work slots of a process: ``computing_max`` hours compute at once."""

    def __init__(self, computing_max: int = 1, wait: timedelta = WAIT_MAX) -> None:
        self._computing = Lane(computing_max)
        self._large = Lane(1)
        self._small = Lane(SMALL_BYTES_MAX)
        self._wait = wait

    @contextmanager
    def staging(self, size: int, request: Request | None = None) -> Iterator[WorkSlot]:
        """Wait for the slot of so many landed bytes; ``Busy`` if that takes too long."""
        lane, room = (self._large, 1) if size >= LARGE_BYTES else (self._small, size)
        lane.take(room, self._wait, request)
        try:
            yield WorkSlot(self._computing)
        finally:
            lane.give_back(room)
