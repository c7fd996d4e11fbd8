"""The server: projects with keys and hours, a script of answers, and a log of requests."""

import base64
import binascii
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from infra.local.export_api import answers
from infra.local.export_api.answers import Answer
from infra.local.export_api.archive import Member

PATH = "/api/2/export"
# The original's limits.
DAYS_MAX = 365
REQUESTS_AT_ONCE_MAX = 5
_HOUR_FORMAT = "%Y%m%dT%H"
_HOUR_LENGTH = len("20200125T05")


@dataclass(slots=True)
class Project:
    """A project with its keys; ``hours`` has the members of each hour that can be exported."""

    project_id: int
    api_key: str
    secret_key: str = field(repr=False)
    hours: dict[datetime, tuple[Member, ...]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. ``status`` is None while it is not answered, ``sent_bytes`` the size of the sent body.

    ``at_once`` is the number of requests of the same credentials that were under way, this one included;
    ``authorized`` says whether there was an ``Authorization`` header, whatever it held.
    """

    at: datetime
    method: str
    path: str
    start: str
    end: str
    api_key: str
    authorized: bool
    at_once: int
    status: int | None = None
    sent_bytes: int = 0
    whole: bool = False

    @property
    def hour(self) -> datetime | None:
        """The first hour of the window; None if it is not readable."""
        return hour_of(self.start)


def hour_of(text: str) -> datetime | None:
    """Return the hour that a parameter such as ``20200125T05`` means; None if it has another form."""
    if len(text) != _HOUR_LENGTH:
        return None
    try:
        return datetime.strptime(text, _HOUR_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def _real_clock() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  the log of requests has the times of the machine


class ExportApi(ThreadingHTTPServer):
    """The Export API.

    A window without published hours is answered 404. ``script`` and ``always`` come before what is
    published, and after the check of the credentials. Each answer takes ``delay_seconds`` at least.
    """

    daemon_threads = True
    # A client that takes all connections of a backlog of 5 would wait a second for the next.
    request_queue_size = 128

    def __init__(self, *projects: Project, clock: Callable[[], datetime] = _real_clock) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.projects = {project.api_key: project for project in projects}
        self.clock = clock
        self.at_once_max = REQUESTS_AT_ONCE_MAX
        self.delay_seconds = 0.0
        self._lock = threading.Lock()
        self._asked: list[Asked] = []
        self._under_way: dict[str, int] = {}
        self._scripts: dict[tuple[str, datetime], deque[Answer]] = {}
        self._always: dict[tuple[str, datetime | None], Answer] = {}
        self._hidden_until: dict[tuple[str, datetime], datetime] = {}

    @property
    def url(self) -> str:
        """The base URL, for a source's ``base_url``."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """Log no client that breaks off: some tests mean to."""

    def publish(self, hour: datetime, members: Iterable[Member], api_key: str = "") -> None:
        """Let an hour have these members from now on."""
        with self._lock:
            self._project(api_key).hours[hour] = tuple(members)

    def script(self, hour: datetime, *wanted: Answer, api_key: str = "") -> None:
        """Answer the next requests for an hour with these answers, one after the other."""
        with self._lock:
            key = (self._project(api_key).api_key, hour)
            self._scripts.setdefault(key, deque()).extend(wanted)

    def always(self, hour: datetime | None, wanted: Answer | None, api_key: str = "") -> None:
        """Answer all requests for an hour, or for every hour (None), with this answer; None ends that."""
        with self._lock:
            key = (self._project(api_key).api_key, hour)
            if wanted is None:
                self._always.pop(key, None)
            else:
                self._always[key] = wanted

    def hide(self, hour: datetime, until: datetime, api_key: str = "") -> None:
        """Answer 404 for an hour until a moment of ``clock``: its rows are not loaded yet."""
        with self._lock:
            self._hidden_until[self._project(api_key).api_key, hour] = until

    def requests(self, api_key: str | None = None) -> list[Asked]:
        """Return the requests so far, in the order in which they came; of one API key on request."""
        with self._lock:
            return [each for each in self._asked if api_key in {None, each.api_key}]

    def _project(self, api_key: str) -> Project:
        return self.projects[api_key] if api_key else next(iter(self.projects.values()))

    def begun(self, asked: Asked) -> tuple[int, Asked]:
        """Log a request; return its number and the request with ``at_once``."""
        with self._lock:
            under_way = self._under_way.get(asked.api_key, 0) + 1
            self._under_way[asked.api_key] = under_way
            self._asked.append(replace(asked, at_once=under_way))
            return len(self._asked) - 1, self._asked[-1]

    def ended(self, number: int, status: int, sent_bytes: int, *, whole: bool) -> None:
        """Log how a request was answered."""
        with self._lock:
            asked = self._asked[number]
            self._under_way[asked.api_key] -= 1
            self._asked[number] = replace(asked, status=status, sent_bytes=sent_bytes, whole=whole)

    def answer(self, asked: Asked, secret_key: str) -> Answer:
        """Return the answer to a request."""
        if asked.path != PATH:
            return answers.bad_request("Unknown path")
        if not asked.authorized:
            return answers.no_credentials()
        project = self.projects.get(asked.api_key)
        if project is None or project.secret_key != secret_key:
            return answers.wrong_credentials()
        with self._lock:
            return self._scripted(project, asked.hour) or self._published(project, asked)

    def _scripted(self, project: Project, hour: datetime | None) -> Answer | None:
        if hour and (script := self._scripts.get((project.api_key, hour))):
            return script.popleft()
        return self._always.get((project.api_key, hour)) or self._always.get((project.api_key, None))

    def _published(self, project: Project, asked: Asked) -> Answer:
        if asked.at_once > self.at_once_max:
            return answers.too_many()
        first, last = hour_of(asked.start), hour_of(asked.end)
        if first is None or last is None or last < first:
            return answers.bad_request("start and end must be hours such as 20200125T05, with start <= end")
        if last - first >= timedelta(days=DAYS_MAX):
            return answers.bad_request("The time range is longer than 365 days.")
        members = list(self._members(project, first, last))
        return answers.rows(members) if members else answers.not_found()

    def _members(self, project: Project, first: datetime, last: datetime) -> Iterator[Member]:
        now = self.clock()
        for hour in sorted(project.hours):
            hidden_until = self._hidden_until.get((project.api_key, hour))
            if first <= hour <= last and (hidden_until is None or now >= hidden_until):
                yield from project.hours[hour]


class _Handler(BaseHTTPRequestHandler):
    server: ExportApi
    protocol_version = "HTTP/1.1"
    # Without this, every answer waits for an acknowledgement of its headers: 40 ms.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer a request for a window of hours."""
        target = urlsplit(self.path)
        window = {name: values[0] for name, values in parse_qs(target.query).items()}
        api_key, secret_key = _basic(self.headers.get("Authorization", ""))
        number, asked = self.server.begun(
            Asked(
                self.server.clock(),
                self.command,
                target.path,
                window.get("start", ""),
                window.get("end", ""),
                api_key,
                authorized="Authorization" in self.headers,
                at_once=0,
            )
        )
        time.sleep(self.server.delay_seconds)
        answer = self.server.answer(asked, secret_key)
        counter = _Counter()
        whole = False
        try:
            whole = self._send(answer, counter)
        finally:
            # Before the client can send its next request, which would count as one at the same time.
            self.server.ended(number, answer.status, counter.sent, whole=whole)
        if whole:
            self.wfile.write(b"0\r\n\r\n")

    def _send(self, answer: Answer, counter: "_Counter") -> bool:
        """Send all but the mark of the answer's end; return whether the answer may have it."""
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        # The size of a streamed zip is not known at its beginning.
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        held = answer.held_at is None
        for chunk in _pieces(answer):
            if not held and counter.sent >= (answer.held_at or 0):
                held = True
                if answer.released is not None:
                    answer.released.wait()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            counter.sent += len(chunk)
        if answer.cut_at is not None:
            self.close_connection = True
            return False
        return True

    def log_message(self, *_: object) -> None:
        """Log nothing: ``requests`` has the request."""


@dataclass(slots=True)
class _Counter:
    sent: int = 0


def _pieces(answer: Answer) -> Iterator[bytes]:
    """Yield the chunks of a body that are to be sent, split where the answer is held or cut."""
    at = 0
    for chunk in answer.body():
        rest = chunk
        while rest:
            edges = [
                edge - at
                for edge in (answer.held_at, answer.cut_at)
                if edge is not None and at < edge < at + len(rest)
            ]
            if answer.cut_at is not None and at >= answer.cut_at:
                return
            size = min(edges, default=len(rest))
            yield rest[:size]
            at, rest = at + size, rest[size:]


def _basic(authorization: str) -> tuple[str, str]:
    """Return API key and secret key of a header; empty texts if it has another form."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        api_key, _, secret_key = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return api_key, secret_key


@contextlib.contextmanager
def export_api_running(
    *projects: Project, clock: Callable[[], datetime] = _real_clock
) -> Iterator[ExportApi]:
    """Run the Export API in threads of this process."""
    with ExportApi(*projects, clock=clock) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
