"""What a process has read within the last seconds: hours that are exported one after another share it.

An attempt goes on with what was read for another one, and stops only for what it has read itself. So a value
that is some seconds old can make an attempt begin that would not have begun, and never keeps one from it.
"""

import threading
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any

# As long as a small hour takes. A worker that exports ten hours a second reads once for twenty of them.
RECENT = timedelta(seconds=2)
# What is only a guess until a claim confirms it may be older: which hours have no row in the ledger, and the
# files of others that the container has of these.
DAY_RECENT = timedelta(seconds=30)
# Values that are kept at most; beyond that, those that are too old are dropped.
VALUES_MAX = 1000


class _Value:
    """A value, and when reading it began; ``turn`` is held while it is read."""

    def __init__(self, turn: AbstractContextManager[Any]) -> None:
        self.turn = turn
        self.read_at: datetime | None = None
        self.value: Any = None

    def recent(self, now: datetime, lasts: timedelta) -> bool:
        """Whether it was read so recently; False where the clock was set back since."""
        return self.read_at is not None and timedelta() <= now - self.read_at < lasts


class Recent:
    """Values by key, each with the time at which it was read. Several threads may use it at once.

    Threads that want the same value wait until one of them has read it; not if ``waits`` is False.
    """

    def __init__(self, *, waits: bool = True) -> None:
        self._waits = waits
        self._turn = threading.Lock()
        self._values: dict[Hashable, _Value] = {}

    def read[Value](
        self,
        key: tuple[Hashable, ...],
        now: datetime,
        read: Callable[[], Value],
        *,
        anew: bool = False,
        lasts: timedelta = RECENT,
    ) -> Value:
        """Return a value that was read less than ``lasts`` ago, else read it.

        ``anew``: read it in any case.
        """
        found = self._find(key, now)
        with found.turn:
            if anew or not found.recent(now, lasts):
                found.value, found.read_at = read(), now
            value: Value = found.value
            return value

    def forget(self, *key: Hashable) -> None:
        """Read a value anew the next time."""
        with self._turn:
            self._values.pop(key, None)

    def __len__(self) -> int:
        """Return the number of values that are kept, old ones included."""
        return len(self._values)

    def _find(self, key: tuple[Hashable, ...], now: datetime) -> _Value:
        with self._turn:
            if len(self._values) >= VALUES_MAX:
                self._values = {
                    each: value for each, value in self._values.items() if value.recent(now, DAY_RECENT)
                }
            turn = threading.Lock() if self._waits else nullcontext()
            return self._values.setdefault(key, _Value(turn))
