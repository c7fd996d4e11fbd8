"""The worker processes of the app, ``FUNCTIONS_WORKER_PROCESS_COUNT`` of them; a dead one is replaced."""

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
    """Spreads invocations over the worker processes that live."""

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
        """Give an invocation to the next process, waiting for one if all have just died."""
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._usable() or self._stopping.is_set(), START_SECONDS_MAX
            ):
                raise WorkerDiedError("there is no worker process, and none could be started")
            if self._stopping.is_set():
                raise WorkerDiedError("the host is stopping")
            usable = self._usable()
            worker = usable[next(self._turn) % len(usable)]
        return worker.submit(call), worker

    def stop(self) -> None:
        """Kill all processes; none is replaced any more."""
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
        """Start another process, in the thread that saw the first one die; ever later if that fails, too."""
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
