"""A storage emulator that keeps its data on disk and writes down every request it gets."""

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
_REQUEST = re.compile(
    r'"(?P<verb>[A-Z]+) /(?P<account>[^/? ]+)/(?P<place>[^/?( ]*)(?P<rest>[^ ]*) HTTP/[0-9.]+"'
)
type Calls = Counter[tuple[str, str]]

# A server-side time limit in seconds that the app never asks for: it tells our own requests from the app's.
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
    """One request that came in: to which container, queue or table, and what for."""

    verb: str
    place: str
    rest: str

    @property
    def ours(self) -> bool:
        """Whether the benchmark itself made it."""
        return f"timeout={OUR_TIMEOUT}" in self.rest

    @property
    def purpose(self) -> str:
        """What it does, in the words of storage."""
        query = parse_qs(urlsplit(self.rest).query)
        comp = "".join(query.get("comp", []))
        return _PURPOSES.get((self.verb, comp)) or _PURPOSES.get((self.verb, ""), self.verb)


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator; it keeps everything on disk, because memory is what we measure."""

    connection_string: str
    endpoints: azurite.Endpoints
    log: Path

    def position(self) -> int:
        """Return a mark in the log, to count from."""
        return self.log.stat().st_size

    def requests(self, since: int) -> Iterator[Request]:
        """Yield what came in since a mark; the benchmark's own questions are left out."""
        with self.log.open("rb") as log:
            log.seek(since)
            for line in log:
                if found := _REQUEST.search(line.decode(errors="replace")):
                    request = Request(found["verb"], found["place"], found["rest"])
                    if not request.ours:
                        yield request

    def calls(self, since: int) -> Calls:
        """Count the requests since a mark by container, queue or table, and by what they do."""
        return Counter((request.place, request.purpose) for request in self.requests(since))


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Emulator]:
    """Start an emulator with its data and its log in a folder, and stop it at the end."""
    endpoints = azurite.Endpoints(*azurite.free_ports(3))
    command = [word for word in azurite.command(endpoints, folder / "storage") if word != "--silent"]
    log = folder / "requests.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=PROJECT, stdout=output, stderr=output, start_new_session=True)
    try:
        _wait(process, log)
        yield Emulator(endpoints.connection_string, endpoints, log)
    finally:
        # Its data is thrown away, so there is nothing that it would have to write down first.
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while process.poll() is None and time.monotonic() < deadline:
        if _STARTED in log.read_text(errors="replace"):
            return
        time.sleep(0.05)
    raise SystemExit(f"The storage emulator did not start:\n{log.read_text(errors='replace')[-2000:]}")
