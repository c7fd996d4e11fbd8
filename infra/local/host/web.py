"""HTTP: requests in, answers out, on loopback only."""

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
# What Azure's front end lets through.
REQUEST_BYTES_MAX = 210 * 1024 * 1024
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
# Ours to set, whatever the function says.
_OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "connection", "date", "server"})
_log = logging.getLogger("host")


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a function sees it: header names in lower case, values joined, empty ones dropped."""

    method: str
    path: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @classmethod
    def read(cls, handler: BaseHTTPRequestHandler, body: bytes) -> Self:
        """Take a request apart."""
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
        """The key that the caller presents, or nothing; the header wins."""
        return self.headers.get("x-functions-key") or self.query.get("code", "")


type Application = Callable[[Request], HttpAnswer]


class Server(ThreadingHTTPServer):
    """Holds the port from the start, and listens once it is told to."""

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
        """Bind, and no more: the base class would look the address up in the DNS, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, self.server_address[1]

    @property
    def url(self) -> str:
        """Where the server is, or will be, reached."""
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
        """Accept no more; requests that are being answered go on."""
        if self._serving is not None:
            self.shutdown()
            self._serving.join()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002  the base class's
        """Log what broke, unless it is the client that went away."""
        error = sys.exception()
        if isinstance(error, ConnectionError | TimeoutError):
            _log.debug("%s went away: %s", client_address, error)
        else:
            _log.exception("a request from %s could not be answered", client_address)


class _Handler(BaseHTTPRequestHandler):
    """Reads requests and writes answers; what the answer is, the application says."""

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
        """Say nothing: the base class would log the URL with its query."""

    def _body(self) -> bytes | None:
        """Read the body; a chunked one arrives empty, as in the host. None: answered already."""
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
        """Read past a chunked body, so that the connection stays in step; false if it is none."""
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
        return HostError(f"port {port} is already in use: stop what listens there, or choose another port")
    return HostError(f"port {port} cannot be used: {error.strerror}")
