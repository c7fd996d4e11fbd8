"""The client of the Export API: what it asks for, whom it tells the keys, and what its answers are."""

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from exporter.domain.allowed_hosts import EXPORT_API, AllowedHosts
from exporter.domain.errors import SourceFault, Transient
from exporter.domain.hour import Hour
from exporter.domain.pulls import ExportAnswer
from exporter.domain.source import SECRET_FIELD, Region, Source
from exporter.storage.customer.cipher import AesCipher
from exporter.storage.customer.export_api import ExportApiClient
from tests.contract.backends import CIPHER
from tests.contract.servers import nobody

NOW = datetime(2026, 11, 1, 8, tzinfo=UTC)
HOUR = Hour.parse("2026-11-01T05")
SECRET = "very-secret"  # noqa: S105  of a test
type Handle = Callable[[BaseHTTPRequestHandler], None]


class ApiServer(ThreadingHTTPServer):
    """Answers requests as a test says, and keeps their paths and their Authorization headers."""

    def __init__(self, handle: Handle) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.handle_get = handle
        self.requests: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: ApiServer

    def do_GET(self) -> None:
        """Answer."""
        self.server.requests.append((self.path, self.headers["Authorization"]))
        self.server.handle_get(self)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(handle: Handle) -> Iterator[ApiServer]:
    """Run a server."""
    server = ApiServer(handle)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def says(status: int, body: bytes = b"", length: int | None = None, **headers: str) -> Handle:
    """Return an answer; ``length`` is the length that it promises."""

    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return handle


def a_source(url: str | None) -> Source:
    """Return a source at an address."""
    return Source(
        id="acme",
        project_id=187520,
        api_key="the-key",
        sealed=CIPHER.seal(SECRET, destination_id="acme", field=SECRET_FIELD),
        start=HOUR,
        created_at=NOW,
        base_url=url,
    )


def client(hosts: AllowedHosts | None = None) -> ExportApiClient:
    """Return a client that may ask this machine."""
    return ExportApiClient(
        CIPHER, hosts or replace(EXPORT_API, patterns=("127.0.0.1",)), lambda: NOW, read_seconds=1
    )


def ask(url: str, hosts: AllowedHosts | None = None) -> tuple[ExportAnswer, bytes]:
    """Ask for an hour, and return the answer and its body."""
    with client(hosts).ask(a_source(url), HOUR) as answer:
        return answer, b"".join(answer.body)


def test_an_hour_is_asked_for_with_the_keys_of_the_source() -> None:
    """Start and end are the hour itself: both are inclusive."""
    with serving(says(200, b"PK\x03\x04" * 1_000_000)) as server:
        answer, body = ask(f"{server.url}/proxy/")

    assert (answer.status, answer.retry_after, body) == (200, None, b"PK\x03\x04" * 1_000_000)
    login = base64.b64encode(b"the-key:very-secret").decode()
    assert server.requests == [("/proxy/api/2/export?start=20261101T05&end=20261101T05", f"Basic {login}")]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 504])
def test_every_status_is_an_answer(status: int) -> None:
    """What follows from it is not decided here."""
    with serving(says(status, b"words")) as server:
        assert ask(server.url)[0].status == status


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("17", timedelta(seconds=17)),
        ("Sun, 01 Nov 2026 08:02:00 GMT", timedelta(minutes=2)),
        ("Sun, 01 Nov 2026 07:02:00 GMT", timedelta()),
        ("99999999999999999999", timedelta(days=1)),
        ("Sun, 01 Nov 2099 07:02:00 GMT", timedelta(days=1)),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_an_answer_may_say_how_long_to_wait(text: str, wait: timedelta | None) -> None:
    """In seconds, or until a time; a day at most."""
    with serving(says(429, Retry_After=text)) as server:
        assert ask(server.url)[0].retry_after == wait


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_without_the_keys(status: int) -> None:
    """Also to the same host: the keys go to the first address alone."""
    with (
        serving(says(200, b"the data")) as second,
        serving(says(status, Location=f"{second.url}/files/x?sig=1")) as first,
    ):
        answer, body = ask(first.url)

    assert (answer.status, body) == (200, b"the data")
    assert second.requests == [("/files/x?sig=1", None)]


def test_a_redirect_to_a_host_that_is_not_allowed_is_refused() -> None:
    """Nothing is sent there."""
    with (
        serving(says(200, b"the data")) as second,
        serving(says(302, Location=f"{second.url.replace('127.0.0.1', 'localhost')}/x")) as first,
        pytest.raises(SourceFault) as refused,
    ):
        ask(first.url)

    assert refused.value.fault.code == "redirect_refused"
    assert second.requests == []


def test_redirects_come_to_an_end() -> None:
    """A server may lead in circles, or nowhere."""
    with serving(says(302, Location="/again")) as server, pytest.raises(Transient):
        ask(server.url)
    assert len(server.requests) == 6


@pytest.mark.parametrize("url", ["https://evil.example", "http://amplitude.com", "https://amplitude.com:444"])
def test_a_host_that_is_not_allowed_is_not_asked(url: str) -> None:
    """The setting may have changed since the source was saved."""
    with pytest.raises(SourceFault) as refused:
        ask(url, EXPORT_API)
    assert refused.value.fault.code == "host_not_allowed"


def test_each_region_has_its_address() -> None:
    """Unless the source names another one."""
    assert a_source(None).url == "https://amplitude.com"
    assert replace(a_source(None), region=Region.EU).url == "https://analytics.eu.amplitude.com"


def test_a_body_that_is_cut_off_is_passing() -> None:
    """What was promised did not arrive."""
    with serving(says(200, b"PK\x03\x04", length=100)) as server, pytest.raises(Transient):
        ask(server.url)


def test_a_server_that_is_silent_or_gone_is_passing() -> None:
    """No secret is in the words."""
    released = threading.Event()

    def wait(_request: BaseHTTPRequestHandler) -> None:
        released.wait(5)

    with serving(wait) as server:
        with pytest.raises(Transient) as silent:
            ask(server.url)
        released.set()
    with nobody() as url, pytest.raises(Transient) as gone:
        ask(url)
    assert "secret" not in f"{silent.value}{gone.value}"
    assert "key" not in f"{silent.value}{gone.value}"


def test_a_secret_that_cannot_be_read_is_a_fault_of_the_source() -> None:
    """The operator has changed the key."""
    other = ExportApiClient(AesCipher((bytes(32),)), EXPORT_API, lambda: NOW)
    with pytest.raises(SourceFault) as refused, other.ask(a_source(None), HOUR):
        pass
    assert refused.value.fault.code == "secret_unreadable"


def test_keys_of_the_user_of_this_machine_are_sent_to_no_host(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The HTTP library takes them from a file, for requests without keys of their own."""
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password theirs\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(says(200, b"x")) as second, serving(says(302, Location=f"{second.url}/x")) as first:
        ask(first.url)
    assert second.requests == [("/x", None)]
