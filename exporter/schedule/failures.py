"""What goes wrong in parts of a tick: the other parts go on, and all of it is raised at the end."""

from dataclasses import dataclass
from types import TracebackType


class Failures:
    """The errors that were met so far, each with a note of what was being done."""

    def __init__(self) -> None:
        self.found: list[Exception] = []

    def guard(self, what: str) -> "Guard":
        """Return the context for a part of the tick: what it raises is kept, and goes no further."""
        return Guard(self, what)

    def end(self) -> None:
        """Raise everything that went wrong, if anything did."""
        if self.found:
            raise ExceptionGroup(f"{len(self.found)} parts of the tick failed", self.found)


@dataclass(frozen=True, slots=True)
class Guard:
    """Keeps trouble to the part of a tick that it happens in."""

    failures: Failures
    what: str

    def __enter__(self) -> None:
        """Begin the part."""

    def __exit__(
        self, _type: type[BaseException] | None, raised: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        """Keep what was raised; the end of the process is no trouble of a part."""
        if not isinstance(raised, Exception):
            return False
        raised.add_note(f"while {self.what}")
        self.failures.found.append(raised)
        return True
