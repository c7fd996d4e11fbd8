"""Calling a webhook: one request to a host that the operator has allowed, over by a deadline."""

import io
import socket
import time
from collections.abc import Buffer, Callable, Mapping
from typing import TYPE_CHECKING, Any

from exporter.domain.allowed_hosts import AllowedHosts
from exporter.domain.errors import Transient
from exporter.domain.notifications import WebhookAnswer

if TYPE_CHECKING:
    from requests.adapters import HTTPAdapter

# To one address of the host, encryption included.
CONNECT_SECONDS = 5
# The whole call: connecting to however many addresses, sending, and the head of the answer. A timeout of the
# HTTP library ends only a wait for the next byte, so a receiver that sends one now and then would hold the
# function to the host's own timeout, which ends the process with everything in it.
CALL_SECONDS_MAX = 15


class Webhooks:
    """Makes calls; hosts are asked for once more, as the setting may have changed since."""

    def __init__(self, hosts: AllowedHosts, call_seconds_max: float = CALL_SECONDS_MAX) -> None:
        self._hosts = hosts
        self._call_seconds_max = call_seconds_max

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> WebhookAnswer:
        """Send a request, and return the answer; ``Transient`` if there is none in time.

        A redirect is an answer and is not followed: its target may be a host that is not allowed.
        """
        if wrong := self._hosts.objection(url):
            raise Transient(f"the webhook {wrong}")
        import requests  # noqa: PLC0415  only a process that calls webhooks pays for it
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        deadline = _Deadline(self._call_seconds_max)
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, _adapter(deadline))
            try:
                answer = session.post(
                    url,
                    data=body,
                    headers=dict(headers),
                    timeout=CONNECT_SECONDS,
                    allow_redirects=False,
                    # What it says does not matter, however long that is.
                    stream=True,
                )
            # Some errors of names and addresses come as they are.
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                if deadline.over:
                    seconds = f"{self._call_seconds_max:g} seconds"
                    raise Transient(f"the webhook did not answer within {seconds}") from error
                raise Transient(f"the webhook cannot be reached: {type(error).__name__}") from error
            answer.close()
            return WebhookAnswer(int(answer.status_code), answer.headers.get("Retry-After") or "")


class _Deadline:
    """A moment by which all of something is over, ``seconds`` from now."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self._clock() >= self._end

    def left(self) -> float:
        """Return the seconds that are left; ``TimeoutError`` if there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise TimeoutError("the deadline has passed")
        return left


def _adapter(deadline: _Deadline) -> "HTTPAdapter":
    """Return what makes the connections of a session, each bounded by the deadline."""
    from requests.adapters import HTTPAdapter  # noqa: PLC0415  see above

    class Adapter(HTTPAdapter):
        """Makes connections of a bounded kind, with and without a proxy in between."""

        def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401  as it is there
            """Return the pool of connections for a request."""
            pool = super().get_connection_with_tls_context(*args, **options)
            pool.ConnectionCls = _bounded(pool.ConnectionCls, deadline)
            return pool

    return Adapter()


def _bounded(kind: Any, deadline: _Deadline) -> Any:  # noqa: ANN401  the HTTP library's classes of connections
    """Return a kind of connection of which each wait ends by the deadline."""

    class Bounded(kind):  # type: ignore[misc]  # a class made here of one given
        """Connects, sends and reads in the time that is left."""

        sock: Any

        def _new_conn(self) -> socket.socket:
            return _connected(self._dns_host, self.port, deadline)

        def connect(self) -> None:
            """Connect, and encrypt: a handshake as a whole takes no longer than the timeout of its socket."""
            super().connect()
            self.sock = _BoundedSocket(self.sock, deadline)

    return Bounded


def _connected(host: str, port: int, deadline: _Deadline) -> socket.socket:
    """Return a connection to the first address of a host that takes one."""
    failed: OSError = TimeoutError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        seconds = min(CONNECT_SECONDS, deadline.left())
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(seconds)
            connection.connect(address)
        except OSError as error:
            connection.close()
            failed = error
        else:
            connection.settimeout(min(CONNECT_SECONDS, deadline.left()))
            return connection
    raise failed


class _BoundedSocket:
    """A connection as the HTTP library uses it."""

    def __init__(self, connection: socket.socket, deadline: _Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever else a socket has
        return getattr(self._connection, name)

    def settimeout(self, seconds: float | None) -> None:
        """Do nothing: the deadline says how long each wait may be."""

    def sendall(self, content: Buffer) -> None:
        """Send everything."""
        left = memoryview(content).cast("B")
        while left:
            self._connection.settimeout(self._deadline.left())
            left = left[self._connection.send(left) :]

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        """Return what reads the answer."""
        return io.BufferedReader(_Coming(self._connection, self._deadline))


class _Coming(io.RawIOBase):
    """What comes over a connection until the deadline."""

    def __init__(self, connection: socket.socket, deadline: _Deadline) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Wait for the next bytes."""
        self._connection.settimeout(self._deadline.left())
        return self._connection.recv_into(memoryview(buffer).cast("B"))
