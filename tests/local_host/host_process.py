"""Start the host as a real process, send requests to it, and read its output and its app's journal."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import psutil

PROJECT = Path(__file__).resolve().parents[2]
APP = Path(__file__).with_name("app")
READY_SECONDS_MAX = 60.0
EVENTUALLY_SECONDS = 20.0

type Note = dict[str, Any]


def eventually[T](look: Callable[[], T], seconds: float = EVENTUALLY_SECONDS) -> T:
    """Call ``look`` until its result is true, and return the result."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"nothing after {seconds} s: {look}")
        time.sleep(0.03)
    return seen


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class HostProcess:
    """A started host. The journal is a file to which the app's functions write."""

    def __init__(self, folder: Path, arguments: tuple[str, ...], environ: Mapping[str, str]) -> None:
        self._output = folder / "output.txt"
        self._journal = folder / "journal.txt"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(  # noqa: S603  our own command
                [
                    sys.executable,
                    "-m",
                    "infra.local.host",
                    str(APP),
                    "--port",
                    "0",
                    "--until-stdin-ends",
                    *arguments,
                ],
                cwd=PROJECT,
                env=clean_environ() | {"JOURNAL": str(self._journal)} | dict(environ),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.children: list[psutil.Process] = []
        self.url = ""

    def wait_until_ready(self) -> None:
        """Wait for the line ``Host ready``."""

        def ready() -> re.Match[str] | None:
            assert self.process.poll() is None, self.output
            return re.search(r"^Host ready: (\S+)", self.output, re.MULTILINE)

        found = eventually(ready, READY_SECONDS_MAX)
        assert found
        self.url = found[1]
        self.children = self.workers()

    @property
    def output(self) -> str:
        """Everything that the host has printed."""
        return self._output.read_text()

    def workers(self) -> list[psutil.Process]:
        """Return the live worker processes."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def notes(self, function: str, **facts: object) -> list[Note]:
        """Return the notes of a function that have these facts."""
        lines = self._journal.read_text().splitlines() if self._journal.exists() else []
        notes: list[Note] = [json.loads(line) for line in lines]
        return [note for note in notes if {"function": function, **facts}.items() <= note.items()]

    def connect(self) -> http.client.HTTPConnection:
        """Open a connection; the caller closes it."""
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request and return its answer."""
        connection = self.connect()
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)

    def destroy(self) -> None:
        """Kill the host and every worker process."""
        with_children = [*self.children, *(self.workers() if self.process.poll() is None else [])]
        self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        for child in with_children:
            if child.is_running():
                child.kill()


def clean_environ() -> dict[str, str]:
    """Return the environment without the variables that a host or its workers read."""
    environ = os.environ  # noqa: TID251  tests start processes
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(("FUNCTIONS_", "Azure", "AZURE_", "PYTHON"))
    }


class StartHost(Protocol):
    """Starts a host with the tests' app and waits until it is ready."""

    def __call__(self, *arguments: str, settings: Mapping[str, str] | None = None) -> HostProcess:
        """Start a host with these app settings besides the usual ones."""
        ...


@contextlib.contextmanager
def starting_hosts(storage: str, queue: str, folder: Path) -> Iterator[StartHost]:
    """Yield a function that starts hosts with the same storage, queue and host id; end them afterwards."""
    hosts: list[HostProcess] = []
    usual = {
        "AzureWebJobsStorage": storage,
        "AzureFunctionsWebHost__hostid": queue,
        "QUEUE": queue,
        "SCHEDULE": "0 0 0 1 1 *",
    }

    def start(*arguments: str, settings: Mapping[str, str] | None = None) -> HostProcess:
        own = folder / f"host-{len(hosts)}"
        own.mkdir()
        host = HostProcess(own, arguments, usual | dict(settings or {}))
        hosts.append(host)
        host.wait_until_ready()
        return host

    try:
        yield start
    finally:
        for host in hosts:
            host.destroy()
