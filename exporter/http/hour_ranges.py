"""Ranges of hours in requests: UTC days or hours, both ends inclusive."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from exporter.domain.data_types import DataType
from exporter.domain.errors import Invalid, Problem
from exporter.domain.hour import Hour

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LAST_OF_DAY = 23
_NOT_A_DAY = "must be a UTC day such as 2026-01-31"


def _day_or_hour(text: str) -> str:
    try:
        _hour(text)
    except ValueError:
        raise ValueError("must be a UTC day such as 2026-01-31 or an hour such as 2026-01-31T13") from None
    return text


def _hour(text: str) -> Hour:
    return Hour.parse(f"{text}T00" if _DAY.fullmatch(text) else text)


DayOrHour = Annotated[
    str,
    AfterValidator(_day_or_hour),
    Field(json_schema_extra={"pattern": r"^\d{4}-\d{2}-\d{2}(T\d{2})?$"}),
]


def _day(text: str) -> str:
    if not _DAY.fullmatch(text):
        raise ValueError(_NOT_A_DAY)
    try:
        _hour(text)
    except ValueError:
        raise ValueError(_NOT_A_DAY) from None
    return text


Day = Annotated[str, AfterValidator(_day), Field(json_schema_extra={"pattern": r"^\d{4}-\d{2}-\d{2}$"})]

# A strict enum accepts no JSON string.
DataTypes = Annotated[list[Annotated[DataType, Field(strict=False)]], Field(min_length=1)]


def first_of_day(day: str) -> Hour:
    """Return the first hour of a ``Day``."""
    return _hour(day)


def hours_of_range(first: str, last: str, names: tuple[str, str]) -> tuple[Hour, Hour]:
    """Return the first and last hour; a day means its hours 0 to 23.

    Raise ``Invalid`` with the first of the two field ``names`` if the range ends before it begins.
    """
    begin, end = _hour(first), _hour(last)
    if _DAY.fullmatch(last):
        end = end.plus(_LAST_OF_DAY)
    if begin > end:
        raise Invalid(Problem(names[0], f"must not be after {names[1]}"))
    return begin, end


def without_repeats(data_types: list[DataType] | None) -> tuple[DataType, ...] | None:
    """Return the requested data types in order, each once; None means all."""
    return tuple(dict.fromkeys(data_types)) if data_types else None
