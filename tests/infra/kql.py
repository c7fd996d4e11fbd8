"""Kusto queries, run over rows in memory: as much of the language as our alerts and charts use, and no more.

``run("traces | project message", {"traces": rows})`` returns the rows of the result. Whatever is not known
here, and whatever would need a rule that our queries do not need, raises ``NotKnown``: a query that grows
beyond this module fails its tests until the rule is added.

Values are those of Python: a string is never None, as in Kusto; a dynamic value is what ``json`` reads.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import gt
from typing import Any

type Row = dict[str, Any]
type Tables = Mapping[str, Iterable[Row]]
type Expression = Literal | Name | Member | Call | Binary

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
    | (?P<string>"(?:[^"\\]|\\["\\])*")
    | (?P<span>\d+[mh]\b)
    | (?P<number>\d+\b)
    | (?P<name>[A-Za-z_]\w*)
    | (?P<mark>==|>=|[|(),.=>*])
    """,
    re.VERBOSE,
)
_SPANS = {"m": timedelta(minutes=1), "h": timedelta(hours=1)}
_EPOCH = datetime(1, 1, 1, tzinfo=UTC)
_INT_MAX, _LONG_MAX = 2**31 - 1, 2**63 - 1


class NotKnown(Exception):
    """The query needs more of the language than there is here."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, an integer or a time span."""

    value: str | int | timedelta


@dataclass(frozen=True, slots=True)
class Name:
    """A column."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """A property of a dynamic value."""

    of: "Expression"
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function or an aggregate."""

    name: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Binary:
    """An operator between two values."""

    operator: str
    left: "Expression"
    right: "Expression"


def run(query: str, tables: Tables) -> list[Row]:
    """Return the rows of a query's result, in no particular order; its columns are in their order."""
    reader = _Reader(query)
    table = reader.name()
    if table not in tables:
        raise NotKnown(f"table {table}")
    rows = list(tables[table])
    while not reader.ended:
        reader.expect("|")
        operator = reader.name()
        if operator not in _OPERATORS:
            raise NotKnown(f"operator {operator}")
        rows = _OPERATORS[operator](reader, rows)
    return rows


