"""From JSON to a filter, with everything that is wrong about it told at once, each with its place."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from exporter.domain.errors import Invalid, Problem, named
from exporter.domain.filter_values import accepts, settled
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
"""Returns how many instructions a pattern compiles to; ValueError, for a person, if it is none."""

# Deeper than anybody can read.
DEPTH_MAX = 10
# Every condition costs time for every event of every hour; a hundred cost about as much as the export itself.
CONDITIONS_MAX = 100
# A list of values is looked up at once, however long; this bounds what is stored and shown.
VALUES_MAX = 1_000
# Texts that are searched for are tried one after the other.
SEARCHED_VALUES_MAX = 100
# The original cuts the texts of properties at as many characters.
VALUE_CHARACTERS_MAX = 1_024
PROPERTY_CHARACTERS_MAX = 1_024
# The matcher may spend 10 ns on each instruction for each character, so the more instructions, the fewer
# characters the patterns look at (exporter.pipeline.filters.patterns): 512 with so many. \pL, any letter,
# has 1,200.
INSTRUCTIONS_MAX = 1_280
# A filter is part of each answer about its destination.
FILTER_BYTES_MAX = 64 * 1024
# More would not be read, and must not make an answer of megabytes.
PROBLEMS_MAX = 100

_KINDS = {each.name: each.kind for each in EVENT_FIELDS}
_GROUPS: dict[str, type[All | AnyOf]] = {"all": All, "any": AnyOf}
_COMBINATIONS = frozenset({*_GROUPS, "not"})
_CONDITION_KEYS = frozenset({"property", "operator", "values"})
_UNKNOWN = "is not known here: check its spelling"


def read_filter(document: object, pattern_cost: PatternCost, place: str = "events.filter") -> EventFilter:
    """Return the filter that a document describes, or raise ``Invalid`` with all that is wrong.

    ``place`` is where the document stood; the paths of problems begin with it.
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
                f"has patterns of {reader.instructions} instructions or more together, of at most"
                f" {INSTRUCTIONS_MAX}, because each of them takes time for every character of every event:"
                " shorten the patterns, or lower their counts of repetitions, such as {900}",
            )
        )
    if problems or root is None:
        raise Invalid(*problems[:PROBLEMS_MAX])
    found = EventFilter(root)
    if len(found.text.encode()) > FILTER_BYTES_MAX:
        raise Invalid(Problem(place, f"is larger than {FILTER_BYTES_MAX} bytes"))
    return found


def stored_filter(text: str) -> EventFilter:
    """Return a filter that was checked before it was stored as its ``text``."""
    try:
        return read_filter(json.loads(text), lambda _pattern: 0)
    except Invalid as error:
        raise ValueError(f"not a filter: {error.problems}") from error


@dataclass(slots=True)
class _Reader:
    """What is found on the way down the tree. Each method returns None where it noted a problem."""

    pattern_cost: PatternCost
    problems: list[Problem] = field(default_factory=list)
    conditions: int = 0
    instructions: int = 0

    def _wrong(self, place: str, message: str) -> None:
        self.problems.append(Problem(place, message))

    def node(self, document: object, place: str, depth: int) -> Node | None:
        """Read a condition or a combination."""
        if not isinstance(document, dict):
            self._wrong(place, 'must be an object: a condition, or "all", "any" or "not" of conditions')
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
                    f'cannot stand beside "{combinations[0]}"' if beside else _UNKNOWN,
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
                place, "is no field of an event; properties in objects begin so: event_properties.price"
            )
        elif _KINDS[name] is Kind.DICT and not keys:
            self._wrong(place, f"is an object: name a key of it, such as {name}.price")
        elif _KINDS[name] is not Kind.DICT and keys:
            self._wrong(place, f"has nothing inside: {name} is {_KINDS[name]}")
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
            self._wrong(place, f"does not fit: {found.field} is {_KINDS[found.field]}")
            return None
        return operator

    def _values(
        self, values: object, operator: Operator | None, found: Property | None, place: str
    ) -> tuple[Value, ...] | None:
        if operator in PRESENCE or operator is None:
            if operator and values not in (None, []):
                self._wrong(place, f"must be left out: {operator} takes none")
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
            found = settled(value, kind, operator)
            # Once there are too many, no more of them are compiled: that takes time, too.
            if operator is Operator.MATCHES and self.instructions <= INSTRUCTIONS_MAX:
                self.instructions += self.pattern_cost(str(found))
        except ValueError as error:
            self._wrong(place, str(error))
            return None
        return found


def _is_text(text: str) -> bool:
    """Whether the text can be written down: half a surrogate pair cannot."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _names(text: str) -> Iterator[str]:
    r"""Yield the names of a path; ``\.`` is a dot within a name, ``\\`` a backslash."""
    name, characters = "", iter(text)
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            if escaped not in {".", "\\"}:
                raise ValueError("may hold a backslash only before a dot or another backslash")
            name += escaped
        elif character == ".":
            yield _named(name)
            name = ""
        else:
            name += character
    yield _named(name)


def _named(name: str) -> str:
    if not name:
        raise ValueError("must not have an empty name before, between or after its dots")
    return name
