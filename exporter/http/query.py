"""Query parameters: how they are declared, and how they are read."""

import re
from collections.abc import Sequence
from enum import StrEnum
from types import MappingProxyType

import azure.functions as func

from exporter.domain.destination import ID_PATTERN
from exporter.domain.errors import Invalid, Problem
from exporter.domain.hour import Hour
from exporter.domain.job import JOBS_DEFAULT, JOBS_MAX
from exporter.http.routing import Parameter
from exporter.http.schemas import HOUR_PATTERN, NOT_AN_HOUR

TEXT_CHARACTERS_MAX = 200
_JOB_ID = re.compile(r"^[0-9a-f]{32}$")


def choice_parameter(name: str, description: str, choices: Sequence[str]) -> Parameter:
    """Declare a parameter that has one of a few values."""
    return Parameter(
        name, description, MappingProxyType({"type": "string", "enum": [str(each) for each in choices]})
    )


def flag_parameter(name: str, description: str) -> Parameter:
    """Declare a parameter that is ``true`` or ``false``."""
    return choice_parameter(name, description, ["true", "false"])


def hour_parameter(name: str, description: str) -> Parameter:
    """Declare a parameter that is an hour."""
    return Parameter(name, description, MappingProxyType({"type": "string", "pattern": HOUR_PATTERN}))


def text_parameter(name: str, description: str) -> Parameter:
    """Declare a parameter that is any text."""
    schema = {"type": "string", "maxLength": TEXT_CHARACTERS_MAX}
    return Parameter(name, description, MappingProxyType(schema))


def id_parameter(name: str, description: str) -> Parameter:
    """Declare a parameter that is the id of a destination or a source."""
    schema = {"type": "string", "pattern": f"^{ID_PATTERN.pattern}$"}
    return Parameter(name, description, MappingProxyType(schema))


def limit_parameter(default: int, most: int) -> Parameter:
    """Declare the parameter ``limit`` of a list."""
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return Parameter("limit", f"At most so many on a page. Default: {default}.", MappingProxyType(schema))


# The parameters that ``parse_job_page`` reads.
JOB_PAGE = (
    limit_parameter(JOBS_DEFAULT, JOBS_MAX),
    Parameter(
        "after",
        "Only those created before the one of this id: `next` of the page before.",
        MappingProxyType({"type": "string", "pattern": _JOB_ID.pattern}),
    ),
)


class Query:
    """The query parameters of a request. Problems are collected, so that all are reported at once."""

    def __init__(self, req: func.HttpRequest) -> None:
        self._params = req.params
        self.problems: list[Problem] = []

    def one_of[Choice: StrEnum](self, name: str, choices: list[Choice]) -> Choice | None:
        """Return the chosen value, or None."""
        text = self._params.get(name)
        found = next((each for each in choices if each.value == text), None)
        if text and found is None:
            self.problem(name, f"must be one of {', '.join(choices)}")
        return found

    def flag(self, name: str) -> bool:
        """Whether the parameter is ``true``; it may be left out."""
        text = self._params.get(name) or "false"
        if text not in {"true", "false"}:
            self.problem(name, "must be true or false")
        return text == "true"

    def hour(self, name: str, default: Hour) -> Hour:
        """Return the hour, or the default."""
        text = self._params.get(name)
        try:
            return Hour.parse(text) if text else default
        except ValueError:
            self.problem(name, NOT_AN_HOUR)
            return default

    def text(self, name: str) -> str:
        """Return the text; empty if it is left out."""
        text = self._params.get(name) or ""
        if len(text) > TEXT_CHARACTERS_MAX:
            self.problem(name, f"must have at most {TEXT_CHARACTERS_MAX} characters")
        return text

    def resource_id(self, name: str, noun: str) -> str:
        """Return the id of a ``noun``, a destination or a source; empty if it is left out."""
        text = self._params.get(name) or ""
        if text and not ID_PATTERN.fullmatch(text):
            self.problem(name, f"must be the id of a {noun}")
        return text

    def job_id(self, name: str) -> str:
        """Return the id of a backfill or verification; empty if it is left out."""
        text = self._params.get(name) or ""
        if text and not _JOB_ID.fullmatch(text):
            self.problem(name, "must be an id of this list")
        return text

    def limit(self, default: int, most: int) -> int:
        """Return the parameter ``limit``."""
        return self.number("limit", default, least=1, most=most)

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number, or the default."""
        text = self._params.get(name) or str(default)
        # int() alone accepts signs, spaces, underscores and digits of other scripts.
        digits = text.isascii() and text.isdecimal() and len(text) <= len(str(most))
        number = int(text) if digits else least - 1
        if not least <= number <= most:
            self.problem(name, f"must be a whole number from {least} to {most}")
        return number

    def problem(self, name: str, message: str) -> None:
        """Note that a parameter is wrong."""
        self.problems.append(Problem(name, message))

    def check(self) -> None:
        """Raise ``Invalid`` with all problems, if there are any."""
        if self.problems:
            raise Invalid(*self.problems)


def parse_job_page(req: func.HttpRequest) -> tuple[str, int]:
    """Return ``after`` and ``limit`` of a list of backfills or verifications."""
    query = Query(req)
    found = query.job_id("after"), query.limit(JOBS_DEFAULT, JOBS_MAX)
    query.check()
    return found


def parse_deleted(req: func.HttpRequest) -> bool:
    """Return the parameter ``deleted``: whether a deleted one is wanted, too."""
    query = Query(req)
    found = query.flag("deleted")
    query.check()
    return found
