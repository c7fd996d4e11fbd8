"""Filters: which events a destination gets.

A filter is a tree: ``all``, ``any`` and ``not`` over conditions, each of which compares one property with
values. docs/filters.md defines every operator for every kind of value. ``filter_parser`` parses and checks a
request's filter, and ``exporter.pipeline.filters.compile`` applies it.
"""

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum

type Value = str | int | float | bool
type Node = Condition | All | AnyOf | Not
type Json = dict[str, object]


class Operator(StrEnum):
    """How a condition compares."""

    IS = "is"
    IS_NOT = "is_not"
    CONTAINS = "contains"
    NOT_CONTAINS = "not_contains"
    STARTS_WITH = "starts_with"
    MATCHES = "matches"
    LESS = "less"
    LESS_OR_EQUAL = "less_or_equal"
    GREATER = "greater"
    GREATER_OR_EQUAL = "greater_or_equal"
    IS_SET = "is_set"
    IS_NOT_SET = "is_not_set"


SEARCHES = frozenset({Operator.CONTAINS, Operator.NOT_CONTAINS, Operator.STARTS_WITH, Operator.MATCHES})
"""Search inside a text."""

ORDERS = frozenset({Operator.LESS, Operator.LESS_OR_EQUAL, Operator.GREATER, Operator.GREATER_OR_EQUAL})
"""Compare with exactly one value."""

PRESENCE = frozenset({Operator.IS_SET, Operator.IS_NOT_SET})
"""Take no value."""

HOLD_FOR_ABSENT = frozenset({Operator.IS_NOT, Operator.NOT_CONTAINS, Operator.IS_NOT_SET})
"""Hold for a property that is not set, because it equals no value and contains no text."""


@dataclass(frozen=True, slots=True)
class Property:
    """A field of the event or, with ``keys``, a value inside the object in that field."""

    field: str
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        r"""``event_properties.cart.total``; in a key, a dot is written ``\.`` and a backslash ``\\``."""
        return ".".join([self.field, *(key.replace("\\", "\\\\").replace(".", "\\.") for key in self.keys)])


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of a property with values; with several values, one match is enough."""

    property: Property
    operator: Operator
    values: tuple[Value, ...] = ()

    def document(self) -> Json:
        """Return it as JSON."""
        head: Json = {"property": str(self.property), "operator": self.operator.value}
        return head if self.operator in PRESENCE else head | {"values": list(self.values)}


@dataclass(frozen=True, slots=True)
class All:
    """Holds if all nodes hold."""

    nodes: tuple[Node, ...]

    def document(self) -> Json:
        """Return it as JSON."""
        return {"all": [node.document() for node in self.nodes]}


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds if at least one node holds."""

    nodes: tuple[Node, ...]

    def document(self) -> Json:
        """Return it as JSON."""
        return {"any": [node.document() for node in self.nodes]}


@dataclass(frozen=True, slots=True)
class Not:
    """Holds if its node does not."""

    node: Node

    def document(self) -> Json:
        """Return it as JSON."""
        return {"not": self.node.document()}


@dataclass(frozen=True, slots=True)
class EventFilter:
    """A checked filter; filters are equal if their texts are."""

    # Not compared: in Python, true equals 1. The texts differ.
    root: Node = field(compare=False)
    text: str = field(init=False)

    def __post_init__(self) -> None:
        text = json.dumps(self.root.document(), ensure_ascii=False, separators=(",", ":"))
        object.__setattr__(self, "text", text)

    @property
    def document(self) -> Json:
        """The filter as canonical JSON: with a fixed order of keys and one form of numbers and times."""
        return self.root.document()

    @property
    def sha256(self) -> str:
        """The SHA-256 of ``text`` as UTF-8: a marker names the filter of its hour by it."""
        return hashlib.sha256(self.text.encode()).hexdigest()
