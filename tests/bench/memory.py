"""The memory of a process and its peak: the resident set, in bytes.

Linux keeps the peak itself (``VmHWM``), for each program that a process runs. ``ru_maxrss`` would not do: a
child inherits there what its parent had when it was started. Where the kernel keeps no such account, the
process is looked at fifty times a second, and a short peak may be missed.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

POLL_SECONDS = 0.02
_KERNEL_UNIT_BYTES = 1024


class PeakWatch:
    """Measures a process, which must live until the last measurement."""

    def __init__(self, pid: int, account: Callable[[int], int | None] | None = None) -> None:
        self._process = psutil.Process(pid)
        self._account = account or kernel_account
        self._seen = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if self._account(self._process.pid) is None:
            self._thread = threading.Thread(target=self._poll, name="memory", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()

    def now(self) -> int:
        """Return the current memory."""
        return int(self._process.memory_info().rss)

    def peak(self) -> int:
        """Return the peak since the start (without the kernel's value: since this watch began)."""
        return self._account(self._process.pid) or max(self._seen, self.now())

    def _poll(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            try:
                self._seen = max(self._seen, self.now())
            except psutil.NoSuchProcess:
                return


def kernel_account(pid: int) -> int | None:
    """Return the kernel's value of the peak, or None if the kernel has none."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return None
    found = (line.split() for line in status.splitlines() if line.startswith("VmHWM:"))
    return next((int(words[1]) * _KERNEL_UNIT_BYTES for words in found), None)
