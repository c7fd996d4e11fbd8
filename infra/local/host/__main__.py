"""``python -m infra.local.host``: run a function app until it is interrupted.

README.md lists the settings of the host itself.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from infra.local.host import clock, report
from infra.local.host.errors import HostError
from infra.local.host.host import Host
from infra.local.host.keys import Keys

DEFAULT_PORT = 7071
_EXIT_NOT_STARTED = 1
_EXIT_INTERRUPTED = 130


def main() -> int:
    """Return the exit code: 0 after a drain, 1 if the host could not start."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    # Of the host's own calls, not the app's: like the real host, log failed requests only.
    logging.getLogger("azure").setLevel(logging.WARNING)
    environ = os.environ  # noqa: TID251  the only place where the host reads it
    keys = Keys.from_environ(environ) if options.auth else None
    host: Host | None = None
    try:
        local = not options.environment_only
        host = Host(options.app, options.port, keys, environ, local_settings=local)
        _drain_on_signals(host)
        if options.until_stdin_ends:
            threading.Thread(target=_end_with_stdin, args=[host], daemon=True).start()
        _run(host, keys)
    except HostError as error:
        print(f"error: {error}", file=sys.stderr)
        return _EXIT_NOT_STARTED
    except KeyboardInterrupt:
        print("Stopping: waiting for running functions. Press Ctrl-C again to stop at once.", flush=True)
    finally:
        if host:
            host.stop()
    print("Host stopped.", flush=True)
    return os.EX_OK


def _run(host: Host, keys: Keys | None) -> None:
    functions = host.start()
    for line in report.lines(functions, host.url, clock.now()):
        print(line)
    if keys:
        print(f"Master key: {keys.master}\nFunction key: {keys.function}")
    count = len(functions.usable)
    print(f"Host ready: {host.url} ({count} functions)", flush=True)
    host.wait()
    print(
        "An unhandled exception has occurred. Host is shutting down: storage cannot be reached.", flush=True
    )


def _drain_on_signals(host: Host) -> None:
    """Let the first SIGINT or SIGTERM start a drain, and a later SIGINT end all processes at once."""
    interrupted = False

    def interrupt(number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        if not interrupted:
            interrupted = True
            raise KeyboardInterrupt
        if number == signal.SIGINT:
            host.kill()
            os._exit(_EXIT_INTERRUPTED)

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)


def _end_with_stdin(host: Host) -> None:
    """End all processes at once when the program that started the host has ended: the drain has no reader."""
    while os.read(sys.stdin.fileno(), 1024):
        continue
    host.kill()
    os._exit(_EXIT_INTERRUPTED)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.host",
        description="Run a function app on this machine, as func start does.",
    )
    parser.add_argument(
        "app", nargs="?", type=Path, default=Path(), help="folder of the app (default: this folder)"
    )
    parser.add_argument(
        "--port", type=int, default=DEFAULT_PORT, help=f"0 takes a free port (default: {DEFAULT_PORT})"
    )
    parser.add_argument("--environment-only", action="store_true", help="do not read local.settings.json")
    parser.add_argument("--auth", action="store_true", help="check keys; print them at the start")
    parser.add_argument(
        "--until-stdin-ends",
        action="store_true",
        help="stop at once when standard input ends: for programs that start the host",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
