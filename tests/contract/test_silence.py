"""A storage that accepts connections and says nothing: what it costs, measured, and who waits for it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError, ServiceResponseError, ServiceResponseTimeoutError

from exporter.actions.ports import Container
from exporter.actions.try_upload import try_upload
from exporter.domain.errors import DestinationFault, Transient
from exporter.domain.standing import WAIT_FIRST
from exporter.storage.containers import CustomerContainers
from exporter.storage.network import SilenceError
from exporter.storage.sign_in import CUSTOMER_PATIENCE
from exporter.storage.transport import (
    FIRST_ANSWER_SECONDS,
    HEARD_SECONDS,
    SILENT_SECONDS,
    AttentiveTransport,
)
from tests.contract.backends import NOW
from tests.contract.servers import Answer, answering, saying_nothing
from tests.contract.test_errors import CALLS, ONCE, by_key, container_at, customers, sealed

# What is not waiting for the network, on a busy machine.
SLACK_SECONDS = 1.5
MISSING = (
    b"HTTP/1.1 404 No\r\nx-ms-error-code: BlobNotFound\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


def refusal(call: Callable[[], object]) -> tuple[str, float]:
    """Return the code of the fault that a call is told, and how many seconds that took."""
    begun = time.monotonic()
    with pytest.raises(DestinationFault) as raised:
        call()
    return raised.value.fault.code, time.monotonic() - begun


def test_a_silent_storage_costs_one_first_answer_and_the_next_calls_nothing() -> None:
    """With the patience that exports have. Whatever is asked meanwhile is told at once."""
    with saying_nothing() as url, container_at(by_key(url), CUSTOMER_PATIENCE) as container:
        code, seconds = refusal(lambda: container.find(""))
        assert code == "unreachable"
        assert FIRST_ANSWER_SECONDS <= seconds < FIRST_ANSWER_SECONDS + SLACK_SECONDS

        for call in CALLS.values():
            code, seconds = refusal(lambda call=call: call(container))  # type: ignore[misc]  # a lambda of its own
            assert code == "unreachable"
            assert seconds < SLACK_SECONDS


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_test_upload_at_a_silent_storage_ends_in_one_first_answer(scheme: str) -> None:
    """Encrypted or not. It is asked again by each test upload, since it may have been repaired."""
    with saying_nothing() as url, customers(ONCE) as containers:
        destination = sealed(by_key(url.replace("http", scheme)))
        for _ in range(2):
            begun = time.monotonic()
            report = try_upload(destination, containers, test_id="0" * 32, now=NOW)
            assert ONCE.read_seconds <= time.monotonic() - begun < ONCE.read_seconds + SLACK_SECONDS
            assert report.first_fault is not None
            assert report.first_fault.code == "unreachable"


def test_other_storages_are_not_kept_waiting() -> None:
    """Not by a call that waits in another thread, nor afterwards."""
    with (
        saying_nothing() as silent,
        answering(Answer(503, "ServerBusy")) as busy,
        customers(replace(ONCE, read_seconds=2)) as containers,
    ):
        quiet = opened(containers, silent, "quiet")
        other = opened(containers, busy.url, "other")
        waiting = threading.Thread(target=lambda: refusal(lambda: quiet.find("")))
        waiting.start()
        begun = time.monotonic()
        for _ in range(3):
            with pytest.raises(Transient):
                other.find("")
        assert time.monotonic() - begun < SLACK_SECONDS
        waiting.join()
        with pytest.raises(Transient):
            other.find("")


def opened(containers: CustomerContainers, url: str, destination_id: str) -> Container:
    """Open the container of a destination at an address."""
    return containers.open(replace(sealed(by_key(url)), name=destination_id))


@contextmanager
def falling_silent(answers: int) -> Iterator[str]:
    """Run a server that gives a few answers, and from then on accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.01)
        stop, held = threading.Event(), []

        def run() -> None:
            given = 0
            while not stop.is_set():
                with suppress(TimeoutError, ConnectionError):
                    connection, _ = listening.accept()
                    if given == answers:
                        held.append(connection)
                        continue
                    given += 1
                    with connection:
                        connection.recv(65536)
                        connection.sendall(MISSING)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()
            for connection in held:
                connection.close()


def test_a_storage_that_falls_silent_is_asked_once_more_and_then_no_more() -> None:
    """In the midst of an hour, patiently, and at the second time as one that never answered."""
    patience = replace(ONCE, read_seconds=2, read_retries=1, retries=3)
    with falling_silent(1) as url, container_at(by_key(url), patience) as container:
        assert container.read("marker") is None

        code, seconds = refusal(lambda: container.read("marker"))
        assert code == "unreachable"
        assert 2 * patience.read_seconds <= seconds < 2 * patience.read_seconds + SLACK_SECONDS

        _, seconds = refusal(lambda: container.read("marker"))
        assert seconds < SLACK_SECONDS


def test_the_bounds_that_are_told_are_those_of_the_constants() -> None:
    """Ten seconds at the first contact and 25 in the midst, as docs/destinations.md says."""
    patience = CUSTOMER_PATIENCE
    at_first = patience.connect_seconds + FIRST_ANSWER_SECONDS
    waited_max = patience.first_wait_seconds + min(patience.first_wait_seconds, 1)

    assert at_first == 10
    assert patience.read_retries == 1
    assert patience.read_seconds + waited_max + at_first <= 25
    assert WAIT_FIRST.total_seconds() > SILENT_SECONDS
    assert patience.read_seconds < HEARD_SECONDS


@dataclass
class Scripted:
    """Connections that answer, or fail, as the test says; they remember how patient each call was."""

    fails: Exception | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)

    def send(self, _request: object, **options: Any) -> str:  # noqa: ANN401  as the SDK has it
        """Answer, or fail."""
        self.asked.append(options)
        if self.fails is not None:
            raise self.fails
        return "answer"


SILENT = ServiceResponseTimeoutError("silent")


def test_how_long_silence_and_answers_count() -> None:
    """Told by the clock: an answer counts for a while, so does a silence, and each host for itself."""
    now = [0.0]
    inner = Scripted()
    connections = AttentiveTransport(inner, 5, clock=lambda: now[0])  # type: ignore[arg-type]  # all that is used

    def call(host: str = "acme.invalid") -> object:
        return connections.send(SimpleNamespace(url=f"https://{host}/raw"))

    call()
    assert inner.asked == [{"read_timeout": 5}]
    now[0] = HEARD_SECONDS - 1
    call()
    assert inner.asked[-1] == {}
    now[0] += HEARD_SECONDS
    inner.fails = SILENT
    with pytest.raises(SilenceError):
        call()
    assert inner.asked[-1] == {"read_timeout": 5}

    asked = len(inner.asked)
    now[0] += SILENT_SECONDS - 1
    with pytest.raises(SilenceError):
        call()
    assert len(inner.asked) == asked
    inner.fails = None
    assert call("other.invalid") == "answer"
    now[0] += 1
    assert call() == "answer"


@pytest.mark.parametrize("error", [ServiceRequestError("refused"), ServiceResponseError("reset")])
def test_a_failure_that_comes_at_once_is_no_silence(error: Exception) -> None:
    """Refused or reset connections cost no time, and may be asked again."""
    inner = Scripted(error)
    connections = AttentiveTransport(inner)  # type: ignore[arg-type]  # all that is used
    for _ in range(2):
        with pytest.raises(type(error)):
            connections.send(SimpleNamespace(url="https://acme.invalid/raw"))
    assert len(inner.asked) == 2
