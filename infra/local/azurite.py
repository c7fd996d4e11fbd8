"""Run Azurite, Microsoft's storage emulator, as a child process on free or on given ports."""

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
# Azurite's published development key: it is the same everywhere and not a secret.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
START_SECONDS_MAX = 60.0
START_ATTEMPTS_MAX = 4
# It saves its metadata before it ends, which may take long on a loaded machine.
STOP_SECONDS_MAX = 60.0
_END_WITH_STDIN = Path("infra/local/end_with_stdin.cjs")
_SCRIPT = Path("node_modules/azurite/dist/src/azurite.js")
_PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The ports of an Azurite on loopback."""

    blob_port: int
    queue_port: int
    table_port: int
    scheme: str = field(default="http", kw_only=True)

    @property
    def account_url(self) -> str:
        """The blob service's address, in the form of a destination's ``account_url``."""
        return f"{self.scheme}://127.0.0.1:{self.blob_port}/{ACCOUNT}"

    @property
    def connection_string(self) -> str:
        """The connection string, for ``AzureWebJobsStorage`` and for destinations."""
        services = {"Blob": self.blob_port, "Queue": self.queue_port, "Table": self.table_port}
        urls = "".join(
            f"{name}Endpoint={self.scheme}://127.0.0.1:{port}/{ACCOUNT};" for name, port in services.items()
        )
        return f"DefaultEndpointsProtocol={self.scheme};AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};{urls}"


def free_ports(count: int) -> list[int]:
    """Return different ports that are free now: all are bound until all are known."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def command(
    endpoints: Endpoints, data: Path | None, tls: Certificate | None = None, *, until_stdin_ends: bool = False
) -> list[str]:
    """Return the command line. Without a data folder, Azurite keeps everything in memory.

    With a certificate it serves https and accepts tokens as well as keys. It checks only a token's times and
    audience. Telemetry is off. The API version check is off, because it refuses SDKs newer than the emulator.
    ``until_stdin_ends``: it ends with the program that holds the other end of its standard input.
    """
    node = shutil.which("node")
    script = _PROJECT / _SCRIPT
    if node is None or not script.exists():
        raise SystemExit("Azurite is not installed: run make setup (it needs Node.js 20 or later)")
    return [
        node,
        *(["--require", str(_PROJECT / _END_WITH_STDIN)] if until_stdin_ends else []),
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
    """Start Azurite, wait until it answers, and stop it at the end. The default is free ports.

    If this program is killed, Azurite ends, too: it holds the other end of Azurite's standard input.
    With a certificate it serves https only. Another program may take a free port before Azurite binds it, so
    the start is tried a few times.
    """
    exit_code: int | None = None
    for _ in range(1 if endpoints else START_ATTEMPTS_MAX):
        chosen = endpoints or Endpoints(*free_ports(3), scheme="http" if tls is None else "https")
        child = subprocess.Popen(
            command(chosen, data, tls, until_stdin_ends=True),
            cwd=_PROJECT,
            start_new_session=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        try:
            if _answers(child, chosen):
                yield chosen
                return
        finally:
            _stop(child)
        exit_code = child.returncode
    raise SystemExit(f"Azurite did not start (exit code {exit_code}): are its ports in use?")


def _answers(child: subprocess.Popen[bytes], endpoints: Endpoints) -> bool:
    """Wait until all three services accept connections; return false if the process ended first."""
    deadline = time.monotonic() + START_SECONDS_MAX
    for port in (endpoints.blob_port, endpoints.queue_port, endpoints.table_port):
        while True:
            if child.poll() is not None or time.monotonic() > deadline:
                return False
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
    # If another program has taken the port, that program has answered, and our process ends.
    time.sleep(0.05)
    return child.poll() is None


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Stop Azurite with SIGTERM, so that it saves its metadata; kill it if that takes too long."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
    child.wait()
    if child.stdin is not None:
        child.stdin.close()


def main() -> None:
    """Run Azurite in the foreground until it is interrupted: ``make azurite``."""
    parser = argparse.ArgumentParser(description="Run Azurite in the foreground.")
    parser.add_argument("--data", type=Path, required=True, help="folder for the data")
    parser.add_argument("--blob-port", type=int, default=10000)
    parser.add_argument("--queue-port", type=int, default=10001)
    parser.add_argument("--table-port", type=int, default=10002)
    options = parser.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    endpoints = Endpoints(options.blob_port, options.queue_port, options.table_port)
    print(f"Data in {options.data}. Connection string:\n{endpoints.connection_string}")
    print("Ctrl-C stops it.", flush=True)
    # Azurite replaces this process, so that it alone gets the terminal's signals.
    line = command(endpoints, options.data)
    os.execv(line[0], line)  # noqa: S606  no shell is wanted


if __name__ == "__main__":
    main()
