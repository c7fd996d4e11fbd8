"""The HTTP server, on loopback only."""

import errno
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from infra.local.host.errors import HostError
from infra.local.host.messages import HttpAnswer
from infra.local.host.routes import decoded

ADDRESS = "127.0.0.1"
# The limit of Azure's front end.
REQUEST_BYTES_MAX = 210 * 1024 * 1024
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
# The server sets these; a function cannot.
_OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "connection", "date", "server"})
_log = logging.getLogger("host")


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a function gets it: header names in lower case, values joined, empty ones left out."""

    method: str
    path: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @classmethod
    def read(cls, handler: BaseHTTPRequestHandler, body: bytes) -> Self:
        """Read a request from its connection."""
        target = urlsplit(handler.path)
        return cls(
            method=handler.command,
            path=decoded(target.path),
            url=f"http://{handler.headers.get('Host', ADDRESS)}{handler.path}",
            headers=_joined((name.lower(), value) for name, value in handler.headers.items()),
            query=_joined(parse_qsl(target.query)),
            body=body,
        )

    @property
    def key(self) -> str:
        """The key that the caller presents, or an empty text. The header wins over the query."""
        return self.headers.get("x-functions-key") or self.query.get("code", "")


type Application = Callable[[Request], HttpAnswer]


class Server(ThreadingHTTPServer):
    """Binds the port in the constructor, and listens after ``start``."""

    daemon_threads = True
    request_queue_size = 128

    application: Application

    def __init__(self, port: int) -> None:
        super().__init__((ADDRESS, port), _Handler, bind_and_activate=False)
        self._serving: threading.Thread | None = None
        try:
            self.server_bind()
        except OSError as error:
            self.server_close()
            raise _port_error(port, error) from None

    def server_bind(self) -> None:
        """Bind without the DNS look-up of the base class, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, self.server_address[1]

    @property
    def url(self) -> str:
        """The server's base URL."""
        return f"http://{ADDRESS}:{self.server_port}"

    def start(self, application: Application) -> None:
        """Accept connections and answer them, in a thread."""
        self.application = application
        try:
            self.server_activate()
        except OSError as error:
            raise _port_error(self.server_port, error) from None
        self._serving = threading.Thread(target=self.serve_forever, args=(0.05,), name="http", daemon=True)
        self._serving.start()

    def stop(self) -> None:
        """Accept no more connections. Running requests go on."""
        if self._serving is not None:
            self.shutdown()
            self._serving.join()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002  the base class's
        """Log the error, unless the client closed the connection."""
        error = sys.exception()
        if isinstance(error, ConnectionError | TimeoutError):
            _log.debug("%s closed the connection: %s", client_address, error)
        else:
            _log.exception("a request from %s could not be answered", client_address)


class _Handler(BaseHTTPRequestHandler):
    """Reads requests, passes them to the application and writes its answers."""

    protocol_version = "HTTP/1.1"
    server_version = "local-functions-host"
    sys_version = ""
    disable_nagle_algorithm = True
    server: Server

    def _answer(self) -> None:
        started = time.monotonic()
        body = self._body()
        if body is None:
            return
        request = Request.read(self, body)
        answer = self.server.application(request)
        self._write(answer)
        if not request.path.startswith("/admin/"):
            # The path alone: the query may hold a key.
            milliseconds = 1000 * (time.monotonic() - started)
            _log.info("%s %s: %d in %.0f ms", request.method, request.path, answer.status, milliseconds)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _answer  # noqa: N815  http.server's

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
        """Log nothing: the base class would log the URL with its query."""

    def _body(self) -> bytes | None:
        """Return the body, empty if it is chunked, as in the host; None if the request is answered."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            if self._discard_chunks():
                return b""
            self._refuse(HTTPStatus.BAD_REQUEST)
            return None
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal():
            self._refuse(HTTPStatus.BAD_REQUEST)
            return None
        if int(length) > REQUEST_BYTES_MAX:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return None
        return self.rfile.read(int(length))

    def _discard_chunks(self) -> bool:
        """Skip a chunked body, so that the next request can be read; return false if it is malformed."""
        try:
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                self.rfile.read(size)
                self.rfile.readline()
        except ValueError:
            return False
        while self.rfile.readline().strip():
            pass
        return True

    def _refuse(self, status: HTTPStatus) -> None:
        self.close_connection = True
        self._write(HttpAnswer(status))

    def _write(self, answer: HttpAnswer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _OWN_HEADERS:
                self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        if answer.status in _BODILESS:
            self.end_headers()
            return
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _port_error(port: int, error: OSError) -> HostError:
    if error.errno == errno.EADDRINUSE:
        return HostError(
            f"port {port} is already in use: stop the program that listens there, or choose another port"
        )
    return HostError(f"port {port} cannot be used: {error.strerror}")
