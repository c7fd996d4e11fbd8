"""The worker processes of the app, ``FUNCTIONS_WORKER_PROCESS_COUNT`` of them. A dead one is replaced."""

import logging
import threading
from concurrent.futures import Future
from itertools import count

from infra.local.host.errors import HostError, WorkerDiedError
from infra.local.host.messages import FunctionMetadata, Invocation, Outcome
from infra.local.host.worker_process import START_SECONDS_MAX, WorkerCommand, WorkerProcess

PROCESS_COUNT_SETTING = "FUNCTIONS_WORKER_PROCESS_COUNT"
PROCESSES_MAX = 10
_RESTART_SECONDS_MAX = 30.0
_log = logging.getLogger("host")


class WorkerPool:
    """Distributes invocations over the live worker processes."""

    def __init__(self, command: WorkerCommand, size: int) -> None:
        self._command = command
        self._size = size
        self._turn = count()
        self._live: list[WorkerProcess] = []
        self._changed = threading.Condition()
        self._stopping = threading.Event()

    def start(self) -> tuple[FunctionMetadata, ...]:
        """Start all processes and return the app's functions; ``HostError`` if one cannot."""
        functions: tuple[FunctionMetadata, ...] = ()
        for _ in range(self._size):
            functions = self._add()
        return functions

    def submit(self, call: Invocation) -> tuple[Future[Outcome], WorkerProcess]:
        """Pass an invocation to the next process; wait for one if none is alive."""
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._usable() or self._stopping.is_set(), START_SECONDS_MAX
            ):
                raise WorkerDiedError("no worker process is running, and none could be started")
            if self._stopping.is_set():
                raise WorkerDiedError("the host is stopping")
            usable = self._usable()
            worker = usable[next(self._turn) % len(usable)]
        return worker.submit(call), worker

    def stop(self) -> None:
        """Kill all processes and replace none."""
        with self._changed:
            self._stopping.set()
            self._changed.notify_all()
            live = tuple(self._live)
        for worker in live:
            worker.kill()
        with self._changed:
            self._changed.wait_for(lambda: not self._live, timeout=5)

    def _usable(self) -> list[WorkerProcess]:
        return [worker for worker in self._live if not worker.is_doomed]

    def _add(self) -> tuple[FunctionMetadata, ...]:
        worker = WorkerProcess(self._command)
        try:
            functions = worker.wait_until_started()
        except BaseException:
            worker.close()
            raise
        with self._changed:
            if self._stopping.is_set():
                worker.close()
                return functions
            self._live.append(worker)
            self._changed.notify_all()
        worker.watch(self._replace)
        return functions

    def _replace(self, dead: WorkerProcess) -> None:
        """Start another process, in the thread that noticed the death; retry with growing waits."""
        with self._changed:
            self._live.remove(dead)
            self._changed.notify_all()
        delay = 1.0
        while not self._stopping.is_set():
            _log.warning("a worker process ended: starting another")
            try:
                self._add()
            except (HostError, OSError) as error:
                _log.error("%s", error)
                self._stopping.wait(delay)
                delay = min(2 * delay, _RESTART_SECONDS_MAX)
            else:
                return
