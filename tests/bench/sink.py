"""A blob service that drops everything it receives: only our side of the network is measured.

``python -m tests.bench.sink`` listens on a free port of loopback, prints it, and serves until its input ends.
"""

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

from infra.local.azurite import ACCOUNT, ACCOUNT_KEY
from infra.local.stack import PROJECT

_BUFFER_BYTES = 256 * 1024
_CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nx-ms-request-id: 1\r\n\r\n"


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Start a sink in its own process and yield its connection string."""
    command = [sys.executable, "-m", "tests.bench.sink"]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process without pipes")
        port = int(process.stdout.readline())
        endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
        yield f"AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};BlobEndpoint={endpoint}"
        process.stdin.close()


def _serve(connection: socket.socket) -> None:
    """Answer the requests of one connection."""
    buffer, rest = memoryview(bytearray(_BUFFER_BYTES)), b""
    with connection:
        while True:
            while b"\r\n\r\n" not in rest:
                more = connection.recv(_BUFFER_BYTES)
                if not more:
                    return
                rest += more
            head, _, rest = rest.partition(b"\r\n\r\n")
            left = _length(head) - len(rest)
            rest = b""
            while left > 0:
                left -= connection.recv_into(buffer[: min(left, _BUFFER_BYTES)])
            connection.sendall(_CREATED)


def _length(head: bytes) -> int:
    for line in head.splitlines()[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


def _listen(server: socket.socket) -> None:
    while True:
        connection, _ = server.accept()
        threading.Thread(target=_serve, args=(connection,), daemon=True).start()


def main() -> None:
    """Serve until the input ends."""
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)
    threading.Thread(target=_listen, args=(server,), daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
