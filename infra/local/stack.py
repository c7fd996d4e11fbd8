"""Run the app on this machine: the functions host as a child process, on a running storage emulator."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.api import Api
from infra.local.azurite import Endpoints
from infra.local.settings_file import THREADS, THREADS_SETTING, new_secrets_key

START_SECONDS_MAX = 60.0
# Before it ends, the host waits for running functions.
STOP_SECONDS_MAX = 30.0
# The host's option of that name.
UNTIL_STDIN_ENDS = "--until-stdin-ends"
PROJECT = Path(__file__).resolve().parents[2]


class NotStartedError(Exception):
    """The app did not start. The message ends with the end of its log."""


@dataclass(frozen=True, slots=True)
class RunningApp:
    """A running app. ``log`` is the file with its output."""

    api: Api
    process: subprocess.Popen[bytes]
    log: Path


def settings_for(endpoints: Endpoints, *others: Endpoints) -> dict[str, str]:
    """Return app settings for a storage emulator, which is also the customers' storage.

    Customers' containers may be in the ``others``, too.
    """
    ports = (each.blob_port for each in (endpoints, *others))
    return {
        "AzureWebJobsStorage": endpoints.connection_string,
        "SECRETS_KEY": new_secrets_key(),
        "DESTINATION_HOSTS": ",".join(f"127.0.0.1:{port}" for port in ports),
        THREADS_SETTING: THREADS,
    }


@contextlib.contextmanager
def running_app(
    settings: Mapping[str, str], *, port: int, log: Path, arguments: tuple[str, ...] = ()
) -> Iterator[RunningApp]:
    """Start the app on a port of loopback, wait until it answers, and stop it at the end.

    If this program is killed, the app ends, too: it holds the other end of the host's standard input.
    The app gets these settings and no others: a developer's own settings do not reach it.
    """
    host = [sys.executable, "-m", "infra.local.host", str(PROJECT), "--environment-only", UNTIL_STDIN_ENDS]
    command = [*host, "--port", str(port), *arguments]
    # A worker that crashes in native code prints where.
    environ = {**_plain_environ(), "PYTHONFAULTHANDLER": "1", **settings}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        api = Api(f"http://127.0.0.1:{port}", settings.get("FUNCTIONS_LOCAL_MASTER_KEY", ""))
        _wait(api, process, log)
        yield RunningApp(api, process, log)
    finally:
        _stop(process)


def _plain_environ() -> dict[str, str]:
    # NATIVE_CODE is the one setting that is passed on: it changes no result.
    keep = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONDONTWRITEBYTECODE", "NATIVE_CODE")
    environ = os.environ  # noqa: TID251  a child process gets the variables that are not settings
    return {name: environ[name] for name in keep if name in environ}


def _wait(api: Api, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            if api.call("GET", "/admin/host/status").status == 200:  # noqa: PLR2004  OK
                return
        time.sleep(0.1)
    said = log.read_text(errors="replace")[-4000:]
    raise NotStartedError(f"The app did not start (exit code {process.poll()}). Its log ends with:\n{said}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
