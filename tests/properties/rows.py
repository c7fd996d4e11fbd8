"""Rows as any source might send them, and a slow reader of them in the standard library."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from hypothesis import strategies as st

from exporter.domain.row_schema import EVENT_FIELDS, Field, Kind
from exporter.domain.timestamps import to_canonical
from tests.properties.values import json_values, surrogates_replaced, texts
from tests.support.builders import uuid

type Record = dict[str, Any]

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
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
    Kind.TEXTS: texts | st.lists(texts, max_size=3),
}
_numbers = st.sampled_from(["0", "1", "-7", "241.0", "1e3", "37.77", "0.5e1", "-0.0", "1E-2", "1e400"])
# What usual deviations are, with or without a meaning.
ODD_VALUES: st.SearchStrategy[Any] = (
    st.sampled_from(
        ["", "true", "FALSE", "1", "0", "nan", "-", " 1", "1_0", "00012", "[]", "null", "{", "{}x"]
    )
    | st.sampled_from([[], [None], ["a", 1, True], 1.0, 0, 1, True, False, 1.5])
    | _numbers
    | st.uuids().map(lambda each: each.hex.upper())
    | st.uuids().map(lambda each: f"{{{each}}}")
    | st.dictionaries(texts, json_values, max_size=2).map(lambda each: json.dumps(each, indent=1))
    | json_values
)


@st.composite
def rows(draw: st.DrawFn, fields: tuple[Field, ...], fixed: Record) -> Record:
    """Return a row with some of the fields, and now and then something wrong or unknown."""
    row = fixed | {field.name: draw(_FITTING[field.kind]) for field in fields if field.required}
    row |= fixed
    for field in draw(st.lists(st.sampled_from(fields), max_size=6)):
        row[field.name] = draw(_FITTING[field.kind] | st.none())
    if draw(st.integers(min_value=0, max_value=2)) == 0:
        for field in draw(st.lists(st.sampled_from(fields), max_size=4)):
            row[field.name] = draw(ODD_VALUES)
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


class Digits(str):
    """A number as it is written."""

    __slots__ = ()


class NoMeaningError(Exception):
    """A value that means nothing to its key."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a line says of some fields: which required ones it lacks, which are mistyped, and the values."""

    missing: list[str]
    mistyped: list[str]
    values: Record

    def rejected(self, fields: tuple[Field, ...]) -> bool:
        """Whether what is wrong costs the row."""
        return bool(self.missing) or any(field.required and field.name in self.mistyped for field in fields)


def expected(line: bytes, fields: tuple[Field, ...]) -> Expected:
    """Read an object by the standard library, and normalize its values one by one."""
    row = surrogates_replaced(parsed(line))
    written = json.loads(line, parse_int=Digits, parse_float=Digits)
    written = {surrogates_replaced(name): value for name, value in written.items()}
    values: Record = {field.name: {} if field.kind is Kind.DICT else None for field in fields}
    found = Expected([], [], values)
    for field in fields:
        if row.get(field.name) is None:
            found.missing.extend([field.name] if field.required else [])
            continue
        try:
            values[field.name] = _normal(field, row[field.name], written[field.name])
        except (NoMeaningError, ValueError, TypeError):
            found.mistyped.append(field.name)
    return found


def _normal(field: Field, value: Any, written: Any) -> Any:  # noqa: ANN401  any JSON value
    if value == "" and not field.required and field.kind not in {Kind.STRING, Kind.TEXTS}:
        return {} if field.kind is Kind.DICT else None
    return _NORMAL[field.kind](value, written)


def _text(value: Any, written: Any) -> str:  # noqa: ANN401  any JSON value
    if isinstance(written, Digits):
        return str(written)
    if isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return value
    raise NoMeaningError


def _texts(value: Any, written: Any) -> Any:  # noqa: ANN401  any JSON value
    if isinstance(value, list):
        return [_text(each, as_written) for each, as_written in zip(value, written, strict=True)]
    return _text(value, written)


def _decimal(written: Any) -> Decimal:  # noqa: ANN401  any JSON value
    if isinstance(written, str) and _NUMBER.fullmatch(written):
        return Decimal(written)
    raise NoMeaningError


def _integer(_value: Any, written: Any) -> int:  # noqa: ANN401  any JSON value
    number = _decimal(written)
    numerator, denominator = number.as_integer_ratio()
    if denominator != 1 or abs(numerator) >= 10**4300:
        raise NoMeaningError
    return numerator


def _float(_value: Any, written: Any) -> float:  # noqa: ANN401  any JSON value
    number = float(_decimal(written))
    if not math.isfinite(number):
        raise NoMeaningError
    return number


def _bool(value: Any, written: Any) -> bool:  # noqa: ANN401  any JSON value
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    number = _decimal(written)
    if number in {0, 1}:
        return number == 1
    raise NoMeaningError


def _uuid(value: Any, _written: Any) -> str:  # noqa: ANN401  any JSON value
    bare = str(value).lower().replace("-", "").strip("{}")
    usual = "-".join([bare[:8], bare[8:12], bare[12:16], bare[16:20], bare[20:]])
    forms = {bare, usual, f"{{{bare}}}", f"{{{usual}}}"}
    if isinstance(value, str) and re.fullmatch("[0-9a-f]{32}", bare) and value.lower() in forms:
        return usual
    raise NoMeaningError


def _dict(value: Any, _written: Any) -> Record:  # noqa: ANN401  any JSON value
    if value == [] and isinstance(value, list):
        return {}
    if isinstance(value, str):
        value = surrogates_replaced(json.loads(value, parse_constant=_no_number))
    if isinstance(value, dict):
        return value
    raise NoMeaningError


_NORMAL: dict[Kind, Callable[[Any, Any], Any]] = {
    Kind.STRING: _text,
    Kind.TEXTS: _texts,
    Kind.INTEGER: _integer,
    Kind.FLOAT: _float,
    Kind.BOOLEAN: _bool,
    Kind.TIME: lambda value, _: to_canonical(value),
    Kind.UUID: _uuid,
    Kind.DICT: _dict,
}


def as_exported(row: Record, project_id: int) -> Record:
    """Return what must be exported of an event that is not rejected: 49 keys, canonical times."""
    values = expected(json.dumps(row).encode(), EVENT_FIELDS).values
    return values | {"app": project_id if values["app"] is None else values["app"]}
