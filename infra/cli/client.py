"""Calls of the API: what is no success becomes an error with an exit code."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from infra.local.api import Answer, Api

type Json = dict[str, Any]

# Exit codes. 2 is a wrong command line.
NOT_AS_IT_SHOULD_BE, REFUSED, OUT_OF_REACH = 1, 3, 4
PAGE = 500


class CommandError(Exception):
    """What ends a command: a text for people, and the exit code."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Client:
    """The API of one exporter."""

    api: Api

    def get(self, path: str, **query: str | None) -> Any:  # noqa: ANN401  JSON
        """Return the body of a GET; parameters of None are left out."""
        given = urlencode({name: value for name, value in query.items() if value is not None})
        return self.checked(self.call("GET", f"{path}?{given}" if given else path)).body

    def post(self, path: str, body: object = None) -> Answer:
        """Return the answer to a POST."""
        return self.checked(self.call("POST", path, body))

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Return an answer, whatever its status."""
        sent = b"" if body is None else json.dumps(body).encode()
        try:
            return self.api.call(method, f"/api{path}", sent, **headers)
        except (OSError, ValueError) as error:
            text = f"{self.api.url} cannot be reached: {error}"
            raise CommandError(text, OUT_OF_REACH) from error

    @staticmethod
    def checked(answer: Answer) -> Answer:
        """Return an answer if it is a success."""
        if answer.status in range(200, 300):
            return answer
        raise CommandError(problem_text(answer), REFUSED)

    def followed(self, location: str) -> Json:
        """Return the body at the address of a job."""
        found: Json = self.get(urlsplit(location).path.removeprefix("/api"))
        return found

    def destinations(self, status: str | None = None) -> Iterator[Json]:
        """Yield every destination as lists have it, by id."""
        after: str | None = None
        while True:
            page = self.get("/destinations", status=status, limit=str(PAGE), after=after)
            yield from page["destinations"]
            after = page["next"]
            if after is None:
                return


def problem_text(answer: Answer) -> str:
    """Return a problem document as text; its fields line by line."""
    if not isinstance(answer.body, dict):
        known = {401: "the key is missing or wrong: set BLOB_EXPORTER_KEY"}
        return f"{answer.status}: {known.get(answer.status, 'no exporter answers at this address')}"
    body = answer.body
    lines = [f"{answer.status} {body.get('code')}: {body.get('detail')}"]
    if body.get("fix") and body["fix"] not in lines[0]:
        lines.append(str(body["fix"]))
    lines += [f"  {each['field']}: {each['message']}" for each in body.get("errors", [])]
    return "\n".join(lines)
