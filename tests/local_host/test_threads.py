"""Errors that nothing expects: no thread of the host ends by what one invocation or one call raises."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from azure.core.pipeline.transport import HttpRequest, HttpResponse, RequestsTransport
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from infra.local.azurite import Endpoints
from infra.local.host.functions import Function, QueueTrigger, TimerTrigger
from infra.local.host.invoker import Invoker
from infra.local.host.log_levels import LogLevels
from infra.local.host.messages import Invocation, Outcome, TimerDue
from infra.local.host.outputs import OutputSender
from infra.local.host.queues import ListenerHost, QueueListener
from infra.local.host.schedule import Schedule
from infra.local.host.settings import HostSettings
from infra.local.host.storage import Trouble
from infra.local.host.timer_storage import TimerStorage, Turn
from infra.local.host.timers import TimerListener
from infra.local.host.worker_pool import WorkerPool
from infra.local.host.worker_process import WorkerCommand, WorkerProcess
from tests.local_host.host_process import APP, eventually

# Nothing listens there, and nothing is ever sent.
STORAGE = Endpoints(1, 2, 3).connection_string
EVERY_SECOND = Schedule.parse("* * * * * *")
TICK = Function("tick", TimerTrigger("timer", EVERY_SECOND, monitored=True, at_start=False), {})


class RaisingTransport(RequestsTransport):  # type: ignore[misc]  # the package resolves it at run time
    """Counts the requests of an SDK client and answers none: the client raises a TypeError."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0

    def send(self, request: HttpRequest, **_options: object) -> HttpResponse:
        """Raise an error that is none of the SDK's own."""
        self.requests += 1
        raise TypeError(f"'<' not supported, in {request.method}")


class RaisingPool(WorkerPool):
    """Counts the invocations, and raises a TypeError for each."""

    def __init__(self) -> None:
        super().__init__(WorkerCommand(APP, {}, LogLevels()), 1)
        self.calls = 0

    def submit(self, call: Invocation) -> tuple[Future[Outcome], WorkerProcess]:
        """Raise an error that the invoker does not know."""
        self.calls += 1
        raise TypeError(f"{call.function} cannot be pickled")


class StorageThatRaisesOnce(TimerStorage):
    """Raises a TypeError when a turn is asked for the first time."""

    raised = False

    def take(self) -> Turn:
        """Raise at first."""
        if not self.raised:
            self.raised = True
            raise TypeError("not expected at all")
        return super().take()


def an_invoker(pool: WorkerPool) -> Invoker:
    """Return an invoker on a pool."""
    return Invoker(pool, None, OutputSender({}, encode=True), LogLevels())


@contextmanager
def listening(listen: Callable[[], None], stop: Callable[[], None]) -> Iterator[threading.Thread]:
    """Run a listener in a thread, which must still live at the end and then end when it is told to."""
    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield thread
        assert thread.is_alive()
    finally:
        stop()
        thread.join(5)
    assert not thread.is_alive()


def test_an_invocation_that_the_host_cannot_make_is_one_that_failed() -> None:
    """It counts as ended, so that a drain does not wait for it."""
    invoker = an_invoker(RaisingPool())

    outcome = invoker.run(TICK, TimerDue(past_due=False, status=None))

    assert outcome.error == "the host could not run it: TypeError('tick cannot be pickled')"
    assert "Traceback" in outcome.trace
    assert invoker.drain(0) == 0


def test_a_timer_goes_on_whatever_its_storage_and_its_invocations_raise() -> None:
    """It fires at the next occurrence all the same."""
    pool, transport = RaisingPool(), RaisingTransport()
    with ContainerClient.from_connection_string(STORAGE, "hosts", transport=transport) as container:
        storage = StorageThatRaisesOnce(container, "host", "tick", Trouble("tick"))
        assert isinstance(TICK.trigger, TimerTrigger)
        timer = TimerListener(TICK, TICK.trigger, storage, an_invoker(pool))

        with listening(timer.listen, timer.stop):
            eventually(lambda: pool.calls >= 2)

    assert storage.raised
    assert transport.requests > 0


def test_a_queue_is_polled_on_whatever_its_client_raises(tmp_path: Path) -> None:
    """An SDK may raise more than its own errors."""
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    settings = HostSettings.load(tmp_path, {}).queues
    function = Function("work", QueueTrigger("msg", "some-queue", "S", binary=False), {})
    transport = RaisingTransport()
    lost = threading.Event()
    host = ListenerHost(settings, an_invoker(RaisingPool()), LogLevels(), lost.set)
    with QueueClient.from_connection_string(STORAGE, "some-queue", transport=transport) as queue:
        assert isinstance(function.trigger, QueueTrigger)
        listener = QueueListener(function, function.trigger, (queue, queue), host)

        with listening(listener.listen, listener.stop):
            eventually(lambda: transport.requests >= 3)

    assert not lost.is_set()
