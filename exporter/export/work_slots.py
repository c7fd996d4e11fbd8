"""Turns: how many hours a process computes at once, and how much of them it holds in memory.

Waiting and computing are limited apart. Many hours may wait for storage at the same time, since that costs
nothing; but Python's lock lets a process look at the rows of one hour at a time, so more of them at once
would only take longer, and more memory. An hour that waits for storage lets others compute meanwhile.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from exporter.domain.destination import MIB
from exporter.domain.errors import Busy

# Landed bytes, compressed mostly, from which on an hour, or a slice of one, is large: while it is staged, the
# process grows by up to 111 MB (docs/performance.md). Of these there is one at a time.
LARGE_BYTES = 8 * MIB
# Landed bytes of all smaller ones that are staged at the same time. With a large one, the host's 185 MB and
# 73 MB of libraries, this fits an instance of 512 MB.
SMALL_BYTES_MAX = 16 * MIB
# How long an hour waits for its turn. Twelve of the largest slices take half an hour of the smallest
# instance, which is the time-out of a function: the last ones are left to another instance, or to later.
WAIT_MAX = timedelta(minutes=10)


class Lane:
    """Room for so much at a time, given in the order of asking."""

    def __init__(self, room: int) -> None:
        self._left = room
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    def take(self, size: int, wait: timedelta | None = None) -> None:
        """Wait for room; ``Busy`` if there is none within the time."""
        me = object()
        with self._changed:
            self._waiting.append(me)
            seconds = None if wait is None else wait.total_seconds()
            got = self._changed.wait_for(lambda: self._waiting[0] is me and size <= self._left, seconds)
            self._waiting.remove(me)
            if got:
                self._left -= size
            self._changed.notify_all()
        if not got:
            raise Busy(f"no turn within {wait}: other hours are staged")

    def give_back(self, size: int) -> None:
        """Leave the room to others."""
        with self._changed:
            self._left += size
            self._changed.notify_all()


class WorkSlot:
    """An hour's turn to be staged. It computes within ``computing``, but for what is ``waiting``."""

    def __init__(self, computing: Lane) -> None:
        self._computing = computing

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute: as many hours at once as there are lanes for."""
        self._computing.take(1)
        try:
            yield
        finally:
            self._computing.give_back(1)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait for storage, in the middle of computing: others compute meanwhile."""
        self._computing.give_back(1)
        try:
            yield
        finally:
            self._computing.take(1)

    def read[T](self, pieces: Iterator[T]) -> Iterator[T]:
        """Yield pieces that have to be waited for."""
        while True:
            with self.waiting():
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece


class WorkSlots:
    """The turns of a process: ``computing_max`` hours compute at once."""

    def __init__(self, computing_max: int = 1, wait: timedelta = WAIT_MAX) -> None:
        self._computing = Lane(computing_max)
        self._large = Lane(1)
        self._small = Lane(SMALL_BYTES_MAX)
        self._wait = wait

    @contextmanager
    def staging(self, size: int) -> Iterator[WorkSlot]:
        """Wait until so many landed bytes may be staged; ``Busy`` if that takes too long."""
        lane, room = (self._large, 1) if size >= LARGE_BYTES else (self._small, size)
        lane.take(room, self._wait)
        try:
            yield WorkSlot(self._computing)
        finally:
            lane.give_back(room)
