"""One worker process, on the host's side."""

import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

from infra.local.host.errors import HostError, IndexingError, WorkerDiedError
from infra.local.host.log_levels import LogLevels
from infra.local.host.messages import FunctionMetadata, Invocation, NotStarted, Outcome, Started

# As in the real host.
START_SECONDS_MAX = 60.0
_PROJECT = Path(__file__).resolve().parents[3]
_log = logging.getLogger("host")


@dataclass(frozen=True, slots=True)
class WorkerCommand:
    """How a worker process is started."""

    app: Path
    environ: Mapping[str, str] = field(repr=False)
    log_levels: LogLevels

    def run(self, socket_number: int) -> subprocess.Popen[bytes]:
        """Start the process.

        It has its own process group, so that Ctrl-C in a terminal interrupts only the host, which drains.
        Its output goes to stderr, because stdout has the host's own output.
        """
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "infra.local.host.worker_child"),
                *(str(self.app), str(socket_number), self.log_levels.to_json()),
            ],
            cwd=_PROJECT,
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            pass_fds=[socket_number],
            process_group=0,
        )


class WorkerProcess:
    """A started process. When it dies, every invocation without an answer fails.

    ``is_doomed`` is true once it has been killed: until it is dead, it must get no more invocations.
    """

    def __init__(self, command: WorkerCommand) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = command.run(theirs.fileno())
        self._connection = Connection(ours.detach())
        self._sending = threading.Lock()
        self._pending: dict[str, Future[Outcome]] = {}
        self._dead = False
        self.is_doomed = False

    def wait_until_started(self) -> tuple[FunctionMetadata, ...]:
        """Return the functions of the app; ``HostError`` if it cannot be loaded in time."""
        try:
            if not self._connection.poll(START_SECONDS_MAX):
                raise HostError(f"the worker process did not start within {START_SECONDS_MAX:.0f} s")
            match self._connection.recv():
                case Started(functions):
                    return functions
                case NotStarted(reason):
                    raise IndexingError(reason)
                case other:
                    raise AssertionError(other)
        except (EOFError, OSError):
            raise HostError(f"the worker process {self._end()} while it loaded the app") from None

    def watch(self, on_death: Callable[[Self], None]) -> None:
        """Start a thread that reads answers, and that calls ``on_death`` once the process has died."""
        threading.Thread(target=self._read, args=(on_death,), name="worker reader", daemon=True).start()

    def submit(self, call: Invocation) -> Future[Outcome]:
        """Send an invocation. The future raises ``WorkerDiedError`` if the process dies before it answers."""
        future: Future[Outcome] = Future()
        with self._sending:
            if self._dead:
                future.set_exception(WorkerDiedError("the worker process has ended"))
                return future
            self._pending[call.id] = future
            try:
                self._connection.send(call)
            except OSError:
                _log.debug("a worker process died while an invocation was sent; its reader will notice")
        return future

    def kill(self) -> None:
        """Kill the process and every invocation in it, as the host does on a timeout."""
        self.is_doomed = True
        self._process.kill()

    def close(self) -> None:
        """Kill a process that is not watched, and close its connection."""
        self.kill()
        self._process.wait()
        self._connection.close()

    def _read(self, on_death: Callable[[Self], None]) -> None:
        try:
            while True:
                call_id, outcome = self._connection.recv()
                if future := self._pending.pop(call_id, None):
                    future.set_result(outcome)
        except Exception as error:  # noqa: BLE001  the invocations that wait for an answer must end, whatever it is
            if not isinstance(error, EOFError | OSError):
                _log.exception("an answer of a worker process cannot be read")
            self._fail_pending(WorkerDiedError(f"the worker process {self._end()}"))
        on_death(self)

    def _fail_pending(self, error: WorkerDiedError) -> None:
        with self._sending:
            self._dead = True
            self._connection.close()
        while self._pending:
            self._pending.popitem()[1].set_exception(error)

    def _end(self) -> str:
        """Return how the process ended. Its socket is closed, so it has ended or is about to."""
        self.kill()
        code = self._process.wait()
        return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
