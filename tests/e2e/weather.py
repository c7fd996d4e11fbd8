"""Bad weather between the app and its storage: busy answers, broken connections, answers that get lost."""

import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from tests.e2e.gate import Gate, Passing

# Of a thousand requests, how many meet what.
TROUBLES = {"busy": 20, "throttled": 20, "broken": 15, "swallowed": 15}


class Weather(Gate):
    """Passes requests on to a storage emulator, most of them; ``met`` counts the others."""

    def __init__(self, storage_port: int, seed: int) -> None:
        super().__init__(storage_port, _Storm)
        self.fine = True
        self.met: Counter[str] = Counter()
        self._random = Random(seed)  # noqa: S311  chance that can be repeated
        self._turn = threading.Lock()

    def draw(self) -> str | None:
        """Return what the next request meets; None if it passes."""
        with self._turn:
            lot = 1000 if self.fine else self._random.randrange(1000)
            for trouble, share in TROUBLES.items():
                if lot < share:
                    self.met[trouble] += 1
                    return trouble
                lot -= share
            return None


class _Storm(Passing):
    server: Weather

    def _go(self) -> None:
        trouble = self.server.draw()
        length = int(self.headers.get("Content-Length", "0"))
        if trouble is None:
            self.pass_on()
        elif trouble in {"busy", "throttled"}:
            self.rfile.read(length)
            status, code = (503, "ServerBusy") if trouble == "busy" else (429, "TooManyRequests")
            self.send_response_only(status)
            self.send_header("x-ms-error-code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            if trouble == "broken":
                self.rfile.read(length // 2)
            else:
                self.carried_out()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_MERGE = do_PATCH = _go  # noqa: N815


@contextmanager
def weather_before(storage_port: int, seed: int) -> Iterator[Weather]:
    """Let there be weather before a storage emulator; it is fine at first."""
    with Weather(storage_port, seed) as weather:
        serving = threading.Thread(target=weather.serve_forever, args=(0.05,), name="weather")
        serving.start()
        try:
            yield weather
        finally:
            weather.shutdown()
            serving.join()
