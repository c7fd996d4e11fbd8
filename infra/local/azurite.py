"""Azurite, Microsoft's storage emulator, as a child process: on free ports, or on fixed ones."""

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.certificates import Certificate

ACCOUNT = "devstoreaccount1"
# Azurite's published development key: the same in every installation, and no secret.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
START_SECONDS_MAX = 60.0
START_ATTEMPTS_MAX = 4
# To write down what it keeps in memory; a loaded machine takes its time.
STOP_SECONDS_MAX = 60.0
_SCRIPT = Path("node_modules/azurite/dist/src/azurite.js")
_PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where an Azurite listens, on loopback."""

    blob_port: int
    queue_port: int
    table_port: int
    scheme: str = field(default="http", kw_only=True)

    @property
    def account_url(self) -> str:
        """The blob service's address, as a destination's ``account_url``."""
        return f"{self.scheme}://127.0.0.1:{self.blob_port}/{ACCOUNT}"

    @property
    def connection_string(self) -> str:
        """What ``AzureWebJobsStorage`` is set to, and what a destination's credentials may be."""
        services = {"Blob": self.blob_port, "Queue": self.queue_port, "Table": self.table_port}
        urls = "".join(
            f"{name}Endpoint={self.scheme}://127.0.0.1:{port}/{ACCOUNT};" for name, port in services.items()
        )
        return f"DefaultEndpointsProtocol={self.scheme};AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};{urls}"


def free_ports(count: int) -> list[int]:
    """Return ports nobody listens on right now; all are held until all are known, so they differ."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def command(endpoints: Endpoints, data: Path | None, tls: Certificate | None = None) -> list[str]:
    """Return the command line; without a data folder everything is kept in memory.

    Over https, tokens are taken as well as keys; but only their times and their audience are looked at.

    Telemetry would phone home, and the API version check would refuse SDKs newer than the emulator.
    """
    node = shutil.which("node")
    script = _PROJECT / _SCRIPT
    if node is None or not script.exists():
        raise SystemExit("Azurite is not installed here: run make setup (it needs Node.js 20 or later)")
    return [
        node,
        str(script),
        "--silent",
        "--disableTelemetry",
        "--skipApiVersionCheck",
        *(["--inMemoryPersistence"] if data is None else ["--location", str(data)]),
        *("--blobHost", "127.0.0.1", "--blobPort", str(endpoints.blob_port)),
        *("--queueHost", "127.0.0.1", "--queuePort", str(endpoints.queue_port)),
        *("--tableHost", "127.0.0.1", "--tablePort", str(endpoints.table_port)),
        *([] if tls is None else ["--oauth", "basic", "--cert", str(tls.certificate), "--key", str(tls.key)]),
    ]


@contextlib.contextmanager
def running(
    data: Path | None = None, endpoints: Endpoints | None = None, tls: Certificate | None = None
) -> Iterator[Endpoints]:
    """Start Azurite, wait until it answers, and stop it at the end; with no endpoints given, on free ports.

    With a certificate it speaks https, and nothing else.

    A free port may be taken by someone else before Azurite binds it, so that is tried a few times.
    """
    exit_code: int | None = None
    for _ in range(1 if endpoints else START_ATTEMPTS_MAX):
        chosen = endpoints or Endpoints(*free_ports(3), scheme="http" if tls is None else "https")
        child = subprocess.Popen(
            command(chosen, data, tls), cwd=_PROJECT, start_new_session=True, stdout=subprocess.DEVNULL
        )
        try:
            if _answers(child, chosen):
                yield chosen
                return
        finally:
            _stop(child)
        exit_code = child.returncode
    raise SystemExit(f"Azurite did not start (exit code {exit_code}): are its ports taken?")


def _answers(child: subprocess.Popen[bytes], endpoints: Endpoints) -> bool:
    """Wait until all three services accept connections; false if the process ended first."""
    deadline = time.monotonic() + START_SECONDS_MAX
    for port in (endpoints.blob_port, endpoints.queue_port, endpoints.table_port):
        while True:
            if child.poll() is not None or time.monotonic() > deadline:
                return False
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
    # The port may have answered for somebody else who took it first; then our process has ended.
    time.sleep(0.05)
    return child.poll() is None


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Ask, then insist. SIGTERM lets Azurite write its metadata down; a kill would lose the latest of it."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
    child.wait()


def main() -> None:
    """``make azurite``: run in the foreground until interrupted."""
    parser = argparse.ArgumentParser(description="Run Azurite in the foreground.")
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps the data")
    parser.add_argument("--blob-port", type=int, default=10000)
    parser.add_argument("--queue-port", type=int, default=10001)
    parser.add_argument("--table-port", type=int, default=10002)
    options = parser.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    endpoints = Endpoints(options.blob_port, options.queue_port, options.table_port)
    print(f"Data in {options.data}. Connection string:\n{endpoints.connection_string}")
    print("Ctrl-C stops it.", flush=True)
    # It takes this process's place, so that it has the terminal, and signals, to itself.
    line = command(endpoints, options.data)
    os.execv(line[0], line)  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    main()
