"""A proxy that disturbs storage: busy answers, broken connections, lost answers, outages.

During an outage, no program listens on the service's port.
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

# Below the ports of outgoing connections and above those of well-known services.
KEPT_PORTS = range(20_000, 32_000)
# How many of a thousand requests meet which trouble.
TROUBLES = {"busy": 20, "throttled": 20, "broken": 15, "swallowed": 15}


def kept_ports(count: int) -> list[int]:
    """Return free ports that no outgoing connection gets, so that they stay free during an outage."""
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
    """Passes most requests on to a storage emulator. ``met`` counts the others."""

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
        """Return the trouble of the next request; None if it passes."""
        with self._turn:
            lot = 1000 if self.fine else self._random.randrange(1000)
            for trouble, slice_ref in TROUBLES.items():
                if lot < slice_ref:
                    self.met[trouble] += 1
                    return trouble
                lot -= slice_ref
            return None

    def serve(self) -> None:
        """Start to pass requests on."""
        self._serving = threading.Thread(target=self.serve_forever, args=(0.05,), name="weather")
        self._serving.start()

    def go_away(self) -> None:
        """Begin an outage: refuse connections, and break existing ones at their next request."""
        self.away = True
        self._rest()
        self.socket.close()

    def come_back(self) -> None:
        """End the outage: listen on the same port again."""
        self.socket = socket.socket(self.address_family, self.socket_type)
        self.server_bind()
        self.server_activate()
        self.away = False
        self.serve()

    def leave(self) -> None:
        """Stop the proxy."""
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
        """Answer with an error in the service's form: JSON for tables, otherwise XML."""
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
    """Run a proxy in front of a storage emulator. It begins without trouble."""
    weather = Weather(storage_port, seed)
    weather.serve()
    try:
        yield weather
    finally:
        weather.leave()
