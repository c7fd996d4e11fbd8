"""Applying a filter: compiled once, asked of every event.

Measured on events of 2 KB with 30 properties to an object, in microseconds an event: 0.6 for a condition on a
field, 3 for the first one on a property inside an object, which is read then, 1 to 2 for each further one on
the same object, 2.5 for a pattern. To decode and encode the event takes 15.
"""

from collections.abc import Callable, Iterable, Iterator
from operator import ge, gt, le, lt

from exporter.domain.filters import (
    HOLD_FOR_ABSENT,
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
from exporter.domain.records import EVENT_FIELDS, Kind
from exporter.domain.times import to_canonical
from exporter.pipeline.events import Event
from exporter.pipeline.patterns import searching
from exporter.pipeline.properties import Look, Memo, attribute, looks

type Keep = Callable[[Event], bool]
type _Test = Callable[[Event, Memo], bool]
type _Accepts = Callable[[object], bool]

_TIMES = frozenset(each.name for each in EVENT_FIELDS if each.kind is Kind.TIME)
_ORDER = {
    Operator.LESS: lt,
    Operator.LESS_OR_EQUAL: le,
    Operator.GREATER: gt,
    Operator.GREATER_OR_EQUAL: ge,
}


def filtering(event_filter: EventFilter) -> Keep:
    """Return what tells whether an event passes; its times must be in canonical form."""
    test = _node(event_filter.root, looks(_properties(event_filter.root)))
    return lambda event: test(event, {})


def _properties(node: Node) -> Iterator[Property]:
    match node:
        case Condition():
            yield node.property
        case Not():
            yield from _properties(node.node)
        case All() | AnyOf():
            for each in node.nodes:
                yield from _properties(each)


def _node(node: Node, inside: dict[Property, Look]) -> _Test:
    match node:
        case Condition():
            return _condition(node, inside)
        case Not():
            return _not(_node(node.node, inside))
        case All():
            return _all([_node(each, inside) for each in node.nodes])
        case AnyOf():
            return _any([_node(each, inside) for each in node.nodes])


def _not(test: _Test) -> _Test:
    return lambda event, memo: not test(event, memo)


def _all(tests: list[_Test]) -> _Test:
    def test(event: Event, memo: Memo) -> bool:
        for each in tests:  # noqa: SIM110  a loop takes half the time of all()
            if not each(event, memo):
                return False
        return True

    return test


def _any(tests: list[_Test]) -> _Test:
    def test(event: Event, memo: Memo) -> bool:
        for each in tests:  # noqa: SIM110  a loop takes half the time of any()
            if each(event, memo):
                return True
        return False

    return test


def _condition(condition: Condition, inside: dict[Property, Look]) -> _Test:
    """Return the test of a condition: of one that is not set, else of any of its values."""
    name, absent = condition.property.field, condition.operator in HOLD_FOR_ABSENT
    values = tuple(map(_canonical, condition.values)) if name in _TIMES else condition.values
    if condition.operator is Operator.MATCHES:
        return _matches(condition, inside)
    accepts = _accepts(condition.operator, values)
    if condition.property.keys:
        look = inside[condition.property]

        def inner(event: Event, memo: Memo) -> bool:
            found = look(event, memo)
            return any(map(accepts, found)) if found else absent

        return inner
    read = attribute(name)

    def outer(event: Event, _memo: Memo) -> bool:
        value = read(event)
        if isinstance(value, list):
            return any(map(accepts, value)) if value else absent
        return absent if value is None else accepts(value)

    return outer


def _canonical(value: Value) -> str:
    return to_canonical(str(value))


def _matches(condition: Condition, inside: dict[Property, Look]) -> _Test:
    """Return the test of patterns: it sees all texts of the property, to bound their length together."""
    search = searching(map(str, condition.values))
    if condition.property.keys:
        look = inside[condition.property]
        return lambda event, memo: search(each for each in look(event, memo) if isinstance(each, str))
    read = attribute(condition.property.field)
    return lambda event, _memo: (
        (value := read(event)) is not None and search(value if isinstance(value, list) else (value,))
    )


def _accepts(operator: Operator, values: tuple[Value, ...]) -> _Accepts:
    """Return the test of a single value: a text, a number, a boolean, or a dict for an object."""
    if operator in _ORDER:
        return _ordered(operator, values[0])
    return _BUILDERS[operator](values)


def _texts(values: Iterable[Value]) -> list[str]:
    return [value for value in values if isinstance(value, str)]


def _none_of(accepts: _Accepts) -> _Accepts:
    return lambda value: not accepts(value)


def _equal(values: tuple[Value, ...]) -> _Accepts:
    """Return the test of equality. To Python, 1 and True are equal; to a reader of JSON they are not."""
    flags = frozenset(value for value in values if isinstance(value, bool))
    others = frozenset(value for value in values if not isinstance(value, bool))

    def accepts(value: object) -> bool:
        if isinstance(value, bool):
            return value in flags
        return isinstance(value, str | int | float) and value in others

    return accepts


def _containing(values: tuple[Value, ...]) -> _Accepts:
    texts = _texts(values)
    return lambda value: isinstance(value, str) and any(text in value for text in texts)


def _starting(values: tuple[Value, ...]) -> _Accepts:
    beginnings = tuple(_texts(values))
    return lambda value: isinstance(value, str) and value.startswith(beginnings)


def _ordered(operator: Operator, bound: Value) -> _Accepts:
    """Return the test of order: a number against numbers, a text against texts, code point by code point."""
    compare = _ORDER[operator]
    if isinstance(bound, str):
        return lambda value: isinstance(value, str) and compare(value, bound)
    return lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool) and compare(value, bound)
    )


_BUILDERS: dict[Operator, Callable[[tuple[Value, ...]], _Accepts]] = {
    Operator.IS: _equal,
    Operator.IS_NOT: lambda values: _none_of(_equal(values)),
    Operator.CONTAINS: _containing,
    Operator.NOT_CONTAINS: lambda values: _none_of(_containing(values)),
    Operator.STARTS_WITH: _starting,
    Operator.IS_SET: lambda _values: lambda _value: True,
    Operator.IS_NOT_SET: lambda _values: lambda _value: False,
}
