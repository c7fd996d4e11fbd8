"""Rows as anybody might send them, and a slow reading of them by the standard library alone."""

import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

from hypothesis import strategies as st

from exporter.domain.records import EVENT_FIELDS, Field, Kind
from exporter.domain.times import to_canonical
from tests.builders import uuid
from tests.properties.values import json_values, texts

type Record = dict[str, Any]

_UUID = re.compile("[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
_inside = [
    "2026-01-31 13:20:00.000000",
    "2026-01-31T13:59:59.9999999Z",
    "2026-01-31T14:30:00+01:00",
    "2026-01-31 13:00:00",
]
_outside = ["2026-01-31 14:00:00", "2026-01-31T13:20:00+01:00", "1999-12-31 23:59:59.999999"]

# Mostly what belongs there, so that whole rows come through often enough.
_FITTING: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.STRING: texts,
    Kind.INTEGER: st.integers() | st.sampled_from([2**53 + 1, 2**64 + 1, -(10**30)]),
    Kind.FLOAT: st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(min_value=-(2**53), max_value=2**53),
    Kind.BOOLEAN: st.booleans(),
    Kind.TIME: st.sampled_from(_inside * 3 + _outside),
    Kind.UUID: st.integers(min_value=0, max_value=20).map(uuid) | st.uuids().map(str).map(str.upper),
    Kind.DICT: st.dictionaries(texts, json_values, max_size=3),
    Kind.NULL: st.none(),
}


@st.composite
def rows(draw: st.DrawFn, fields: tuple[Field, ...], fixed: Record) -> Record:
    """Return a row with some of the fields, and now and then something wrong or unknown."""
    row = fixed | {field.name: draw(_FITTING[field.kind]) for field in fields if field.required}
    row |= fixed
    for field in draw(st.lists(st.sampled_from(fields), max_size=6)):
        row[field.name] = draw(_FITTING[field.kind] | st.none())
    if draw(st.integers(min_value=0, max_value=2)) == 0:
        for field in draw(st.lists(st.sampled_from(fields), max_size=2)):
            row[field.name] = draw(json_values)
    if draw(st.integers(min_value=0, max_value=9)) == 0:
        row.pop(draw(st.sampled_from(sorted(row))))
    row |= draw(st.dictionaries(texts, json_values, max_size=2).map(lambda extra: without(extra, fields)))
    return dict(draw(st.permutations(list(row.items()))))


def without(extra: Record, fields: tuple[Field, ...]) -> Record:
    """Return only those keys that are none of the fields."""
    return {name: value for name, value in extra.items() if name not in {field.name for field in fields}}


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def parsed(line: bytes) -> Any:  # noqa: ANN401  any JSON value
    """Return what a line says; ValueError if it is not UTF-8 or not JSON, as NaN is not."""
    return json.loads(line.decode(), parse_constant=_no_number)


def _is_time(value: Any) -> bool:  # noqa: ANN401  any JSON value
    try:
        to_canonical(value)
    except (TypeError, ValueError):
        return False
    return True


def _is_number(value: Any) -> bool:  # noqa: ANN401  any JSON value
    try:
        return type(value) in {int, float} and math.isfinite(float(value))
    except OverflowError:
        return False


_IS: dict[Kind, Callable[[Any], bool]] = {
    Kind.STRING: lambda value: type(value) is str,
    Kind.INTEGER: lambda value: type(value) is int,
    Kind.FLOAT: _is_number,
    Kind.BOOLEAN: lambda value: type(value) is bool,
    Kind.TIME: _is_time,
    Kind.UUID: lambda value: (
        type(value) is str and _UUID.fullmatch(value.lower()) is not None and value.isascii()
    ),
    Kind.DICT: lambda value: type(value) is dict,
    Kind.NULL: lambda _: False,
}


def missing(row: Record, fields: tuple[Field, ...]) -> list[str]:
    """Return the required fields that a row lacks."""
    return [field.name for field in fields if field.required and row.get(field.name) is None]


def wrong(row: Record, fields: tuple[Field, ...]) -> list[str]:
    """Return the fields of a row that are not of their kind."""
    values = [(field, row.get(field.name)) for field in fields]
    return [field.name for field, value in values if value is not None and not _IS[field.kind](value)]


def as_exported(row: Record, project_id: int) -> Record:
    """Return what must be exported of an event in which nothing is wrong: 49 keys, canonical times."""
    found: Record = {field.name: row.get(field.name) for field in EVENT_FIELDS}
    for field in EVENT_FIELDS:
        value = found[field.name]
        if field.kind is Kind.DICT and value is None:
            found[field.name] = {}
        elif field.kind is Kind.TIME and value is not None:
            found[field.name] = to_canonical(value)
        elif field.kind is Kind.FLOAT and value is not None:
            found[field.name] = float(value)
    app = project_id if found["app"] is None else found["app"]
    return found | {"app": app, "uuid": found["uuid"].lower()}
