"""Filters: which events a destination asks for.

A filter is a tree: ``all``, ``any`` and ``not`` over conditions, each of which holds one property against
values. What the words mean, for every kind of value, is in docs/filters.md; ``filter_reading`` reads and
checks what a person wrote, and ``exporter.pipeline.filters.compile`` applies it.
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
"""Look inside a text."""

ORDERS = frozenset({Operator.LESS, Operator.LESS_OR_EQUAL, Operator.GREATER, Operator.GREATER_OR_EQUAL})
"""Compare with exactly one value."""

PRESENCE = frozenset({Operator.IS_SET, Operator.IS_NOT_SET})
"""Take no value at all."""

HOLD_FOR_ABSENT = frozenset({Operator.IS_NOT, Operator.NOT_CONTAINS, Operator.IS_NOT_SET})
"""Hold for a property that is not set, because that equals nothing and contains nothing."""


@dataclass(frozen=True, slots=True)
class Property:
    """One of the event's fields, or, with ``keys``, the way from it to something inside its object."""

    field: str
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        r"""``event_properties.cart.total``; in a key, a dot is written ``\.`` and a backslash ``\\``."""
        return ".".join([self.field, *(key.replace("\\", "\\\\").replace(".", "\\.") for key in self.keys)])


@dataclass(frozen=True, slots=True)
class Condition:
    """A property held against values; several of them mean any of them."""

    property: Property
    operator: Operator
    values: tuple[Value, ...] = ()

    def document(self) -> Json:
        """Return it as JSON."""
        head: Json = {"property": str(self.property), "operator": self.operator.value}
        return head if self.operator in PRESENCE else head | {"values": list(self.values)}


@dataclass(frozen=True, slots=True)
class All:
    """Holds if every one of them does."""

    nodes: tuple[Node, ...]

    def document(self) -> Json:
        """Return it as JSON."""
        return {"all": [node.document() for node in self.nodes]}


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Holds if at least one of them does."""

    nodes: tuple[Node, ...]

    def document(self) -> Json:
        """Return it as JSON."""
        return {"any": [node.document() for node in self.nodes]}


@dataclass(frozen=True, slots=True)
class Not:
    """Holds if it does not."""

    node: Node

    def document(self) -> Json:
        """Return it as JSON."""
        return {"not": self.node.document()}


@dataclass(frozen=True, slots=True)
class EventFilter:
    """A filter as it was checked; two are equal if their texts are."""

    # Not compared: to Python, the value true is equal to the value 1. The text tells them apart.
    root: Node = field(compare=False)
    text: str = field(init=False)

    def __post_init__(self) -> None:
        text = json.dumps(self.root.document(), ensure_ascii=False, separators=(",", ":"))
        object.__setattr__(self, "text", text)

    @property
    def document(self) -> Json:
        """The filter as JSON, in its one form: the order of keys, of numbers and of times is settled."""
        return self.root.document()

    @property
    def sha256(self) -> str:
        """The hash of ``text`` as UTF-8: it tells readers of a marker which filter the hour went through."""
        return hashlib.sha256(self.text.encode()).hexdigest()
