"""Asking the Export API for an hour: only hosts that are allowed, and credentials to the first one alone."""

import email.utils
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode, urljoin

from exporter.domain.allowed_hosts import AllowedHosts
from exporter.domain.errors import Fault, SourceFault, Transient
from exporter.domain.hour import Hour
from exporter.domain.pulls import ExportAnswer
from exporter.domain.source import SECRET_FIELD, Source
from exporter.storage.customer.cipher import AesCipher, Unreadable
from exporter.storage.network import root_cause, words_of

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

CONNECT_SECONDS = 10
# The API collects the files of an hour before it sends the first byte.
READ_SECONDS = 300
# One answer as a whole: a worker's function ends after half an hour.
ANSWER_SECONDS_MAX = 20 * 60
PIECE_BYTES = 1024 * 1024
REDIRECTS_MAX = 5
# No rate limit lasts longer; a source that is told to wait for years would never heal.
RETRY_AFTER_MAX = timedelta(days=1)
_REDIRECTS = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.SEE_OTHER,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)


class ExportApiClient:
    """The Export API of all sources. Hosts are checked at each request: the setting may have changed."""

    def __init__(
        self,
        cipher: AesCipher,
        hosts: AllowedHosts,
        clock: Callable[[], datetime],
        *,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._cipher = cipher
        self._hosts = hosts
        self._clock = clock
        self._read_seconds = read_seconds

    @contextmanager
    def ask(self, source: Source, hour: Hour) -> Iterator[ExportAnswer]:
        """Ask for the rows of one hour; the answer's body is read as it is asked for."""
        import requests  # noqa: PLC0415  only a process that pulls pays for it

        when = f"{hour.start:%Y%m%dT%H}"
        url = f"{source.url}/api/2/export?{urlencode({'start': when, 'end': when})}"
        login = (source.api_key, self._secret(source))
        with requests.Session() as session:
            with _telling():
                answer = self._get(session, url, login)
            with answer:
                yield ExportAnswer(answer.status_code, self._retry_after(answer), _pieces(answer))

    def _get(self, session: "Session", url: str, login: tuple[str, str]) -> "Response":
        """Return the answer after all redirects; only the first request has credentials."""
        auth: Any = login
        for _ in range(REDIRECTS_MAX + 1):
            if wrong := self._hosts.objection(url.partition("?")[0]):
                raise SourceFault(_not_allowed(wrong, first=auth is login))
            answer = session.get(
                url,
                auth=auth,
                headers={"Accept-Encoding": "identity"},
                timeout=(CONNECT_SECONDS, self._read_seconds),
                allow_redirects=False,
                stream=True,
            )
            if answer.status_code not in _REDIRECTS:
                return answer
            answer.close()
            url = urljoin(url, answer.headers.get("Location", ""))
            # Without one of its own, a request takes the credentials of the user's .netrc file.
            auth = _no_credentials
            session.cookies.clear()
        raise Transient(f"the Export API redirects more than {REDIRECTS_MAX} times")

    def _secret(self, source: Source) -> str:
        try:
            return self._cipher.open(source.sealed, destination_id=source.id, field=SECRET_FIELD)
        except Unreadable as error:
            raise SourceFault(
                Fault(
                    "secret_unreadable",
                    "The stored secret key cannot be decrypted because the exporter's key was changed.",
                    "Save the source's secret_key again, or ask the operator to restore the old key.",
                )
            ) from error

    def _retry_after(self, answer: "Response") -> timedelta | None:
        """Return how long the answer says to wait: it names seconds, or a time."""
        text = answer.headers.get("Retry-After", "").strip()
        if text.isascii() and text.isdigit():
            return timedelta(seconds=min(int(text), int(RETRY_AFTER_MAX.total_seconds())))
        try:
            wait = email.utils.parsedate_to_datetime(text) - self._clock()
        except (TypeError, ValueError):
            return None
        return min(max(wait, timedelta()), RETRY_AFTER_MAX)


def _pieces(answer: "Response") -> Iterator[bytes]:
    """Yield the body as it is sent, piece by piece; ``Transient`` if it is cut off, or takes too long."""
    end = time.monotonic() + ANSWER_SECONDS_MAX
    with _telling():
        for piece in answer.raw.stream(PIECE_BYTES, decode_content=False):
            if time.monotonic() > end:
                raise Transient(f"the answer takes longer than {ANSWER_SECONDS_MAX // 60} minutes")
            yield cast("bytes", piece)


@contextmanager
def _telling() -> Iterator[None]:
    """Translate errors of connections; their text is not repeated: it may hold the URL."""
    from requests import RequestException  # noqa: PLC0415  see ``ask``
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    try:
        yield
    # Some errors of names and addresses come as they are.
    except (RequestException, HTTPError, OSError, UnicodeError) as error:
        raise Transient(f"the Export API did not answer: {words_of(root_cause(error))}") from error


def _no_credentials(request: "PreparedRequest") -> "PreparedRequest":
    return request


def _not_allowed(wrong: str, *, first: bool) -> Fault:
    if first:
        return Fault(
            "host_not_allowed",
            f"The address of the source {wrong}.",
            "Enter an allowed base_url, or ask the operator of this exporter to allow this one.",
        )
    return Fault(
        "redirect_refused",
        f"The Export API redirects to an address that {wrong}.",
        "Check base_url; if the address is right, ask the operator of this exporter to allow its host.",
    )
