"""Loopback servers that answer as Azure Storage does, or as networks do."""

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MethodType


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server says to everything: a status, and Azure's error code and words for it."""

    status: int
    code: str = ""
    words: str = "Words."
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def xml(self) -> bytes:
        """The body, as the blob and queue services write it."""
        text = f"<Error><Code>{self.code}</Code><Message>{self.words}</Message></Error>"
        return f'<?xml version="1.0" encoding="utf-8"?>{text}'.encode() if self.code else b""

    @property
    def json(self) -> bytes:
        """The body, as the table service writes it."""
        message = {"lang": "en-US", "value": self.words}
        return json.dumps({"odata.error": {"code": self.code, "message": message}}).encode()


class Server(ThreadingHTTPServer):
    """Gives one answer to everything, or to each method of ``by_method``, and counts what it is asked."""

    daemon_threads = False

    def __init__(self, answer: Answer, *, tables: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.tables = tables
        self.asked: list[str] = []
        self.body: bytes | None = None
        self.by_method: dict[str, Answer] = {}

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    # One request a connection: then no thread waits for another one when the test is over.
    protocol_version = "HTTP/1.0"

    def setup(self) -> None:
        # Every method is answered alike.
        for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
            setattr(self, f"do_{method}", MethodType(_Handler.answer, self))
        super().setup()

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(f"{self.command} {self.path}")
        answer = self.server.by_method.get(self.command, self.server.answer)
        body = answer.json if self.server.tables else answer.xml
        if self.server.body is not None:
            body = self.server.body
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json" if self.server.tables else "application/xml")
        self.send_header("Content-Length", str(len(body)))
        if answer.code and not self.server.tables:
            self.send_header("x-ms-error-code", answer.code)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def answering(answer: Answer, *, tables: bool = False) -> Iterator[Server]:
    """Run a server."""
    with Server(answer, tables=tables) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def nobody() -> Iterator[str]:
    """Return an address at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@contextlib.contextmanager
def breaking_off() -> Iterator[str]:
    """Return an address at which every connection is reset once something was said."""
    with _hanging_up(b"", seconds=0) as url:
        yield url


@contextlib.contextmanager
def answering_by_half() -> Iterator[str]:
    """Return an address at which every answer breaks off in the middle."""
    head = "HTTP/1.1 206 Partial Content\r\nContent-Length: 1000\r\nContent-Range: bytes 0-999/1000\r\n"
    with _hanging_up(f'{head}ETag: "1"\r\n\r\n{"x" * 500}'.encode(), seconds=0.05) as url:
        yield url


@contextlib.contextmanager
def _hanging_up(words: bytes, seconds: float) -> Iterator[str]:
    """Say something to everybody, give them time to hear it, and reset the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.01)
        stop = threading.Event()

        def run() -> None:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = listening.accept()
                    with connection:
                        connection.recv(1)
                        connection.sendall(words)
                        time.sleep(seconds)
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()


@contextlib.contextmanager
def saying_nothing() -> Iterator[str]:
    """Return an address at which connections are accepted, and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


class Talker:
    """Says the same bytes to every request, whatever they are, and hangs up politely."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.words = b""


@contextlib.contextmanager
def talking() -> Iterator[Talker]:
    """Run a server that need not speak HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.01)
        talker = Talker(f"http://127.0.0.1:{listening.getsockname()[1]}")
        stop = threading.Event()

        def run() -> None:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError, ConnectionError):
                    connection, _ = listening.accept()
                    with connection:
                        connection.settimeout(1)
                        _hear(connection)
                        connection.sendall(talker.words)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield talker
        finally:
            stop.set()
            thread.join()


def _hear(connection: socket.socket) -> None:
    """Read a whole request: a connection that is closed before that is reset."""
    with connection.makefile("rb") as coming:
        length = 0
        for line in iter(coming.readline, b"\r\n"):
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        coming.read(length)
