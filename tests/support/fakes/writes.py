"""The writes that reach storage: their log, and a crash before or after one of them."""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Crash(BaseException):
    """The process died here. Only the test catches it."""


class Writes:
    """All writes to storage, in order, one at a time; the process dies before or after the chosen one."""

    def __init__(
        self, crash_at: int | None = None, moment: str = "before", error: BaseException | None = None
    ) -> None:
        self.log: list[str] = []
        self.crash_at = crash_at
        self.after: Callable[[], None] | None = None
        self._moment = moment
        self._error = error or Crash()
        self._etags = itertools.count(1)
        self._turn = threading.RLock()

    def new_etag(self) -> str:
        """Return an ETag that no earlier write got."""
        return f'"0x{next(self._etags):016X}"'

    @contextmanager
    def write(self, what: str) -> Iterator[None]:
        """Do one write; ``what`` names it in the log, ``stage a#1.json.gz`` for example."""
        with self._turn:
            self.log.append(what)
            dies = len(self.log) == self.crash_at
            if dies and self._moment == "before":
                raise self._error
            yield
            if self.after is not None:
                self.after()
            if dies:
                raise self._error
