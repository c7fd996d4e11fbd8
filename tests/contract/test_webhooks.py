"""Calling webhooks, over real connections: an answer is taken at once, and no receiver holds us for long."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest

from exporter.domain.allowed_hosts import AllowedHosts
from exporter.domain.errors import Transient
from exporter.domain.notifications import WebhookAnswer
from exporter.storage.customer import webhook_client
from exporter.storage.customer.webhook_client import Webhooks
from infra.local.certificates import make_certificate
from tests.contract.servers import Answer, answering, breaking_off, nobody, saying_nothing
from tests.contract.tls import answering_over_tls

HOSTS = AllowedHosts(("127.0.0.1", "*.invalid"), "NOTIFY_HOSTS")
# Of a whole call, in these tests.
SECONDS_MAX = 1.0
# More than the kernel's buffers of a connection hold.
LARGE = b"x" * (64 * 1024 * 1024)
BEAT_SECONDS = 0.05
# What is not waiting for the network, on a busy machine.
SLACK_SECONDS = 3


def post(url: str, body: bytes = b"{}") -> int:
    """Call a webhook."""
    return Webhooks(HOSTS, SECONDS_MAX).post(url, body, {"X-Export-Notice": "1"}).status


@contextmanager
def dripping(first: bytes, drop: bytes, *, hears: bool = True) -> Iterator[str]:
    """Run a server that says something, and then a drop again and again, while it is listened to."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(BEAT_SECONDS)
        stop = threading.Event()

        def run() -> None:
            connection = None
            while connection is None and not stop.is_set():
                with suppress(TimeoutError):
                    connection, _ = listening.accept()
            if connection is None:
                return
            with connection, suppress(OSError):
                if hears:
                    connection.recv(65536)
                connection.sendall(first)
                while not stop.wait(BEAT_SECONDS):
                    connection.sendall(drop)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize("status", [200, 204, 302, 404, 500])
def test_the_status_is_the_answer(status: int) -> None:
    """A redirection is one, too, and is not followed."""
    with answering(Answer(200)) as elsewhere:
        headers = {"Location": elsewhere.url} if status == 302 else {}
        with answering(Answer(status, headers=headers)) as server:
            assert post(f"{server.url}/exports") == status
            assert server.asked == ["POST /exports"]
        assert elsewhere.asked == []


def test_a_receiver_says_when_to_call_again() -> None:
    """In the header of its answer, as it came."""
    with answering(Answer(429, headers={"Retry-After": "120"})) as server:
        assert Webhooks(HOSTS, SECONDS_MAX).post(server.url, b"{}", {}) == WebhookAnswer(429, "120")


def test_a_body_is_not_waited_for() -> None:
    """What it says does not matter, so a receiver may say it as slowly as it likes."""
    with dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x") as host:
        begun = time.monotonic()
        assert post(f"http://{host}/") == 200
    assert time.monotonic() - begun < SECONDS_MAX


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["status", "header", "headers", "continue"],
)
def test_a_receiver_that_drips_is_given_up_at_the_deadline(first: bytes, drop: bytes) -> None:
    """Each byte comes in time, and the answer never; measured."""
    with dripping(first, drop) as host:
        begun = time.monotonic()
        with pytest.raises(Transient, match=r"within 1 seconds|cannot be reached"):
            post(f"http://{host}/")
    assert time.monotonic() - begun < SECONDS_MAX + SLACK_SECONDS


def test_a_handshake_that_drips_is_given_up_at_the_deadline() -> None:
    """The beginning of a record of 16 KiB, then a byte now and then."""
    with dripping(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\x00") as host:
        begun = time.monotonic()
        with pytest.raises(Transient):
            post(f"https://{host}/")
    assert time.monotonic() - begun < SECONDS_MAX + SLACK_SECONDS


def test_a_receiver_that_does_not_read_is_given_up_at_the_deadline() -> None:
    """A call is small, and nothing promises that the network takes it at once."""
    with dripping(b"", b"", hears=False) as host:
        begun = time.monotonic()
        with pytest.raises(Transient, match="within 1 seconds"):
            post(f"http://{host}/", LARGE)
    assert time.monotonic() - begun < SECONDS_MAX + SLACK_SECONDS


def test_many_addresses_share_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name may have any number of them, and each may swallow what is sent to it."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        with socket.create_connection(address):
            found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)] * 50
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
            monkeypatch.setattr(webhook_client, "CONNECT_SECONDS", 0.2)
            begun = time.monotonic()
            with pytest.raises(Transient):
                post("https://many.invalid/")
    assert time.monotonic() - begun < SECONDS_MAX + SLACK_SECONDS


@pytest.mark.parametrize("network", [nobody, breaking_off, saying_nothing])
def test_a_receiver_out_of_reach_is_passing(network: Callable[[], AbstractContextManager[str]]) -> None:
    """Refused, reset or silent."""
    with network() as url:
        begun = time.monotonic()
        with pytest.raises(Transient, match="the webhook"):
            post(url)
    assert time.monotonic() - begun < SECONDS_MAX + SLACK_SECONDS


@pytest.mark.parametrize(
    "url", ["https://nowhere.invalid/", f"https://{'a' * 70}.invalid/", "https://a..invalid/"]
)
def test_a_host_that_has_no_address_is_passing(url: str) -> None:
    """Names that no DNS can hold are no exception."""
    with pytest.raises(Transient, match="cannot be reached"):
        post(url)


def test_a_certificate_that_nobody_trusts_is_refused(tmp_path: Path) -> None:
    """Nothing is sent to a host that cannot show whose it is."""
    with (
        answering_over_tls(make_certificate(tmp_path), Answer(200), body=b"") as url,
        pytest.raises(Transient, match="SSLError"),
    ):
        post(url)


def test_a_host_that_is_not_allowed_is_not_called() -> None:
    """The setting may have been narrowed after the destination was saved."""
    with answering(Answer(200)) as server:
        with pytest.raises(Transient, match="NOTIFY_HOSTS"):
            Webhooks(AllowedHosts(("hooks.example",), "NOTIFY_HOSTS")).post(server.url, b"", {})
        assert server.asked == []
