"""Answers that cost many calls to storage, kept for a while: whoever asks often, asks storage seldom."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

KEPT = timedelta(minutes=1)


class Kept[Value]:
    """The last answer, for as long as ``KEPT``; who asks while it is looked for waits for that look."""

    def __init__(self) -> None:
        self._last: tuple[datetime, Value] | None = None
        self._turn = threading.Lock()

    def get(self, look: Callable[[], Value], now: datetime) -> Value:
        """Return the answer, which ``look`` gives if there is none that is young enough."""
        with self._turn:
            # One that lies ahead was given before the clock was put back.
            if self._last is None or not timedelta() <= now - self._last[0] < KEPT:
                self._last = now, look()
            return self._last[1]
