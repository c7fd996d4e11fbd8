"""Compiles a filter to a predicate on events, with a budget of processor time.

Cost in microseconds an event, measured on events of 2 KB with 30 properties an object: 0.6 for a condition on
a field; 3 for the first condition inside an object, 1 to 2 for each further one on the same object; 2.5 for a
pattern; 3 more for a number of a field that is next to a filter value. Decoding and encoding an event takes
15.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import NamedTuple

from exporter.domain.errors import DestinationFault, Fault
from exporter.domain.filter_parser import INSTRUCTIONS_MAX
from exporter.domain.filter_values import Comparable, comparable
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
from exporter.domain.row_schema import EVENT_FIELDS, Kind
from exporter.domain.timestamps import to_canonical
from exporter.pipeline.events import Event
from exporter.pipeline.filters.lookup import LINE, Lookup, Memo, attribute, lookups, written
from exporter.pipeline.filters.patterns import characters_searched, pattern_cost, searching

type Predicate = Callable[[Sequence[Event], Sequence[bytes]], list[bool]]
"""Returns for each event whether it passes; the lines are those that the events were decoded from."""

type Clock = Callable[[], float]
"""Seconds of processor time since an arbitrary start."""

type _Test = Callable[[Event, Memo], bool]
type _Accepts = Callable[[object], bool]

_TIMES = frozenset(each.name for each in EVENT_FIELDS if each.kind is Kind.TIME)
_NUMBERS = (int, Decimal, float)
_ORDER = {
    Operator.LESS: lt,
    Operator.LESS_OR_EQUAL: le,
    Operator.GREATER: gt,
    Operator.GREATER_OR_EQUAL: ge,
}


# Budget of processor time: this long an event on average, plus a grace of a minute. For two million events
# that is 18 minutes, below the host's functionTimeout of 30 minutes, which kills the worker.
EVENT_SECONDS_MAX = 0.0005
GRACE_SECONDS = 60.0


def compile_filter(event_filter: EventFilter, clock: Clock = time.thread_time) -> Predicate:
    """Return the predicate of a filter; times of events must be in canonical form.

    Raises ``DestinationFault`` if a stored pattern is no longer accepted. The predicate raises it if it
    exceeds its budget.
    """
    characters = _characters(event_filter.root)
    test = _node(event_filter.root, _Context(lookups(_properties(event_filter.root)), characters))
    reads_lines = any(map(_reads_lines, _conditions(event_filter.root)))
    asked, spent = 0, 0.0

    def predicate(events: Sequence[Event], lines: Sequence[bytes]) -> list[bool]:
        nonlocal asked, spent
        began = clock()
        if reads_lines:
            kept = [test(event, {LINE: line}) for event, line in zip(events, lines, strict=True)]
        else:
            kept = [test(event, {}) for event in events]
        asked, spent = asked + len(events), spent + clock() - began
        if spent > GRACE_SECONDS + asked * EVENT_SECONDS_MAX:
            raise DestinationFault(_too_slow(asked, spent))
        return kept

    return predicate


def fields_read(event_filter: EventFilter) -> frozenset[str]:
    """Return the fields of events that the predicate of a filter reads."""
    return frozenset(each.field for each in _properties(event_filter.root))


def _too_slow(asked: int, seconds: float) -> Fault:
    return Fault(
        code="filter_too_slow",
        message=(
            f"The filter of this destination took {1000 * seconds / asked:.1f} ms for each of {asked} events;"
            f" it may take {1000 * EVENT_SECONDS_MAX:.1f} ms on average."
        ),
        fix=(
            "Make the filter of the destination simpler: patterns with fewer or smaller repetitions such as"
            " {100}, or contains, starts_with and is in place of matches."
        ),
    )


def _characters(root: Node) -> int:
    """Return how many characters of a property the filter's patterns may look at."""
    patterns = [
        str(value) for each in _conditions(root) if each.operator is Operator.MATCHES for value in each.values
    ]
    try:
        instructions = sum(map(pattern_cost, patterns))
    except ValueError as error:
        raise DestinationFault(_refused(f"a pattern that is none: it {error}")) from error
    if instructions > INSTRUCTIONS_MAX:
        why = f"patterns of {instructions} instructions together, and {INSTRUCTIONS_MAX} is the most"
        raise DestinationFault(_refused(why))
    return characters_searched(instructions)


def _refused(why: str) -> Fault:
    return Fault(
        code="filter_refused",
        message=f"The filter of this destination has {why}.",
        fix="Replace the destination with a filter whose patterns are shorter, or repeat less often.",
    )


def _properties(root: Node) -> Iterator[Property]:
    return (each.property for each in _conditions(root))


def _conditions(node: Node) -> Iterator[Condition]:
    match node:
        case Condition():
            yield node
        case Not():
            yield from _conditions(node.node)
        case All() | AnyOf():
            for each in node.nodes:
                yield from _conditions(each)


def _reads_lines(condition: Condition) -> bool:
    """Whether the test of a condition may read an event's line, for a number of one of its fields."""
    numbers = not condition.property.keys and condition.operator is not Operator.MATCHES
    return numbers and bool(_near(_values(condition)))


class _Context(NamedTuple):
    """What the conditions of a filter share: the ways into objects, and how far their patterns look."""

    inside: dict[Property, Lookup]
    characters: int


