"""A proxy in front of a customer's storage that can hold one request.

A test can hold a worker between any two of its writes and kill it there: before the request reaches storage,
or after storage has carried it out and before the answer returns.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

ANSWER_SECONDS_MAX = 30
# The gate sets these itself.
_OWN_HEADERS = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


@dataclass(frozen=True, slots=True)
class Request:
    """A request for a blob or a container. ``part`` is the parameter ``comp``, such as ``blocklist``."""

    method: str
    name: str
    part: str

    @property
    def stages(self) -> bool:
        """Whether it stages a block of a part, which no reader sees."""
        return (self.method, self.part) == ("PUT", "block") and not self._of_marker

    @property
    def commits(self) -> bool:
        """Whether it commits the blocks of a part."""
        return (self.method, self.part) == ("PUT", "blocklist") and not self._of_marker

    @property
    def marks(self) -> bool:
        """Whether it commits the completion marker."""
        return (self.method, self.part) == ("PUT", "blocklist") and self._of_marker

    @property
    def _of_marker(self) -> bool:
        return self.name.endswith("_complete")


@dataclass(frozen=True, slots=True)
class Moment:
    """When to hold: at request number ``count`` of a kind, before storage has it or after (``landed``)."""

    kind: Callable[[Request], bool]
    count: int = 1
    landed: bool = False


MOMENTS = {
    "the hour is claimed": Moment(lambda _: True),
    "some parts are staged": Moment(lambda request: request.stages, count=3),
    "all parts are staged": Moment(lambda request: request.commits),
    "some parts are committed": Moment(lambda request: request.commits, landed=True),
    "all parts are committed": Moment(lambda request: request.marks),
    "the marker is written": Moment(lambda request: request.marks, landed=True),
}


@dataclass(slots=True)
class Hold:
    """One request to hold. ``reached`` is set once it is held; it goes on unless it is dropped."""

    moment: Moment
    reached: threading.Event = field(default_factory=threading.Event)
    dropped: bool = False
    _seen: int = 0
    _counting: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)

    def is_for(self, request: Request) -> bool:
        """Count a request and return whether it is the one to hold."""
        with self._counting:
            self._seen += self.moment.kind(request)
            return self.moment.kind(request) and self._seen == self.moment.count

    def wait(self) -> None:
        """Block the calling request until ``release``."""
        self.reached.set()
        self._over.wait()

    def release(self, *, drop: bool = False) -> None:
        """Let the request go on, or drop it if its sender is dead, so that it changes nothing later."""
        self.dropped = drop
        self._over.set()


class Gate(ThreadingHTTPServer):
    """Passes requests on to a storage emulator."""

    daemon_threads = True

    def __init__(self, storage_port: int, passing: "type[Passing] | None" = None, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), passing or Passing)
        self.storage_port = storage_port
        self.hold: Hold | None = None

    def close_at(self, moment: Moment) -> Hold:
        """Pass requests on until that moment, and hold the request there."""
        self.hold = Hold(moment)
        return self.hold

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing: tests kill the senders of requests."""


class Passing(BaseHTTPRequestHandler):
    """One connection, whose requests are passed on one after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Gate

    def pass_on(self) -> None:
        """Pass a request on and its answer back, unless it is held and dropped."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        target = urlsplit(self.path)
        part = parse_qs(target.query).get("comp", [""])[0]
        request = Request(self.command, target.path.rpartition("/")[2], part)
        hold = self.server.hold
        held = hold if hold and hold.is_for(request) else None
        if held and not held.moment.landed:
            held.wait()
        if held is None or not held.dropped:
            answer, content = self._carried_out(body)
            if held and held.moment.landed:
                held.wait()
            if held is None or not held.dropped:
                self._answer(answer, content)
                return
        self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_DELETE = pass_on  # noqa: N815  http.server's names

    def carried_out(self) -> None:
        """Pass a request on and drop its answer."""
        self._carried_out(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def _carried_out(self, body: bytes) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection("127.0.0.1", self.server.storage_port, timeout=ANSWER_SECONDS_MAX)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def _answer(self, answer: HTTPResponse, content: bytes) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _OWN_HEADERS:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Log no requests."""


@contextmanager
def gate_before(storage_port: int) -> Iterator[Gate]:
    """Run a gate in front of a storage emulator."""
    with Gate(storage_port) as gate:
        serving = threading.Thread(target=gate.serve_forever, args=(0.05,), name="gate")
        serving.start()
        try:
            yield gate
        finally:
            if gate.hold:
                gate.hold.release(drop=True)
            gate.shutdown()
            serving.join()
