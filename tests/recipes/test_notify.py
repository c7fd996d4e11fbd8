"""The recipes for notifications: the receiver for chats runs, the template for Event Grid is parsed."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from pycep import BicepParser

from exporter.domain.allowed_hosts import AllowedHosts
from exporter.domain.file_names import MARKER_SUFFIX
from exporter.domain.notifications import NotificationKind, call_headers, notification
from exporter.notify.notifications import body_of
from exporter.storage.customer.webhook_client import Webhooks
from exporter.wiring import now
from tests.support.worlds import HOUR

FOLDER = Path(__file__).resolve().parents[2] / "docs/recipes"
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"  # noqa: S105  of a test
FAILING = notification(
    NotificationKind.DESTINATION_FAILING, "acme", now(), message="It is <gone>.", fix="Make it again."
)
ENDED = notification(
    NotificationKind.BACKFILL_ENDED,
    "acme",
    now(),
    backfill="b1",
    status="succeeded",
    start="2026-01-01",
    end="2026-01-02",
    failed_hours=0,
)
EXPORTED = notification(NotificationKind.HOUR_EXPORTED, "acme", now(), hour=HOUR.key)
HEALED = notification(NotificationKind.DESTINATION_HEALED, "acme", now())


def recipe() -> Any:  # noqa: ANN401  a module
    """Import the receiver."""
    spec = spec_from_file_location("notify_chat", FOLDER / "notify_chat.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Log nothing."""


class Chat(HTTPServer):
    """A chat that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Chatting)
        self.told: list[Any] = []


class _Chatting(BaseHTTPRequestHandler):
    server: Chat

    def do_POST(self) -> None:
        told = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append(json.loads(told))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name
        """Log nothing."""


@contextmanager
def serving(server: HTTPServer) -> Iterator[str]:
    """Run a server, and return its address."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def chatting(form: str) -> Iterator[tuple[str, list[Any]]]:
    """Run the receiver with a chat behind it; return its address, and what the chat is told."""
    module = recipe()
    chat = Chat()
    with serving(chat) as chat_url:
        app = module.receiver(SECRET, module.FORMS[form], chat_url)
        with serving(make_server("127.0.0.1", 0, app, handler_class=_Silent)) as url:
            yield url, chat.told


def status_of(url: str, sent: Any, secret: str = SECRET) -> int:  # noqa: ANN401  a notification
    """Send a notification as the exporter does."""
    body = body_of(sent)
    headers = call_headers(sent, body, [secret], now())
    return Webhooks(AllowedHosts(("127.0.0.1",), "NOTIFY_HOSTS")).post(url, body, headers).status


def test_slack_is_told_what_matters() -> None:
    """A failure with its fix, the end of a failure and of a backfill; no exported hour, no forged call."""
    with chatting("slack") as (url, told):
        statuses = [status_of(url, sent) for sent in (FAILING, EXPORTED, ENDED, HEALED)]
        forged = status_of(url, FAILING, "another secret, of enough letters")

    assert (statuses, forged) == ([204] * 4, 401)
    assert told == [
        {"text": "acme fails: It is &lt;gone&gt;. Make it again."},
        {"text": "Backfill of acme, 2026-01-01 to 2026-01-02: succeeded, 0 failed hours."},
        {"text": "acme is exported again."},
    ]


def test_teams_is_told_by_an_adaptive_card() -> None:
    """As its workflows expect it."""
    with chatting("teams") as (url, told):
        assert status_of(url, FAILING) == 204

    ((attachment,),) = (each["attachments"] for each in told)
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["content"]["body"][0]["text"] == "acme fails: It is <gone>. Make it again."


def test_a_chat_that_is_out_of_reach_is_tried_again() -> None:
    """The exporter repeats a call that was not answered 2xx."""
    module = recipe()
    app = module.receiver(SECRET, module.slack, "http://127.0.0.1:9/")
    with serving(make_server("127.0.0.1", 0, app, handler_class=_Silent)) as url:
        assert status_of(url, FAILING) == 502


def test_event_grid_tells_of_markers_with_content() -> None:
    """The template is Bicep; its filter selects the names of markers, and one of 0 bytes is none."""
    text = (FOLDER / "notify_event_grid.bicep").read_text()
    parameters = BicepParser().parse(text=text)["parameters"]
    required = {name for name, each in parameters.items() if each["default"] is None}

    assert required == {"storageAccountName"}
    assert f"subjectEndsWith: '{MARKER_SUFFIX}'" in text
    assert re.search(r"operatorType: 'NumberGreaterThan'\s+key: 'data.contentLength'\s+value: 0\n", text)