@dataclass(slots=True)
class _Reader:
    """The text of a query, token by token."""

    query: str
    _tokens: list[tuple[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        self._tokens = list(reversed([*_tokens(self.query)]))

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return not self._tokens

    def at(self, text: str) -> bool:
        """Whether this mark or word comes next."""
        return bool(self._tokens) and self._tokens[-1][0] in {"mark", "name"} and self._tokens[-1][1] == text

    def take(self, text: str) -> bool:
        """Take a mark or word if it comes next."""
        if not self.at(text):
            return False
        self._tokens.pop()
        return True

    def expect(self, text: str) -> None:
        """Take a mark that must come next."""
        if not self.take(text):
            raise NotKnown(f"{self._tokens[-1:] or 'the end'} in place of {text}")

    def name(self) -> str:
        """Take a name."""
        return self._next("name")[1]

    def _next(self, *kinds: str) -> tuple[str, str]:
        if not self._tokens or self._tokens[-1][0] not in kinds:
            raise NotKnown(f"{self._tokens[-1:] or 'the end'} in place of {kinds}")
        return self._tokens.pop()

    def listed(self) -> Iterator[tuple[str, Expression]]:
        """Take expressions with commas in between; yield each with the name of its column."""
        while True:
            found = self.expression()
            if isinstance(found, Name) and self.take("="):
                yield found.name, self.expression()
            else:
                yield _name_of(found), found
            if not self.take(","):
                return

    def expression(self) -> Expression:
        """Take an expression: at most one comparison between products."""
        left = self._product()
        for operator in ("==", ">=", ">", "startswith"):
            if self.take(operator):
                return Binary(operator, left, self._product())
        return left

    def _product(self) -> Expression:
        left = self._value()
        while self.take("*"):
            left = Binary("*", left, self._value())
        return left

    def _value(self) -> Expression:
        kind, text = self._next("name", "number", "span", "string")
        if kind == "number":
            return Literal(int(text))
        if kind == "span":
            return Literal(int(text[:-1]) * _SPANS[text[-1]])
        if kind == "string":
            return Literal(re.sub(r"\\(.)", r"\1", text[1:-1]))
        if self.take("("):
            return Call(text, self._arguments())
        found: Expression = Name(text)
        while self.take("."):
            found = Member(found, self.name())
        return found

    def _arguments(self) -> tuple[Expression, ...]:
        if self.take(")"):
            return ()
        found = [self.expression()]
        while self.take(","):
            found.append(self.expression())
        self.expect(")")
        return tuple(found)


def _tokens(query: str) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(query):
        found = _TOKEN.match(query, place)
        if found is None or found.lastgroup is None:
            raise NotKnown(f"the characters {query[place : place + 20]!r}")
        place = found.end()
        if found.lastgroup != "space":
            yield found.lastgroup, found[0]


def _name_of(expression: Expression) -> str:
    """Return the name that a column gets if the query gives it none."""
    match expression:
        case Name(name):
            return name
        case Member(of, name):
            return f"{_name_of(of)}_{name}"
        case Call("count", ()):
            return "count_"
        case Call(name, (argument, *_)) if name in _AGGREGATES:
            return f"{name}_{_name_of(argument)}"
        case Call(name, (argument, *_)) if name in _KEEP_THE_NAME:
            return _name_of(argument)
    raise NotKnown(f"a column without a name for {expression}")


def _where(reader: _Reader, rows: list[Row]) -> list[Row]:
    condition = reader.expression()
    return [row for row in rows if _evaluated(condition, row) is True]


def _extend(reader: _Reader, rows: list[Row]) -> list[Row]:
    columns = list(reader.listed())
    return [row | _columns(columns, row) for row in rows]


def _project(reader: _Reader, rows: list[Row]) -> list[Row]:
    columns = list(reader.listed())
    return [_columns(columns, row) for row in rows]


def _summarize(reader: _Reader, rows: list[Row]) -> list[Row]:
    aggregates = list(reader.listed())
    if not reader.take("by"):
        raise NotKnown("summarize without by")
    by = list(reader.listed())
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(_columns(by, row).values()), []).append(row)
    names = [name for name, _ in by]
    return [
        dict(zip(names, key, strict=True)) | {name: _aggregated(each, group) for name, each in aggregates}
        for key, group in groups.items()
    ]


_OPERATORS: dict[str, Callable[[_Reader, list[Row]], list[Row]]] = {
    "where": _where,
    "extend": _extend,
    "project": _project,
    "summarize": _summarize,
}


def _columns(columns: list[tuple[str, Expression]], row: Row) -> Row:
    return {name: _evaluated(expression, row) for name, expression in columns}


def _aggregated(expression: Expression, rows: list[Row]) -> Any:  # noqa: ANN401  any value
    match expression:
        case Call("count", ()):
            return len(rows)
        case Call(name, (argument,)) if name in _AGGREGATES:
            values = [_evaluated(argument, row) for row in rows]
            if None in values:
                raise NotKnown(f"{name} of null, for {expression}")
            return _AGGREGATES[name](values)
    raise NotKnown(f"{expression} in place of an aggregate")


def _evaluated(expression: Expression, row: Row) -> Any:  # noqa: ANN401  any value
    match expression:
        case Literal(value):
            return value
        case Name(name):
            if name not in row:
                raise NotKnown(f"column {name}")
            return row[name]
        case Member(of, name):
            value = _evaluated(of, row)
            return value.get(name) if isinstance(value, dict) else None
        case Call(name, arguments):
            if name not in _FUNCTIONS:
                raise NotKnown(f"function {name}")
            return _FUNCTIONS[name](*(_evaluated(each, row) for each in arguments))
        case Binary(operator, left, right):
            one, other = _evaluated(left, row), _evaluated(right, row)
            return None if one is None or other is None else _BINARY[operator](one, other)


def _parse_json(text: str) -> Any:  # noqa: ANN401  any JSON
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _tostring(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise NotKnown(f"tostring of {value!r}")


def _whole(most: int) -> Callable[[object], int | None]:
    """Return the conversion to an integer type: null for what is no number, or beyond it."""

    def converted(value: object) -> int | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise NotKnown(f"conversion of {value!r} to an integer")
        return value if -most - 1 <= value <= most else None

    return converted


def _todouble(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotKnown(f"todouble of {value!r}")
    return float(value)


def _bin(value: object, size: object) -> datetime:
    if not isinstance(value, datetime) or not isinstance(size, timedelta):
        raise NotKnown(f"bin of {value!r} by {size!r}")
    return value - (value - _EPOCH) % size


def _product(one: object, other: object) -> int:
    if type(one) is not int or type(other) is not int:
        raise NotKnown(f"{one!r} * {other!r}")
    return one * other


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[object, object], bool]:
    def compared(one: object, other: object) -> bool:
        if type(one) is not int or type(other) is not int:
            raise NotKnown(f"the order of {one!r} and {other!r}")
        return compare(one, other)

    return compared


def _equal(one: object, other: object) -> bool:
    if type(one) is not type(other):
        raise NotKnown(f"{one!r} == {other!r}")
    return one == other


def _startswith(text: str, beginning: str) -> bool:
    """Upper and lower case are the same to Kusto's ``startswith``."""
    return text.lower().startswith(beginning.lower())


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "bin": _bin,
    "indexof": lambda text, part: text.find(part),
    "parse_json": _parse_json,
    "strlen": len,
    "substring": lambda text, start: text[start:],
    "todouble": _todouble,
    "toint": _whole(_INT_MAX),
    "tolong": _whole(_LONG_MAX),
    "tostring": _tostring,
}
_KEEP_THE_NAME = frozenset({"bin", "todouble", "toint", "tolong", "tostring"})
_AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "avg": lambda values: sum(values) / len(values),
    "max": max,
    "sum": sum,
}
_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "*": _product,
    "==": _equal,
    ">": _ordered(gt),
    ">=": _ordered(lambda one, other: one >= other),
    "startswith": _startswith,
}
