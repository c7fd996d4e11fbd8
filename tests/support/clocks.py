"""Clocks of processes under test: compiled from ``tests/e2e/clock_ahead.c``, preloaded into the processes."""

import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

COMPILER = shutil.which("cc")
_SOURCE = Path(__file__).resolve().parents[1] / "e2e/clock_ahead.c"
_NUMBER_BYTES = 8


def clock_library(folder: Path) -> Path:
    """Return the compiled library in a folder; it is compiled if it is not there."""
    assert COMPILER is not None, "tests that set a clock need a C compiler"
    library = folder / "clock_ahead.so"
    if not library.exists():
        # The project's own source, and a compiler from the path.
        subprocess.run([COMPILER, "-shared", "-fPIC", "-o", library, _SOURCE], check=True)  # noqa: S603
    return library


@dataclass(frozen=True, slots=True)
class MovableClock:
    """The clock of all processes that run with ``settings``; it can only be ahead of the machine's."""

    library: Path
    file: Path

    @classmethod
    def new(cls, folder: Path) -> "MovableClock":
        """Return a clock that shows the machine's time, with its files in a folder."""
        file = folder / "clock_ahead"
        file.write_bytes(bytes(_NUMBER_BYTES))
        return cls(clock_library(folder), file)

    @property
    def settings(self) -> dict[str, str]:
        """The environment of the processes."""
        return {"LD_PRELOAD": str(self.library), "CLOCK_AHEAD_FILE": str(self.file)}

    @property
    def ahead(self) -> timedelta:
        """How far it is ahead."""
        return timedelta(seconds=int.from_bytes(self.file.read_bytes(), "little", signed=True))

    def now(self) -> datetime:
        """Return the time that the processes see."""
        return datetime.now(UTC) + self.ahead  # noqa: TID251  they see the machine's time, moved

    def move(self, by: timedelta) -> None:
        """Move it on; running processes see it at once. To the second."""
        seconds = int((self.ahead + by).total_seconds())
        with self.file.open("r+b") as file:
            file.write(seconds.to_bytes(_NUMBER_BYTES, "little", signed=True))

    def set(self, to: datetime) -> None:
        """Set it to a time, to the second."""
        self.move(to - self.now())
