"""The CPU time to read the body of an answer, by the size of the blocks in which the transport reads it.

``python -m tests.bench.bodies BYTES`` serves such a body on a free port of loopback until its input ends.
"""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median
from typing import Any

from azure.core.pipeline.transport import HttpTransport
from azure.core.rest import HttpRequest

from exporter.storage.clients import BODY_BLOCK_BYTES
from exporter.storage.transport import CountingTransport
from infra.local.stack import PROJECT
from tests.bench.tables import MB, show

KIB = 1024
SDK_DEFAULT_BYTES = 4 * KIB
_BLOCKS = (SDK_DEFAULT_BYTES, 16 * KIB, 64 * KIB, BODY_BLOCK_BYTES, 1024 * KIB)


@contextlib.contextmanager
def serving(size: int) -> Iterator[str]:
    """Serve a body of so many bytes from another process, and yield its URL."""
    command = [sys.executable, "-m", "tests.bench.bodies", str(size)]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process without pipes")
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        process.stdin.close()


def block_sizes(transport: HttpTransport[Any, Any], url: str) -> list[int]:
    """Read the body as the SDK does, and return the sizes of its blocks in bytes."""
    answer: Any = transport.send(HttpRequest("GET", url), stream=True)
    return [len(block) for block in answer.iter_bytes()]


def run(*, quick: bool) -> None:
    """Print the CPU time of each size of block; the sizes take turns."""
    size, rounds = (8 * MB, 3) if quick else (64 * MB, 9)
    taken: dict[int, list[float]] = {each: [] for each in _BLOCKS}
    with serving(size) as url:
        for _ in range(rounds):
            for block_bytes, seconds in taken.items():
                seconds.append(_cpu_seconds(url, block_bytes))
    first = median(taken[BODY_BLOCK_BYTES])
    show(
        f"Read the body of an answer, {size // MB} MB",
        ("block KiB", "CPU ms per MB", f"to {BODY_BLOCK_BYTES // KIB} KiB"),
        [
            (block // KIB, f"{median(each) * 1000 * MB / size:.2f}", f"{median(each) / first:.2f}")
            for block, each in taken.items()
        ],
        f"Medians of {rounds} rounds, without TLS. azure-core takes {SDK_DEFAULT_BYTES // KIB} KiB.",
    )


def _cpu_seconds(url: str, block_bytes: int) -> float:
    with closing(CountingTransport(connection_data_block_size=block_bytes)) as transport:
        transport.open()
        begin = time.thread_time()
        block_sizes(transport, url)
        return time.thread_time() - begin


class _Body(BaseHTTPRequestHandler):
    """Answers with the body that the server holds."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send the body."""
        body = bytes(int(sys.argv[1]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
        """Say nothing."""


def main() -> None:
    """Serve until the input ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Body)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
