"""The connections that all threads of a process share."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from azure.core.rest import HttpRequest

from exporter.storage.clients import BODY_BLOCK_BYTES, RetryPolicy, new_transport
from tests.bench import bodies

THREADS = 40


class _AllAtOnce(BaseHTTPRequestHandler):
    """Answers once all have asked: so each of them has a connection of its own."""

    protocol_version = "HTTP/1.1"
    everybody = threading.Barrier(THREADS)

    def do_GET(self) -> None:
        """Answer."""
        self.everybody.wait(30)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """Return where such a server is."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _AllAtOnce) as server:
        server.daemon_threads = True
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        serving.join()


def test_many_threads_at_once_leave_nothing_in_the_log(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """With a pool that is too small, each call too many writes a warning, which is kept and paid for."""
    caplog.set_level(logging.WARNING)
    with closing(new_transport(RetryPolicy())) as transport, ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(lambda _: transport.send(HttpRequest("GET", url)), range(THREADS)))

    assert [answer.status_code for answer in answers] == [200] * THREADS
    assert caplog.records == []


def test_a_body_is_read_in_large_blocks() -> None:
    """Each block costs a pass through the SDK, whatever its size."""
    with bodies.serving(3 * BODY_BLOCK_BYTES + 1) as url, closing(new_transport(RetryPolicy())) as transport:
        assert bodies.block_sizes(transport, url) == [BODY_BLOCK_BYTES] * 3 + [1]
