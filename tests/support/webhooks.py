"""A receiver of webhook calls on loopback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(ThreadingHTTPServer):
    """Keeps all ``calls``: bodies, and headers in lower case; ``answers`` is the status of its answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiving)
        self.calls: list[tuple[bytes, dict[str, str]]] = []
        self.answers = 204


class _Receiving(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.calls.append((body, {name.lower(): value for name, value in self.headers.items()}))
        self.send_response(self.server.answers)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Log nothing."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver."""
    with Receiver() as receiver:
        serving = threading.Thread(target=receiver.serve_forever, args=(0.05,), name="receiver")
        serving.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            serving.join()
