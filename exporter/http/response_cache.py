"""A cache for answers that cost many storage calls."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

CACHED = timedelta(minutes=1)


class ResponseCache[Value]:
    """The last answer, valid for ``CACHED``. Concurrent callers wait for one computation."""

    def __init__(self) -> None:
        self._last: tuple[datetime, Value] | None = None
        self._lock = threading.Lock()

    def get(self, compute: Callable[[], Value], now: datetime) -> Value:
        """Return the cached answer; if there is none, or it is too old, compute it."""
        with self._lock:
            # A negative age means that the clock was set back.
            if self._last is None or not timedelta() <= now - self._last[0] < CACHED:
                self._last = now, compute()
            return self._last[1]
