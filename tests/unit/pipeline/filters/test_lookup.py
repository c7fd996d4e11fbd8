"""Finding a property's values in an event: no more is read than that, and nothing in it can stop an hour."""

import time
from decimal import Decimal

import pytest
from msgspec import Raw

from exporter.domain.filters import Property
from exporter.pipeline.events import Event
from exporter.pipeline.filters.compile import compile_filter
from exporter.pipeline.filters.lookup import LINE, Memo, Values, lookups, written
from exporter.pipeline.sanitize import NESTING_MAX
from tests.support.builders import event_line
from tests.support.filters import condition, decoded, keeps, read


def an_event(properties: str) -> Event:
    """Return an event whose properties are written so."""
    return decoded(event_line()[:-1] + b',"event_properties":' + properties.encode() + b"}")


def values(properties: str, *keys: str) -> Values:
    """Return what stands under keys of an event's properties."""
    wanted = Property("event_properties", keys)
    return lookups([wanted])[wanted](an_event(properties), {})


@pytest.mark.parametrize(
    ("properties", "keys", "expected"),
    [
        ("{}", ("a",), ()),
        ('{"a": null}', ("a",), ()),
        ('{"a": 1}', ("a",), (1,)),
        ('{"a": {"b": "x"}}', ("a",), ({},)),
        ('{"a": {"b": "x"}}', ("a", "b"), ("x",)),
        ('{"a": "x"}', ("a", "b"), ()),
        ('{"a": [1, [2, [null, "x"]], {"b": 3}]}', ("a",), (1, 2, "x", {"b": 3})),
        ('{"a": [{"b": 1}, 2, [{"b": [3, 4]}], {"c": 5}, {"b": null}]}', ("a", "b"), (1, 3, 4)),
        ('{"a.b": 1, "a": {"b": 2}}', ("a.b",), (1,)),
        ('{"\\u0061": 1}', ("a",), (1,)),
        ('{"": {"": 1}}', ("", ""), (1,)),
        ('{"q\\"": {"\\\\": 1}, "a": 2}', ('q"', "\\"), (1,)),
        ('{"\\n": 1}', ("\n",), (1,)),
        ('{"日本": {"🎈": 1}}', ("日本", "🎈"), (1,)),
        ('{"k0": 1, "a": 2}', ("a",), (2,)),
    ],
)
def test_the_values_of_a_property_are_those_at_the_end_of_its_way(
    properties: str, keys: tuple[str, ...], expected: Values
) -> None:
    """Through objects and arrays, whatever the keys are."""
    assert values(properties, *keys) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("1e400", Decimal("1e400")),
        ("-1e400", Decimal("-1e400")),
        ("9" * 5000, Decimal("9" * 5000)),
        ("-" + "9" * 5000, Decimal("-" + "9" * 5000)),
        ("9" * 400, int("9" * 400)),
        ("1e-400", Decimal("1e-400")),
        ("[1, 1e400]", (1, Decimal("1e400"))),
        ("-1e99999999999999999999", Decimal("-1e100000000000000000")),
        ("2E-99999999999999999999", Decimal("1e-100000000000000000")),
        ("-0.00e99999999999999999999", Decimal(0)),
    ],
)
def test_a_number_that_no_reader_could_hold_is_no_reason_to_stop(number: str, expected: object) -> None:
    """It is valid JSON, and compares as what it says."""
    found = values(f'{{"a": {number}}}', "a")

    assert found == (expected if isinstance(expected, tuple) else (expected,))


def test_what_no_condition_asks_for_is_skipped() -> None:
    """Even where it could not be read."""
    assert values('{"x": 1e400, "a": 1, "y": [1e999]}', "a") == (1,)


def test_an_object_is_read_once_for_all_conditions_and_only_if_one_is_asked() -> None:
    """For each event anew."""
    wanted = [Property("event_properties", (key,)) for key in "ab"]
    by_property = lookups(wanted)
    memo: Memo = {}
    event = an_event('{"a": 1, "b": 2}')

    assert by_property[wanted[0]](event, memo) == (1,)
    event.event_properties = Raw(b"no longer JSON")
    assert by_property[wanted[1]](event, memo) == (2,)

    unread = {"any": [condition("event_type", "is_set"), condition("event_properties.a", "is", 1)]}
    assert compile_filter(read(unread))([event], [event_line()]) == [True]


def test_a_row_as_deep_or_as_long_as_rows_may_be_is_asked_in_time() -> None:
    """Arrays in arrays, and very many of them."""
    deep = NESTING_MAX - 2
    nested = "[" * deep + "1" + "]" * deep
    began = time.perf_counter()

    assert values(f'{{"a": {nested}}}', "a") == (1,)
    assert values(f'{{"a": {nested}}}', "a", "b") == ()
    assert len(values(f'{{"a": [{"1," * 500_000}1]}}', "a")) == 500_001
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("number", ["7" * 10_000_000, "0." + "7" * 10_000_000, "1e999999999999999999"])
@pytest.mark.parametrize("operator", ["is", "greater"])
def test_a_number_as_long_as_a_row_is_compared_in_time(number: str, operator: str) -> None:
    """Its time grows with its length, and no faster; neither does that of a huge exponent."""
    line = event_line()[:-1] + b',"event_properties":{"a":[1,' + number.encode() + b"]}}"
    began = time.perf_counter()

    assert keeps(condition("event_properties.a", operator, 0.5), line) is (operator == "greater")
    assert time.perf_counter() - began < 10


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"session_id": 5}', Decimal(5)),
        ('{"session_id": 1, "session\\u005fid": 5.50}', Decimal("5.5")),
        ('{"session_id": " -007e2 "}', Decimal(-700)),
        ('{"session_id": 1e-400}', Decimal("1e-400")),
        ('{"city": "\\ud83d", "session_id": 5}', Decimal(5)),
        ('{"session_id": "NaN"}', None),
        ('{"session_id": "1_000"}', None),
        ('{"session_id": true}', None),
        ('{"session_id": null}', None),
        ('{"session_id": [5]}', None),
        ("{}", None),
    ],
)
def test_the_number_of_a_field_is_read_from_the_line(line: str, expected: Decimal | None) -> None:
    """As a number or as text, of the last of several keys; None if it is none."""
    assert written("session_id")({LINE: line.encode()}) == expected