def _node(node: Node, context: _Context) -> _Test:
    match node:
        case Condition():
            return _condition(node, context)
        case Not():
            return _not(_node(node.node, context))
        case All():
            return _all([_node(each, context) for each in node.nodes])
        case AnyOf():
            return _any([_node(each, context) for each in node.nodes])


def _not(test: _Test) -> _Test:
    return lambda event, memo: not test(event, memo)


def _all(tests: list[_Test]) -> _Test:
    def test(event: Event, memo: Memo) -> bool:
        for each in tests:  # noqa: SIM110  twice as fast as all()
            if not each(event, memo):
                return False
        return True

    return test


def _any(tests: list[_Test]) -> _Test:
    def test(event: Event, memo: Memo) -> bool:
        for each in tests:  # noqa: SIM110  twice as fast as any()
            if each(event, memo):
                return True
        return False

    return test


def _condition(condition: Condition, context: _Context) -> _Test:
    """Return the test of a condition; an absent property has its own result, else any value may fit."""
    name, absent = condition.property.field, condition.operator in HOLD_FOR_ABSENT
    if condition.operator is Operator.MATCHES:
        return _matches(condition, context)
    values = _values(condition)
    accepts = _accepts(condition.operator, values)
    if condition.property.keys:
        look = context.inside[condition.property]

        def inner(event: Event, memo: Memo) -> bool:
            found = look(event, memo)
            return any(map(accepts, found)) if found else absent

        return inner
    read = attribute(name)
    if near := _near(values):
        exactly = written(name)

        def number(event: Event, memo: Memo) -> bool:
            value = read(event)
            if value in near and (found := exactly(memo)) is not None:
                return accepts(found)
            return absent if value is None else accepts(value)

        return number

    def outer(event: Event, _memo: Memo) -> bool:
        value = read(event)
        if isinstance(value, list):
            return any(map(accepts, value)) if value else absent
        return absent if value is None else accepts(value)

    return outer


def _values(condition: Condition) -> tuple[Comparable, ...]:
    """Return the values of a condition as they are compared."""
    return tuple(map(_canonical if condition.property.field in _TIMES else comparable, condition.values))


def _near(values: tuple[Comparable, ...]) -> frozenset[float]:
    """Return the doubles to which a number equal or next to one of the values may have been rounded.

    Number fields of an event are read as doubles. Rounding keeps the order of numbers, so any other double
    compares as its exact number does. For these doubles the exact number is read from the line.
    """
    rounded = [
        float(each) for each in values if isinstance(each, int | Decimal) and not isinstance(each, bool)
    ]
    return frozenset(
        near
        for each in rounded
        for near in (math.nextafter(each, -math.inf), each, math.nextafter(each, math.inf))
    )


def _canonical(value: Value) -> str:
    return to_canonical(str(value))


def _matches(condition: Condition, context: _Context) -> _Test:
    """Return the test of patterns. It gets all texts of the property, to bound their total length."""
    search = searching(map(str, condition.values), context.characters)
    if condition.property.keys:
        look = context.inside[condition.property]
        return lambda event, memo: search(each for each in look(event, memo) if isinstance(each, str))
    read = attribute(condition.property.field)
    return lambda event, _memo: (
        (value := read(event)) is not None and search(value if isinstance(value, list) else (value,))
    )


def _accepts(operator: Operator, values: tuple[Comparable, ...]) -> _Accepts:
    """Return the test of a single value: text, number, boolean, or dict for an object."""
    if operator in _ORDER:
        return _ordered(operator, values[0])
    return _BUILDERS[operator](values)


def _texts(values: Iterable[Comparable]) -> list[str]:
    return [value for value in values if isinstance(value, str)]


def _none_of(accepts: _Accepts) -> _Accepts:
    return lambda value: not accepts(value)


def _equal(values: tuple[Comparable, ...]) -> _Accepts:
    """Return the test of equality. In Python 1 equals True; in JSON it does not."""
    flags = frozenset(value for value in values if isinstance(value, bool))
    others = frozenset(value for value in values if not isinstance(value, bool))

    def accepts(value: object) -> bool:
        if isinstance(value, bool):
            return value in flags
        return not isinstance(value, dict) and value in others

    return accepts


def _containing(values: tuple[Comparable, ...]) -> _Accepts:
    texts = _texts(values)
    return lambda value: isinstance(value, str) and any(text in value for text in texts)


def _starting(values: tuple[Comparable, ...]) -> _Accepts:
    beginnings = tuple(_texts(values))
    return lambda value: isinstance(value, str) and value.startswith(beginnings)


def _ordered(operator: Operator, bound: Comparable) -> _Accepts:
    """Return the test of order: numbers with numbers, texts with texts by code points."""
    compare = _ORDER[operator]
    if isinstance(bound, str):
        return lambda value: isinstance(value, str) and compare(value, bound)
    return lambda value: isinstance(value, _NUMBERS) and not isinstance(value, bool) and compare(value, bound)


_BUILDERS: dict[Operator, Callable[[tuple[Comparable, ...]], _Accepts]] = {
    Operator.IS: _equal,
    Operator.IS_NOT: lambda values: _none_of(_equal(values)),
    Operator.CONTAINS: _containing,
    Operator.NOT_CONTAINS: lambda values: _none_of(_containing(values)),
    Operator.STARTS_WITH: _starting,
    Operator.IS_SET: lambda _values: lambda _value: True,
    Operator.IS_NOT_SET: lambda _values: lambda _value: False,
}
