"""The properties that rows of a project have: suggestions for people who write a filter."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from exporter.domain.filter_parser import PROPERTY_CHARACTERS_MAX
from exporter.domain.filters import Property

VALUES_SHOWN_MAX = 5
# What one sample collects; a project that sends more has keys that are values.
PROPERTIES_MAX = 1_000
_VALUES_MAX = 1_000
_VALUE_CHARACTERS_MAX = 100
_ELEMENTS_MAX = 20
_DEPTH_MAX = 4


@dataclass(frozen=True, slots=True)
class SeenProperty:
    """A property by its name in filters, the kinds of its values, and the number of rows that have it.

    ``values`` are the most frequent ones as JSON, the most frequent first; long ones are left out. A list is
    of kind ``list``, and counts with its elements.
    """

    name: str
    kinds: tuple[str, ...]
    rows: int
    values: tuple[str, ...]


@dataclass(slots=True)
class _Found:
    rows: int = 0
    kinds: set[str] = field(default_factory=set)
    values: Counter[str] = field(default_factory=Counter)


class PropertySample:
    """Collects the properties of rows."""

    def __init__(self) -> None:
        self._found: dict[str, _Found] = {}

    def add(self, line: bytes) -> None:
        """Add a row, as JSON."""
        for name, value in _properties(json.loads(line)):
            if name not in self._found and len(self._found) == PROPERTIES_MAX:
                continue
            found = self._found.setdefault(name, _Found())
            found.rows += 1
            found.kinds.add(_kind(value))
            for each in value[:_ELEMENTS_MAX] if isinstance(value, list) else [value]:
                text = json.dumps(each)
                known = text in found.values or len(found.values) < _VALUES_MAX
                if known and len(text) <= _VALUE_CHARACTERS_MAX and not isinstance(each, list | dict | None):
                    found.values[text] += 1

    def seen(self) -> list[SeenProperty]:
        """Return the properties, the most frequent first."""
        ordered = sorted(self._found.items(), key=lambda each: (-each[1].rows, each[0]))
        return [
            SeenProperty(
                name,
                tuple(sorted(found.kinds)),
                found.rows,
                tuple(text for text, _ in found.values.most_common(VALUES_SHOWN_MAX)),
            )
            for name, found in ordered
        ]


def _properties(row: dict[str, object]) -> Iterator[tuple[str, object]]:
    """Yield the names and values of a row that a filter can compare."""
    for name, value in row.items():
        for keys, found in _leaves(value, ()):
            text = str(Property(name, keys))
            if len(text) <= PROPERTY_CHARACTERS_MAX:
                yield text, found


def _leaves(value: object, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, dict):
        if len(keys) < _DEPTH_MAX:
            for key, inner in value.items():
                if key:
                    yield from _leaves(inner, (*keys, key))
    elif value is not None:
        yield keys, value


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "list" if isinstance(value, list) else "string"
