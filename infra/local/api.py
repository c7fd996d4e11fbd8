"""A small client of the app's HTTP API for the demo and the tests. Bodies are JSON."""

import gzip
import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

ANSWER_SECONDS_MAX = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. The body is parsed if it is JSON; None if it is empty."""

    status: int
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Api:
    """The API at a base URL such as ``http://127.0.0.1:7071``. The key is sent with every request."""

    url: str
    key: str = field(default="", repr=False)

    def get(self, path: str) -> Answer:
        """Send a GET to ``/api`` and the path."""
        return self.call("GET", f"/api{path}")

    def put(self, path: str, body: object, **headers: str) -> Answer:
        """Send a PUT with a JSON body. An underscore in a header's name is sent as a hyphen."""
        return self.call("PUT", f"/api{path}", json.dumps(body).encode(), **headers)

    def post(self, path: str, body: object = None) -> Answer:
        """Send a POST, with a JSON body unless it is None."""
        return self.call("POST", f"/api{path}", b"" if body is None else json.dumps(body).encode())

    def fire(self, function: str, message: str = "") -> Answer:
        """Run a timer or queue function through the host's admin endpoint."""
        return self.call("POST", f"/admin/functions/{function}", json.dumps({"input": message}).encode())

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send a request. An error status is an answer, too. ``URLError`` if there is no answer."""
        request = urllib.request.Request(f"{self.url}{path}", data=body or None, method=method)  # noqa: S310  http to loopback
        request.add_header("Content-Type", "application/json")
        for name, value in {**({"x-functions-key": self.key} if self.key else {}), **headers}.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS_MAX) as answer:  # noqa: S310  http to loopback
                return _answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error.code, dict(error.headers), error.read())


def _answer(status: int, headers: dict[str, str], body: bytes) -> Answer:
    lowered = {name.lower(): value for name, value in headers.items()}
    is_json = "json" in lowered.get("content-type", "")
    if lowered.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return Answer(status, lowered, json.loads(body) if is_json else body or None)
