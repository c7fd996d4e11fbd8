"""Connections that count what goes over them, or hold nobody up. This brings the whole HTTP library along."""

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlsplit

from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import HttpTransport, RequestsTransport

from exporter.storage.network import CALLED, LAST_REFUSAL, SilenceError, timed_out

# What a host may take for its first answer. Azure answers in a fraction of a second, an emulator on a busy
# machine in some; a host that has been asked nothing yet is as likely to be one that a firewall hides.
FIRST_ANSWER_SECONDS = 8
# For so long after an answer, a host is waited for as patiently as the clients are made to.
HEARD_SECONDS = 60
# For so long after a silence a host is not asked again: calls that came meanwhile would each wait as long.
# Shorter than the first wait of a destination after a fault, whose next attempt shall ask.
SILENT_SECONDS = 30

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
        CALLED.set(True)
        answer = super().send(request, **options)
        if answer.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            LAST_REFUSAL.set(answer)
        return answer


def calls_made() -> int:
    """Return how many calls to storage this process has made, repeated ones included."""
    return _calls


class AttentiveTransport(HttpTransport[Any, Any]):
    """Connections on which a silent host holds one call up for seconds, and those after it not at all.

    A host that has not answered lately has ``first_answer_seconds``, and one try. If it says nothing, that is
    a ``SilenceError``, and so is every call in the next ``SILENT_SECONDS``, without asking it. A host that
    falls silent in the midst of work is waited for as usual, once; then it has not answered lately. Hosts are
    told apart by name and port, and do not concern each other.
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
                # Its body is still to come. The SDK asks again for one that does not, three times in all.
                self._heard_at.pop(host, None)
            else:
                self._heard_at[host] = self._clock()
        return answer

    def _known(self, host: str) -> bool:
        """Return whether a host has answered lately; ``SilenceError`` if it was silent lately."""
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
        """Ask a host with the next call, although it was silent."""
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
        """Leave the connections open: whoever made them closes them."""
