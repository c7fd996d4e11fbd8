"""Answers of the app that the demo cannot go on without."""

from typing import Any

from infra.local.api import Answer


class DemoError(Exception):
    """The demo cannot go on. The message says why."""


def expect(answer: Answer, status: int) -> Any:  # noqa: ANN401  JSON
    """Return the body of an answer, or raise ``DemoError`` if it has another status."""
    if answer.status != status:
        raise DemoError(f"the API answered {answer.status} instead of {status}: {answer.body}")
    return answer.body
