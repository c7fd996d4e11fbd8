"""HTTP connections that count calls, and that limit the wait for silent hosts. Imports the HTTP library."""

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlsplit

from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import HttpTransport, RequestsTransport

from exporter.storage.network import CALLED, LAST_REFUSAL, SilenceError, timed_out

# The time limit for the first answer of a host. Azure answers in a fraction of a second, the emulator on a
# busy machine in a few seconds; a host that never answered may be one that a firewall hides.
FIRST_ANSWER_SECONDS = 8
# For so long after an answer, the clients' own timeouts apply to a host.
HEARD_SECONDS = 60
# For so long after a timeout a host is not called again: each call would wait as long. It is shorter than the
# first wait of a destination after a fault, so that its next attempt does call.
SILENT_SECONDS = 30

# Connections to one host that are kept open: more than threads that call at the same time, which are those of
# 12 hours, their heartbeats, the prefetch and the block pool. One connection too many logs a warning.
KEPT_MAX = 64

_counting = threading.Lock()
_calls = 0


class CountingTransport(RequestsTransport):  # type: ignore[misc]  # the SDK leaves it untyped
    """Connections that count the calls of the process, in which several workers may run."""

    def open(self) -> None:
        """Open the connections; a second call changes nothing."""
        opened = self.session is not None
        super().open()
        if not opened:
            for adapter in set(self.session.adapters.values()):
                adapter.init_poolmanager(connections=KEPT_MAX, maxsize=KEPT_MAX)

    def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401  as the SDK types it
        """Make a call."""
        global _calls  # noqa: PLW0603  one count for all connections of the process
        with _counting:
            _calls += 1
        CALLED.set(True)
        answer = super().send(request, **options)
        if answer.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            LAST_REFUSAL.set(answer)
        return answer


def calls_made() -> int:
    """Return how many calls to storage this process has made, repeated ones included."""
    return _calls


class AttentiveTransport(HttpTransport[Any, Any]):
    """Connections on which a silent host delays one call by seconds, and no call after it.

    A host that has not answered in the last ``HEARD_SECONDS`` gets one try of ``first_answer_seconds``. If it
    does not answer, the call raises ``SilenceError``, and so does every call in the next ``SILENT_SECONDS``
    without being sent. If a host stops answering during work, one call waits for the client's own timeout;
    after that the host counts as not heard. Hosts are distinguished by name and port.
    """

    def __init__(
        self,
        connections: HttpTransport[Any, Any],
        first_answer_seconds: float = FIRST_ANSWER_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connections = connections
        self._first_answer_seconds = first_answer_seconds
        self._clock = clock
        self._turn = threading.Lock()
        self._heard_at: dict[str, float] = {}
        self._silent_until: dict[str, float] = {}

    def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401  as the SDK types it
        """Make a call."""
        host = urlsplit(request.url).netloc
        known = self._known(host)
        if not known:
            options["read_timeout"] = self._first_answer_seconds
        try:
            answer = self._connections.send(request, **options)
        except (ServiceRequestError, ServiceResponseError) as error:
            if not timed_out(error):
                raise
            self._note_silence(host, known=known)
            if known:
                raise
            raise SilenceError(host) from None
        with self._turn:
            self._silent_until.pop(host, None)
            if options.get("stream"):
                # The body follows. If it does not arrive, the SDK repeats the call, three times in all.
                self._heard_at.pop(host, None)
            else:
                self._heard_at[host] = self._clock()
        return answer

    def _known(self, host: str) -> bool:
        """Return whether a host has answered recently; raise ``SilenceError`` if it timed out recently."""
        now = self._clock()
        with self._turn:
            if now < self._silent_until.get(host, now):
                raise SilenceError(host)
            return now - self._heard_at.get(host, float("-inf")) < HEARD_SECONDS

    def _note_silence(self, host: str, *, known: bool) -> None:
        with self._turn:
            self._heard_at.pop(host, None)
            if not known:
                self._silent_until[host] = self._clock() + SILENT_SECONDS

    def forget(self, host: str) -> None:
        """Send the next call to a host although it timed out recently."""
        with self._turn:
            self._silent_until.pop(host, None)

    def open(self) -> None:
        """Open the connections."""
        self._connections.open()

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the connections open: their owner closes them."""
