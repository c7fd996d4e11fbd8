"""A storage that accepts connections and says nothing: what it costs, measured, and who waits for it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError, ServiceResponseError, ServiceResponseTimeoutError

from exporter.destinations.connection_test import run_connection_test
from exporter.domain.breaker import WAIT_FIRST
from exporter.domain.errors import DestinationFault, Transient
from exporter.ports import Container
from exporter.storage.customer.containers import CustomerContainers
from exporter.storage.customer.credentials import CUSTOMER_PATIENCE
from exporter.storage.network import SilenceError
from exporter.storage.transport import (
    FIRST_ANSWER_SECONDS,
    HEARD_SECONDS,
    SILENT_SECONDS,
    AttentiveTransport,
)
from tests.contract.backends import NOW
from tests.contract.customers import CALLS, ONCE, by_key, container_at, customers, sealed
from tests.contract.servers import Answer, answering, saying_nothing

# What is not waiting for the network, on a busy machine.
SLACK_SECONDS = 3
GUIDE = Path(__file__).resolve().parents[2] / "docs/destinations.md"
# What a storage that stops answering during an hour may cost, as the guide says.
SILENCE_SECONDS_MAX = 30
MISSING = (
    b"HTTP/1.1 404 No\r\nx-ms-error-code: BlobNotFound\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


def refusal(call: Callable[[], object]) -> tuple[str, float]:
    """Return the code of the fault that a call is told, and how many seconds that took."""
    begun = time.monotonic()
    with pytest.raises(DestinationFault) as raised:
        call()
    return raised.value.fault.code, time.monotonic() - begun


@dataclass
class Silent:
    """A server that fell silent: where it listens, and the connections that it holds without a word."""

    url: str
    held: list[socket.socket] = field(default_factory=list)


@contextmanager
def falling_silent(answers: int, last_words: bytes = b"") -> Iterator[Silent]:
    """Run a server that gives a few answers, and from then on says its last words, and no more."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.01)
        silent = Silent(f"http://127.0.0.1:{listening.getsockname()[1]}")
        stop = threading.Event()

        def run() -> None:
            given = 0
            while not stop.is_set():
                with suppress(TimeoutError, ConnectionError):
                    connection, _ = listening.accept()
                    if given == answers:
                        connection.sendall(last_words)
                        silent.held.append(connection)
                        continue
                    given += 1
                    with connection:
                        connection.recv(65536)
                        connection.sendall(MISSING)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield silent
        finally:
            stop.set()
            thread.join()
            for connection in silent.held:
                connection.close()


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
def test_a_test_upload_asks_a_silent_storage_once(scheme: str) -> None:
    """Encrypted or not, whatever its steps are. The next one asks again: it may have been repaired."""
    with falling_silent(0) as server, customers(ONCE) as containers:
        destination = sealed(by_key(server.url.replace("http", scheme)))
        for asked in (1, 2):
            report = run_connection_test(destination, containers, test_id="0" * 32, now=NOW)
            assert report.first_fault is not None
            assert report.first_fault.code == "unreachable"
            assert len(server.held) == asked


def test_other_storages_are_not_kept_waiting() -> None:
    """Not by a call that waits in another thread, nor afterwards."""
    with (
        saying_nothing() as silent,
        answering(Answer(503, "ServerBusy")) as busy,
        customers(replace(ONCE, read_seconds=SLACK_SECONDS + 2)) as containers,
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


def test_a_storage_that_falls_silent_is_asked_once_more_and_then_no_more() -> None:
    """In the midst of an hour, patiently, and at the second time as one that never answered."""
    retry = replace(ONCE, read_seconds=2, read_retries=1, retries=3)
    with falling_silent(1) as server, container_at(by_key(server.url), retry) as container:
        container.delete("gone", etag='"1"')

        code, seconds = refusal(lambda: container.find(""))
        assert code == "unreachable"
        assert 2 * retry.read_seconds <= seconds < 2 * retry.read_seconds + SLACK_SECONDS

        asked = len(server.held)
        refusal(lambda: container.find(""))
        assert len(server.held) == asked == 2


def test_an_answer_that_falls_silent_in_its_midst_is_bounded_too() -> None:
    """The SDK asks three times for a body that does not come, the last two as at a first contact."""
    retry = replace(ONCE, read_seconds=1)
    head = b'HTTP/1.1 206 Part\r\nContent-Length: 9\r\nContent-Range: bytes 0-8/9\r\nETag: "1"\r\n\r\nhalf'
    with falling_silent(1, head) as server, container_at(by_key(server.url), retry) as container:
        assert container.read("marker") is None

        code, seconds = refusal(lambda: container.read("marker"))
        assert code == "unreachable"
        waits_of_the_sdk = 2
        assert seconds < 3 * retry.read_seconds + waits_of_the_sdk + SLACK_SECONDS


def test_the_bounds_that_are_told_are_those_of_the_constants() -> None:
    """At the first contact and in the midst of an hour; reckoned, since each takes its time."""
    retry = CUSTOMER_PATIENCE
    at_first = retry.connect_seconds + FIRST_ANSWER_SECONDS
    waited_max = retry.first_wait_seconds + min(retry.first_wait_seconds, 1)

    assert f"costs an attempt {at_first} seconds at most" in GUIDE.read_text()
    assert f"during an hour costs {SILENCE_SECONDS_MAX}." in GUIDE.read_text()
    assert retry.read_retries == 1
    assert retry.read_seconds + waited_max + at_first <= SILENCE_SECONDS_MAX
    assert retry.read_seconds + 2 * (1 + FIRST_ANSWER_SECONDS) <= SILENCE_SECONDS_MAX
    assert WAIT_FIRST.total_seconds() > SILENT_SECONDS
    assert retry.read_seconds < HEARD_SECONDS


@dataclass
class Scripted:
    """Connections that answer, or fail, as the test says; they remember how patient each call was."""

    fails: Exception | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)

    def send(self, _request: object, **options: Any) -> SimpleNamespace:  # noqa: ANN401  as the SDK has it
        """Answer, or fail."""
        self.asked.append(options)
        if self.fails is not None:
            raise self.fails
        return SimpleNamespace(status_code=200)


SILENT = ServiceResponseTimeoutError("silent")


def test_how_long_silence_and_answers_count() -> None:
    """Told by the clock: an answer counts for a while, so does a silence, and each host for itself."""
    now = [0.0]
    inner = Scripted()
    connections = AttentiveTransport(inner, 5, clock=lambda: now[0])  # type: ignore[arg-type]  # all that is used

    def call(host: str = "acme.invalid") -> object:
        return connections.send(SimpleNamespace(url=f"https://{host}/raw"))

    connections.send(SimpleNamespace(url="https://acme.invalid/raw"), stream=True)
    call()
    assert inner.asked == [{"stream": True, "read_timeout": 5}, {"read_timeout": 5}]
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
    call("other.invalid")
    now[0] += 1
    call()
    assert len(inner.asked) == asked + 2


@pytest.mark.parametrize("error", [ServiceRequestError("refused"), ServiceResponseError("reset")])
def test_a_failure_that_comes_at_once_is_no_silence(error: Exception) -> None:
    """Refused or reset connections cost no time, and may be asked again."""
    inner = Scripted(error)
    connections = AttentiveTransport(inner)  # type: ignore[arg-type]  # all that is used
    for _ in range(2):
        with pytest.raises(type(error)):
            connections.send(SimpleNamespace(url="https://acme.invalid/raw"))
    assert len(inner.asked) == 2
