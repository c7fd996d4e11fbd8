"""Answers of the Export API: those that the original documents, and those that its clients have seen."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from infra.local.export_api.archive import Member, zipped

_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"
_HTML = "text/html; charset=utf-8"
_ZIP = "application/zip"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. ``body`` returns its chunks anew at each call.

    ``cut_at``: the connection ends after so many bytes of the body, without the end of the answer.
    ``held_at``: after so many bytes, the answer waits until ``released`` is set.
    """

    status: int
    body: Callable[[], Iterable[bytes]]
    content_type: str = _TEXT
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    held_at: int | None = None
    released: threading.Event | None = None

    def cut(self, at: int) -> "Answer":
        """Return the answer with a connection that ends after so many bytes."""
        return replace(self, cut_at=at)

    def held(self, at: int, released: threading.Event) -> "Answer":
        """Return the answer with a pause after so many bytes, until the event is set."""
        return replace(self, held_at=at, released=released)


def rows(members: Iterable[Member], *, compressed: bool = True) -> Answer:
    """Return 200 with a zip."""
    listed = tuple(members)
    return Answer(200, lambda: zipped(listed, compressed=compressed), _ZIP)


def not_found() -> Answer:
    """Return 404: there are no rows, or not yet."""
    return _plain(404, "Raw data files were not found.")


def too_many(retry_after: int | None = None) -> Answer:
    """Return 429, on request with ``Retry-After`` in seconds."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return replace(_plain(429, "Too many requests. Please wait and try again."), headers=headers)


def timed_out() -> Answer:
    """Return 504: the amount of data is large, which caused a timeout."""
    return _page(504, "504 Gateway Time-out")


def unavailable(status: int = 503) -> Answer:
    """Return a page of the server in front, with status 500, 502 or 503."""
    return _page(status, f"{status} Service Temporarily Unavailable")


def too_large() -> Answer:
    """Return 400: the rows of the window take more than 4 GB."""
    return _plain(
        400, "The file size of the exported data is too large. Shorten the time range and try again."
    )


def bad_request(words: str) -> Answer:
    """Return 400 with these words."""
    return _plain(400, words)


def no_credentials() -> Answer:
    """Return 401: the request has no credentials."""
    return replace(_plain(401, "Unauthorized"), headers={"WWW-Authenticate": 'Basic realm="Amplitude"'})


def wrong_credentials() -> Answer:
    """Return 403: no project has this API key with this secret key."""
    body = (
        b'{"error":{"http_code":403,"type":"invalid_credentials","message":"Incorrect API Key or Secret Key",'
        b'"metadata":{"details":"Invalid API Key"}}}'
    )
    return Answer(403, lambda: (body,), _JSON)


def html_page() -> Answer:
    """Return 200 with a page that is no zip, as servers in front send it."""
    return _page(200, "We are sorry, something went wrong")


def redirect(location: str, status: int = 302) -> Answer:
    """Return a redirect."""
    return replace(_plain(status, ""), headers={"Location": location})


def empty_zip() -> Answer:
    """Return 200 with a zip without members."""
    return rows(())


def truncated_zip(members: Iterable[Member], left_out: int = 60) -> Answer:
    """Return 200 with a zip that lacks its last bytes, in an answer that ends as answers should."""
    whole = rows(members)

    def body() -> Iterator[bytes]:
        content = b"".join(whole.body())
        yield content[:-left_out]

    return replace(whole, body=body)


def broken_member(members: Iterable[Member], number: int = 0) -> Answer:
    """Return 200 with a whole zip, of which one member is a gzip with wrong bytes in the middle."""
    listed = list(members)
    content = bytearray(b"".join(listed[number].chunks()))
    middle = len(content) // 2
    for at in range(middle, min(middle + 16, len(content))):
        content[at] ^= 0xFF
    listed[number] = Member.of_bytes(listed[number].name, bytes(content))
    return rows(listed)


def _plain(status: int, words: str) -> Answer:
    return Answer(status, lambda: (words.encode(),))


def _page(status: int, title: str) -> Answer:
    body = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>".encode()
    return Answer(status, lambda: (body,), _HTML)
