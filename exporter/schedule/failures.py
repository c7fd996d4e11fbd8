"""Errors in parts of a tick: the other parts continue, and all errors are raised at the end."""

from dataclasses import dataclass
from types import TracebackType


class Failures:
    """The errors so far, each with a note that names its part."""

    def __init__(self) -> None:
        self.found: list[Exception] = []

    def guard(self, what: str) -> "Guard":
        """Return the context for a part of the tick: an exception in it is kept, and not raised."""
        return Guard(self, what)

    def end(self) -> None:
        """Raise all errors as one group, if there are any."""
        if self.found:
            raise ExceptionGroup(f"{len(self.found)} parts of the tick failed", self.found)


@dataclass(frozen=True, slots=True)
class Guard:
    """Keeps an error inside its part of a tick."""

    failures: Failures
    what: str

    def __enter__(self) -> None:
        """Begin the part."""

    def __exit__(
        self, _type: type[BaseException] | None, raised: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        """Keep an exception; KeyboardInterrupt and SystemExit end the process."""
        if not isinstance(raised, Exception):
            return False
        raised.add_note(f"while {self.what}")
        self.failures.found.append(raised)
        return True
