"""A storage emulator with its data on disk and a log of every request."""

import contextlib
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from infra.local import azurite
from infra.local.stack import PROJECT

START_SECONDS_MAX = 60.0
_STARTED = "Table service is successfully listening"
# 127.0.0.1 - - [31/Jan/2026:13:00:00 +0000] "PUT /account/landing/name?comp=block HTTP/1.1" 201 -
_LINE = r"(?P<verb>[A-Z]+) /(?P<account>[^/? ]+)/(?P<place>[^/?( ]*)(?P<rest>[^ ]*) HTTP/[0-9.]+"
_REQUEST = re.compile(f'"{_LINE}"')
_REQUEST_HEAD = re.compile(f"{_LINE}\r\n".encode(), re.ASCII)
type Calls = Counter[tuple[str, str]]

# A server time-out in seconds that the app never sends: it marks the benchmark's own requests.
OUR_TIMEOUT = 77
_PURPOSES = {
    ("GET", "list"): "list",
    ("GET", ""): "read",
    ("HEAD", ""): "look",
    ("PUT", "block"): "stage a block",
    ("PUT", "blocklist"): "commit",
    ("PUT", ""): "write",
    ("PATCH", ""): "write",
    ("POST", ""): "write",
    ("DELETE", ""): "delete",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its container, queue or table, and its operation."""

    verb: str
    place: str
    rest: str

    @property
    def ours(self) -> bool:
        """Whether the benchmark itself sent it."""
        return f"timeout={OUR_TIMEOUT}" in self.rest

    @property
    def purpose(self) -> str:
        """The operation, in the words of the tables."""
        query = parse_qs(urlsplit(self.rest).query)
        comp = "".join(query.get("comp", []))
        return _PURPOSES.get((self.verb, comp)) or _PURPOSES.get((self.verb, ""), self.verb)


def request_in(piece: bytes) -> Request | None:
    """Return the request that begins with these bytes; None if none begins there."""
    found = _REQUEST_HEAD.match(piece)
    return Request(*(found[name].decode() for name in ("verb", "place", "rest"))) if found else None


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator. Its data is on disk, because memory is measured."""

    connection_string: str
    endpoints: azurite.Endpoints
    log: Path

    def position(self) -> int:
        """Return the current end of the log, from which to count."""
        return self.log.stat().st_size

    def requests(self, since: int) -> Iterator[Request]:
        """Yield the requests since a mark, without the benchmark's own."""
        with self.log.open("rb") as log:
            log.seek(since)
            for line in log:
                if found := _REQUEST.search(line.decode(errors="replace")):
                    request = Request(found["verb"], found["place"], found["rest"])
                    if not request.ours:
                        yield request

    def calls(self, since: int) -> Calls:
        """Count the requests since a mark by container, queue or table and by operation."""
        return Counter((request.place, request.purpose) for request in self.requests(since))


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Emulator]:
    """Start an emulator with data and log in a folder; stop it at the end."""
    endpoints = azurite.Endpoints(*azurite.free_ports(3))
    command = [word for word in azurite.command(endpoints, folder / "storage") if word != "--silent"]
    log = folder / "requests.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=PROJECT, stdout=output, stderr=output, start_new_session=True)
    try:
        _wait(process, log)
        yield Emulator(endpoints.connection_string, endpoints, log)
    finally:
        # Its data is deleted, so it need not save anything.
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while process.poll() is None and time.monotonic() < deadline:
        if _STARTED in log.read_text(errors="replace"):
            return
        time.sleep(0.05)
    raise SystemExit(f"The storage emulator did not start:\n{log.read_text(errors='replace')[-2000:]}")
