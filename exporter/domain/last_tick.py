"""The note that each tick leaves, so that people see whether the timer is alive."""

from dataclasses import dataclass
from datetime import datetime

# The key of the note: there is one.
LAST = "last"


@dataclass(frozen=True, slots=True)
class LastTick:
    """When the last tick began, and what it found.

    ``due`` hours, of which ``queued`` were queued; ``behind`` is a number of streams, ``failing`` one of
    destinations. ``failed_parts`` is the number of parts of the tick that raised an error; if planning was
    one of them, the other numbers are 0.
    """

    at: datetime
    due: int = 0
    queued: int = 0
    behind: int = 0
    failing: int = 0
    failed_parts: int = 0
