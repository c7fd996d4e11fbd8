"""Build, start and drain the host."""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.local.host import clock
from infra.local.host.application import Application
from infra.local.host.errors import HostError, UnusableFunctionError
from infra.local.host.functions import (
    DEFAULT_CONNECTION,
    Function,
    Functions,
    QueueTrigger,
    TimerTrigger,
    read_functions,
)
from infra.local.host.invoker import Invoker
from infra.local.host.keys import FUNCTION_KEY_SETTING, MASTER_KEY_SETTING, Keys
from infra.local.host.outputs import OutputSender
from infra.local.host.queues import POISON_SUFFIX, ListenerHost, QueueListener
from infra.local.host.settings import HOST_ID_SETTING, HostSettings, app_settings
from infra.local.host.storage import Trouble, container_client, queue_client
from infra.local.host.timer_storage import CONTAINER, TimerStorage
from infra.local.host.timers import TimerListener
from infra.local.host.web import Server
from infra.local.host.worker_pool import PROCESS_COUNT_SETTING, PROCESSES_MAX, WorkerPool
from infra.local.host.worker_process import WorkerCommand

# How long Azure waits for running invocations when it removes an instance.
DRAIN_SECONDS = 10.0
# How late a signal may be noticed.
SIGNAL_SECONDS = 0.5
# How long to wait, after a kill, for messages to be returned and locks to be released.
_SETTLE_SECONDS = 3.0
_log = logging.getLogger("host")


class Host:
    """A host for one app. The constructor checks the settings and binds the port; nothing runs yet."""

    def __init__(
        self,
        app: Path,
        port: int,
        keys: Keys | None,
        environ: Mapping[str, str],
        *,
        local_settings: bool = True,
    ) -> None:
        self._app = app.resolve()
        self._keys = keys
        self._settings = app_settings(self._app, environ) if local_settings else environ
        self._host = HostSettings.load(self._app, self._settings)
        self._host_id = self._settings.get(HOST_ID_SETTING) or _host_id(self._app)
        self._server = Server(port)
        self._pool = WorkerPool(self._worker_command(), _process_count(self._settings))
        encode = self._host.queues.base64
        self._invoker = Invoker(
            self._pool,
            self._host.function_timeout,
            OutputSender(self._settings, encode=encode),
            self._host.log_levels,
        )
        self._queues: list[QueueListener] = []
        self._timers: list[TimerListener] = []
        self._queue_threads: list[threading.Thread] = []
        self._timer_threads: list[threading.Thread] = []
        self._application: Application | None = None
        self._storage_lost = threading.Event()
        self._listener_host = ListenerHost(
            self._host.queues, self._invoker, self._host.log_levels, self._storage_lost.set
        )

    @property
    def url(self) -> str:
        """The base URL of the HTTP functions."""
        return self._server.url

    def start(self) -> Functions:
        """Load the app and start all listeners; ``HostError`` if that is not possible."""
        found = read_functions(self._pool.start(), self._settings, self._host.route_prefix, clock.now())
        functions = self._with_listeners(found)
        self._application = Application(functions, self._invoker, self._keys, self._host_id)
        self._invoker.on_end = self._wake_queues
        self._queue_threads = [_started(listener.listen) for listener in self._queues]
        self._timer_threads = [_started(listener.listen) for listener in self._timers]
        self._server.start(self._application)
        return functions

    def wait(self) -> None:
        """Block until storage is lost. The real host ends then, too, and Azure starts it again."""
        # In short steps: a signal that the system delivers to another thread, as it may, does not end a wait
        # of the main thread, and Python runs the signal's handler in the main thread only.
        while not self._storage_lost.wait(SIGNAL_SECONDS):
            continue

    def stop(self, seconds: float = DRAIN_SECONDS) -> None:
        """Accept no new work, wait so long for running invocations, then kill them."""
        deadline = time.monotonic() + seconds
        if self._application:
            self._application.stop()
        self._server.stop()
        for queue in self._queues:
            queue.stop()
        for timer in self._timers:
            timer.stop()
        for thread in self._queue_threads:
            thread.join(_left(deadline))
        for queue in self._queues:
            queue.settled(_left(deadline))
        if running := self._invoker.drain(_left(deadline)):
            _log.warning("%d invocations still run after %.0f s: killed", running, seconds)
        self.kill()
        deadline = time.monotonic() + _SETTLE_SECONDS
        for queue in self._queues:
            queue.settled(_left(deadline))
        for thread in self._timer_threads:
            thread.join(_left(deadline))

    def kill(self) -> None:
        """Kill the worker processes and every invocation in them."""
        self._pool.stop()

    def _worker_command(self) -> WorkerCommand:
        """Return the command of a worker process: its environment has all app settings but the keys."""
        environ = {"AZURE_FUNCTIONS_ENVIRONMENT": "Development", "FUNCTIONS_WORKER_RUNTIME": "python"}
        environ |= {"WEBSITE_HOSTNAME": self.url.removeprefix("http://")} | dict(self._settings)
        for name in (MASTER_KEY_SETTING, FUNCTION_KEY_SETTING):
            environ.pop(name, None)
        return WorkerCommand(self._app, environ, self._host.log_levels)

    def _with_listeners(self, found: Functions) -> Functions:
        """Make the listeners. A function whose connection is invalid goes to ``in_error``."""
        in_error = dict(found.in_error)
        for function in found.usable:
            try:
                self._add_listener(function)
            except UnusableFunctionError as error:
                in_error[function.name] = str(error)
        return Functions(tuple(each for each in found.usable if each.name not in in_error), in_error)

    def _add_listener(self, function: Function) -> None:
        trigger = function.trigger
        if isinstance(trigger, QueueTrigger):
            queue, poison = (
                queue_client(self._settings, trigger.connection, name)
                for name in (trigger.queue, trigger.queue + POISON_SUFFIX)
            )
            self._queues.append(QueueListener(function, trigger, (queue, poison), self._listener_host))
        elif isinstance(trigger, TimerTrigger):
            storage = self._timer_storage(function)
            self._timers.append(TimerListener(function, trigger, storage, self._invoker))

    def _timer_storage(self, function: Function) -> TimerStorage | None:
        """Return the storage of a timer's status; None without storage: the timer runs all the same."""
        try:
            container = container_client(self._settings, DEFAULT_CONNECTION, CONTAINER)
        except UnusableFunctionError as error:
            _log.warning("%s: runs without status and lock: %s", function.name, error)
            return None
        return TimerStorage(container, self._host_id, function.name, Trouble(function.name))

    def _wake_queues(self) -> None:
        for listener in self._queues:
            listener.wake()


def _started(target: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    return thread


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _host_id(app: Path) -> str:
    """Return an id that all hosts of this app share, and no host of another app."""
    return f"local-{hashlib.sha256(str(app).encode()).hexdigest()[:16]}"


def _process_count(settings: Mapping[str, str]) -> int:
    text = settings.get(PROCESS_COUNT_SETTING, "1")
    if not text.isdecimal() or not 1 <= int(text) <= PROCESSES_MAX:
        raise HostError(f"{PROCESS_COUNT_SETTING} must be a number from 1 to {PROCESSES_MAX}, not {text!r}")
    return int(text)
