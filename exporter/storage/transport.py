"""Connections that count what goes over them. Importing this brings the whole HTTP library along."""

import threading
from typing import Any

from azure.core.pipeline.transport import RequestsTransport

# Connections to one host that are kept for the next call: more than there are threads that call at once,
# which are those of 12 hours, their leases, what reads ahead and what sends. One too many costs a warning.
KEPT_MAX = 64

_counting = threading.Lock()
_calls = 0


class CountingTransport(RequestsTransport):  # type: ignore[misc]  # the SDK leaves it untyped
    """Connections that count the calls of the whole process: several workers may share one."""

    def open(self) -> None:
        """Open them; twice is once."""
        opened = self.session is not None
        super().open()
        if not opened:
            for adapter in set(self.session.adapters.values()):
                adapter.init_poolmanager(connections=KEPT_MAX, maxsize=KEPT_MAX)

    def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401  as the SDK types it
        """Make a call."""
        global _calls  # noqa: PLW0603  one count for the process, whoever makes connections
        with _counting:
            _calls += 1
        return super().send(request, **options)


def calls_made() -> int:
    """Return how many calls to storage this process has made, repeated ones included."""
    return _calls
