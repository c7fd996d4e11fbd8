"""Threads that compute beside Python: compression and decompression do not hold its lock."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

# The thread that checks rows keeps two to four others busy. More would only hold more rows in memory.
COUNT_MAX = 8


class Threads:
    """One thread for each core that the process may use, at most ``COUNT_MAX``; or ``count`` threads.

    All exports of a process share them, so their number does not grow with the number of exports. Submitted
    work must come to an end by itself: it must not wait for storage, for a lock or for other work. On one
    core there are no threads, because a second one would only take turns with the first.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = count or min(os.process_cpu_count() or 1, COUNT_MAX)
        # A thread is started when there is work and none is idle.
        self._executor = ThreadPoolExecutor(self.count, thread_name_prefix="compute")

    def submit[**P, T](self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
        """Begin the work; return a function that waits for its result, and raises its error."""
        if self.count == 1:
            done = work(*args, **kwargs)
            return lambda: done
        return self._executor.submit(work, *args, **kwargs).result


SHARED = Threads()
"""The threads of this process."""
