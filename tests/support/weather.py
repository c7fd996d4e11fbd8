"""Bad weather between the app and its storage: busy answers, broken connections, answers that get lost.

A service may also be away altogether: nobody listens at its port.
"""

import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from random import Random, sample

from tests.support.gate import Gate, Passing

# Below those that systems give to outgoing connections, and above those of well-known services.
KEPT_PORTS = range(20_000, 32_000)
# Of a thousand requests, how many meet what.
TROUBLES = {"busy": 20, "throttled": 20, "broken": 15, "swallowed": 15}


def kept_ports(count: int) -> list[int]:
    """Return ports that nobody gets while nobody listens at them: no outgoing connection is given them."""
    found: list[int] = []
    with ExitStack() as held:
        for port in sample(KEPT_PORTS, len(KEPT_PORTS)):
            listener = held.enter_context(socket.socket())
            with suppress(OSError):
                listener.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                break
    return found


class Weather(Gate):
    """Passes requests on to a storage emulator, most of them; ``met`` counts the others."""

    def __init__(self, storage_port: int, seed: int) -> None:
        (port,) = kept_ports(1)
        super().__init__(storage_port, _Storm, port)
        self.fine = True
        self.away = False
        self.met: Counter[str] = Counter()
        self._random = Random(seed)  # noqa: S311  chance that can be repeated
        self._turn = threading.Lock()
        self._serving: threading.Thread | None = None

    def draw(self) -> str | None:
        """Return what the next request meets; None if it passes."""
        with self._turn:
            lot = 1000 if self.fine else self._random.randrange(1000)
            for trouble, slice_ref in TROUBLES.items():
                if lot < slice_ref:
                    self.met[trouble] += 1
                    return trouble
                lot -= slice_ref
            return None

    def serve(self) -> None:
        """Begin to pass requests on."""
        self._serving = threading.Thread(target=self.serve_forever, args=(0.05,), name="weather")
        self._serving.start()

    def go_away(self) -> None:
        """Refuse connections, and break those that there are at their next request."""
        self.away = True
        self._rest()
        self.socket.close()

    def come_back(self) -> None:
        """Listen again, at the same port."""
        self.socket = socket.socket(self.address_family, self.socket_type)
        self.server_bind()
        self.server_activate()
        self.away = False
        self.serve()

    def leave(self) -> None:
        """Serve no longer."""
        self._rest()
        self.server_close()

    def _rest(self) -> None:
        if self._serving is not None:
            self.shutdown()
            self._serving.join()
            self._serving = None


class _Storm(Passing):
    server: Weather

    def _go(self) -> None:
        if self.server.away:
            self._break_off()
            return
        trouble = self.server.draw()
        length = int(self.headers.get("Content-Length", "0"))
        if trouble is None:
            self.pass_on()
        elif trouble in {"busy", "throttled"}:
            self.rfile.read(length)
            self._refuse(*((503, "ServerBusy") if trouble == "busy" else (429, "TooManyRequests")))
        else:
            if trouble == "broken":
                self.rfile.read(length // 2)
            else:
                self.carried_out()
            self._break_off()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_MERGE = do_PATCH = _go  # noqa: N815

    def _refuse(self, status: int, code: str) -> None:
        """Answer with an error in the form of the service: of tables JSON, else XML."""
        words = "Come back later."
        if "json" in self.headers.get("Accept", ""):
            message = {"lang": "en-US", "value": words}
            kind, text = "application/json", json.dumps({"odata.error": {"code": code, "message": message}})
        else:
            inside = f"<Code>{code}</Code><Message>{words}</Message>"
            kind, text = "application/xml", f"<?xml version='1.0'?><Error>{inside}</Error>"
        body = b"" if self.command == "HEAD" else text.encode()
        self.send_response_only(status)
        self.send_header("x-ms-error-code", code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _break_off(self) -> None:
        with suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


@contextmanager
def weather_before(storage_port: int, seed: int) -> Iterator[Weather]:
    """Let there be weather before a storage emulator; it is fine at first."""
    weather = Weather(storage_port, seed)
    weather.serve()
    try:
        yield weather
    finally:
        weather.leave()
