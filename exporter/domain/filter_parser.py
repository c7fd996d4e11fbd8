"""Parses a filter from JSON, and reports all problems at once, each with its path."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from exporter.domain.errors import Invalid, Problem, named
from exporter.domain.filter_values import accepts, normal_value
from exporter.domain.filters import (
    ORDERS,
    PRESENCE,
    SEARCHES,
    All,
    AnyOf,
    Condition,
    EventFilter,
    Node,
    Not,
    Operator,
    Property,
    Value,
)
from exporter.domain.row_schema import EVENT_FIELDS, Kind

type PatternCost = Callable[[str], int]
"""Returns how many instructions a pattern compiles to; raises ValueError with a message for the customer."""

# Filters that are nested deeper are not readable.
DEPTH_MAX = 10
# Every condition costs time for every event of every hour; a hundred cost about as much as the export itself.
CONDITIONS_MAX = 100
# A list of values costs one lookup, whatever its length; this bounds what is stored and shown.
VALUES_MAX = 1_000
# Searched texts are tried one after the other.
SEARCHED_VALUES_MAX = 100
# The original product truncates property texts at this length.
VALUE_CHARACTERS_MAX = 1_024
PROPERTY_CHARACTERS_MAX = 1_024
# The matcher spends up to 10 ns an instruction and character, so patterns with more instructions search fewer
# characters (exporter.pipeline.filters.patterns): 512 at this limit. \pL, any letter, has 1,200 instructions.
INSTRUCTIONS_MAX = 1_280
# Each answer about the destination contains the filter.
FILTER_BYTES_MAX = 64 * 1024
# Bounds the size of the answer, which could be megabytes.
PROBLEMS_MAX = 100

_KINDS = {each.name: each.kind for each in EVENT_FIELDS}
_GROUPS: dict[str, type[All | AnyOf]] = {"all": All, "any": AnyOf}
_COMBINATIONS = frozenset({*_GROUPS, "not"})
_CONDITION_KEYS = frozenset({"property", "operator", "values"})
_UNKNOWN = "is not a known field: check its spelling"


def read_filter(document: object, pattern_cost: PatternCost, place: str = "events.filter") -> EventFilter:
    """Return the filter of a JSON document; raise ``Invalid`` with all problems.

    ``place`` is the path of the document in the request: paths of problems begin with it.
    """
    reader = _Reader(pattern_cost)
    root = reader.node(document, place, 1)
    problems = reader.problems
    if reader.conditions > CONDITIONS_MAX:
        problems.append(Problem(place, f"has more than {CONDITIONS_MAX} conditions"))
    if reader.instructions > INSTRUCTIONS_MAX:
        problems.append(
            Problem(
                place,
                f"has patterns with {reader.instructions} or more instructions in total, and"
                f" {INSTRUCTIONS_MAX} are allowed, because each takes time for every character of each event:"
                " shorten the patterns, or lower their repetition counts, such as {900}",
            )
        )
    if problems or root is None:
        raise Invalid(*problems[:PROBLEMS_MAX])
    found = EventFilter(root)
    if len(found.text.encode()) > FILTER_BYTES_MAX:
        raise Invalid(Problem(place, f"is larger than {FILTER_BYTES_MAX} bytes"))
    return found


def stored_filter(text: str) -> EventFilter:
    """Return a filter from its stored ``text``; ValueError if it is not valid."""
    try:
        return read_filter(json.loads(text), lambda _pattern: 0)
    except Invalid as error:
        raise ValueError(f"not a filter: {error.problems}") from error


@dataclass(slots=True)
class _Reader:
    """Collects problems on the way down the tree. A method that adds a problem returns None."""

    pattern_cost: PatternCost
    problems: list[Problem] = field(default_factory=list)
    conditions: int = 0
    instructions: int = 0

    def _wrong(self, place: str, message: str) -> None:
        self.problems.append(Problem(place, message))

    def node(self, document: object, place: str, depth: int) -> Node | None:
        """Read a condition or a combination."""
        if not isinstance(document, dict):
            self._wrong(place, 'must be an object: a condition, or "all", "any" or "not" with conditions')
            return None
        if depth > DEPTH_MAX:
            self._wrong(place, f"is nested deeper than {DEPTH_MAX} levels")
            return None
        combinations = [key for key in document if key in _COMBINATIONS]
        known = frozenset(combinations[:1]) or _CONDITION_KEYS
        for key in document:
            if key not in known:
                beside = combinations and key in _COMBINATIONS | _CONDITION_KEYS
                self._wrong(
                    f"{place}.{named(key)}",
                    f'cannot be combined with "{combinations[0]}" in one object' if beside else _UNKNOWN,
                )
        if not combinations:
            return self._condition(document, place)
        key = combinations[0]
        if key == "not":
            inner = self.node(document[key], f"{place}.not", depth + 1)
            return None if inner is None else Not(inner)
        return self._group(key, document[key], f"{place}.{key}", depth)

    def _group(self, key: str, documents: object, place: str, depth: int) -> Node | None:
        if not isinstance(documents, list) or not documents:
            self._wrong(place, "must be a list of at least one condition")
            return None
        nodes = []
        for number, each in enumerate(documents):
            if self.conditions > CONDITIONS_MAX or len(self.problems) >= PROBLEMS_MAX:
                return None
            nodes.append(self.node(each, f"{place}.{number}", depth + 1))
        whole = tuple(node for node in nodes if node is not None)
        return _GROUPS[key](whole) if len(whole) == len(nodes) else None

    def _condition(self, document: dict[str, object], place: str) -> Condition | None:
        self.conditions += 1
        found = self._property(document.get("property"), f"{place}.property")
        operator = self._operator(document.get("operator"), found, f"{place}.operator")
        values = self._values(document.get("values"), operator, found, f"{place}.values")
        if found is None or operator is None or values is None:
            return None
        return Condition(found, operator, values)

    def _property(self, text: object, place: str) -> Property | None:
        if not isinstance(text, str):
            self._wrong(place, "must be a text, such as event_type or event_properties.price")
            return None
        if len(text) > PROPERTY_CHARACTERS_MAX or not _is_text(text):
            self._wrong(place, f"must be a text of at most {PROPERTY_CHARACTERS_MAX} characters")
            return None
        try:
            name, *keys = _names(text)
        except ValueError as error:
            self._wrong(place, str(error))
            return None
        if name not in _KINDS:
            self._wrong(
                place,
                "is not a field of an event; a property inside an object looks like event_properties.price",
            )
        elif _KINDS[name] is Kind.DICT and not keys:
            self._wrong(place, f"is an object: name a key inside it, such as {name}.price")
        elif _KINDS[name] is not Kind.DICT and keys:
            self._wrong(place, f"must not have a key: {name} is {_KINDS[name]}")
        else:
            return Property(name, tuple(keys))
        return None

    def _operator(self, text: object, found: Property | None, place: str) -> Operator | None:
        try:
            operator = Operator(str(text)) if isinstance(text, str) else None
        except ValueError:
            operator = None
        if operator is None:
            self._wrong(place, f"must be one of {', '.join(Operator)}")
        elif found and not accepts(_KINDS[found.field], operator):
            self._wrong(place, f"does not apply to {found.field}, which is {_KINDS[found.field]}")
            return None
        return operator

    def _values(
        self, values: object, operator: Operator | None, found: Property | None, place: str
    ) -> tuple[Value, ...] | None:
        if operator in PRESENCE or operator is None:
            if operator and values not in (None, []):
                self._wrong(place, f"must be left out: {operator} takes no values")
                return None
            return ()
        values_max = 1 if operator in ORDERS else SEARCHED_VALUES_MAX if operator in SEARCHES else VALUES_MAX
        if not isinstance(values, list) or not 1 <= len(values) <= values_max:
            count = "exactly one value" if values_max == 1 else f"1 to {values_max} values"
            self._wrong(place, f"must be a list of {count}")
            return None
        if found is None:
            return None
        kind = _KINDS[found.field]
        read = [self._value(each, operator, kind, f"{place}.{at}") for at, each in enumerate(values)]
        whole = tuple(value for value in read if value is not None)
        return whole if len(whole) == len(values) else None

    def _value(self, value: object, operator: Operator, kind: Kind, place: str) -> Value | None:
        if isinstance(value, str) and (len(value) > VALUE_CHARACTERS_MAX or not _is_text(value)):
            self._wrong(place, f"must be a text of at most {VALUE_CHARACTERS_MAX} characters")
            return None
        try:
            found = normal_value(value, kind, operator)
            # Once there are too many instructions, no more patterns are compiled: compiling takes time, too.
            if operator is Operator.MATCHES and self.instructions <= INSTRUCTIONS_MAX:
                self.instructions += self.pattern_cost(str(found))
        except ValueError as error:
            self._wrong(place, str(error))
            return None
        return found


def _is_text(text: str) -> bool:
    """Whether the text can be encoded as UTF-8: a lone surrogate cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _names(text: str) -> Iterator[str]:
    r"""Yield the names of a property path; ``\.`` is a dot inside a name, ``\\`` a backslash."""
    name, characters = "", iter(text)
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            if escaped not in {".", "\\"}:
                raise ValueError("may have a backslash only before a dot or another backslash")
            name += escaped
        elif character == ".":
            yield _named(name)
            name = ""
        else:
            name += character
    yield _named(name)


def _named(name: str) -> str:
    if not name:
        raise ValueError("must not have an empty name before, between or after dots")
    return name
