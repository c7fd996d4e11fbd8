"""Threads that are as slow as threads can be."""

from collections.abc import Callable

from exporter.pipeline.threads import Threads


class LateThreads(Threads):
    """Work is done when its result is asked for, and not before.

    ``waiting`` is the number of results that were not asked for yet, ``waiting_most`` the largest so far.
    """

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.waiting = self.waiting_most = 0

    def submit[**P, T](self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
        """Return a function that does the work."""
        self.waiting += 1
        self.waiting_most = max(self.waiting_most, self.waiting)

        def result() -> T:
            self.waiting -= 1
            return work(*args, **kwargs)

        return result
