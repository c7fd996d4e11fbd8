"""Reading a filter: everything that is wrong is told at once, each with its place."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.errors import Invalid
from exporter.domain.filter_parser import (
    CONDITIONS_MAX,
    DEPTH_MAX,
    FILTER_BYTES_MAX,
    PROBLEMS_MAX,
    SEARCHED_VALUES_MAX,
    VALUE_CHARACTERS_MAX,
    VALUES_MAX,
    stored_filter,
)
from exporter.domain.filters import All, Condition, Operator, Property
from tests.properties.values import json_values
from tests.support.filters import condition, read

PURCHASE = condition("event_type", "is", "purchase")


def problems(document: object) -> dict[str, str]:
    """Return what is wrong with a filter, by field."""
    with pytest.raises(Invalid) as refused:
        read(document)
    return {problem.field: problem.message for problem in refused.value.problems}


def nested(levels: int) -> dict[str, Any]:
    """Return a filter of so many levels."""
    return {"not": nested(levels - 1)} if levels > 1 else PURCHASE


def test_a_filter_becomes_a_tree_of_conditions() -> None:
    """With the way to what is inside objects taken apart."""
    asked = condition(r"event_properties.a\.b.c\\d", "less", 5)

    assert read({"all": [PURCHASE, asked]}).root == All(
        (
            Condition(Property("event_type"), Operator.IS, ("purchase",)),
            Condition(Property("event_properties", ("a.b", "c\\d")), Operator.LESS, (5,)),
        )
    )


def test_everything_that_is_wrong_is_told_at_once_with_its_place() -> None:
    """Wherever in the tree it is."""
    document = {
        "all": [
            {"property": "evnt_type", "operator": "is", "values": ["a"]},
            {"property": "event_type", "operator": "equals", "values": ["a"]},
            {"property": "paying", "operator": "contains", "values": ["a"]},
            {"any": [{"property": "country", "operator": "is"}, {"property": 7}, []]},
            {"not": {"property": "session_id", "operator": "less", "values": [1, 2]}},
            {"property": "event_time", "operator": "less", "values": ["soon"]},
            {"property": "event_properties.x", "operator": "matches", "values": ["a", "("]},
            {"property": "event_properties.x", "operator": "is_set", "values": [1], "case": False},
            {"any": [PURCHASE], "all": [PURCHASE], "values": [], "foo": 1},
            {"all": []},
            {},
        ]
    }

    assert set(problems(document)) == {
        "events.filter.all.0.property",
        "events.filter.all.1.operator",
        "events.filter.all.2.operator",
        "events.filter.all.3.any.0.values",
        "events.filter.all.3.any.1.property",
        "events.filter.all.3.any.1.operator",
        "events.filter.all.3.any.2",
        "events.filter.all.4.not.values",
        "events.filter.all.5.values.0",
        "events.filter.all.6.values.1",
        "events.filter.all.7.values",
        "events.filter.all.7.case",
        "events.filter.all.8.all",
        "events.filter.all.8.values",
        "events.filter.all.8.foo",
        "events.filter.all.9.all",
        "events.filter.all.10.property",
        "events.filter.all.10.operator",
    }


@pytest.mark.parametrize("document", [[], "event_type", 1, True, [PURCHASE], {"all": PURCHASE}, {"not": []}])
def test_what_is_no_tree_of_conditions_is_refused(document: object) -> None:
    """And nothing is guessed."""
    assert problems(document)


@pytest.mark.parametrize(
    "name",
    [
        "plan",
        "",
        "event_properties",
        "event_properties.",
        "event_properties..x",
        ".event_type",
        "event_type.x",
        r"event_properties.a\b",
        "event_properties.a\\",
        "Event_Type",
        "event_properties.\ud800",
        "event_properties." + "x" * 1024,
    ],
)
def test_a_property_that_no_event_can_have_is_refused(name: str) -> None:
    """Mistyped fields, objects without a key, keys of what is no object, wrong escapes."""
    assert set(problems(condition(name, "is_set"))) == {"events.filter.property"}


@pytest.mark.parametrize(
    ("name", "operator", "value"),
    [
        ("event_type", "is", 1),
        ("event_type", "less", 1),
        ("event_type", "is", None),
        ("event_type", "contains", ""),
        ("event_type", "contains", 1),
        ("event_type", "is", "x" * (VALUE_CHARACTERS_MAX + 1)),
        ("event_type", "is", "\udc00"),
        ("session_id", "is", "1"),
        ("session_id", "is", True),
        ("session_id", "less", 2**64),
        ("session_id", "less", -(2**63) - 1),
        ("session_id", "less", 2.0**63),
        ("session_id", "less", float("nan")),
        ("session_id", "less", float("inf")),
        ("session_id", "less", Decimal("1e400")),
        ("location_lat", "is", Decimal("52.52000800000000001")),
        ("event_properties.x", "is", Decimal("0.10000000000000000001")),
        ("event_properties.x", "less", Decimal("9007199254740993.5")),
        ("event_properties.x", "less", Decimal("18446744073709551616.0")),
        ("paying", "is", 1),
        ("paying", "is", "true"),
        ("event_time", "greater", 1580000000),
        ("event_time", "is", "2020-01-25"),
        ("event_properties.x", "is", None),
        ("event_properties.x", "is", []),
        ("event_properties.x", "is", {}),
        ("event_properties.x", "less", True),
        ("event_properties.x", "starts_with", 1),
        ("event_properties.x", "matches", ""),
    ],
)
def test_a_value_that_could_never_be_is_refused(name: str, operator: str, value: object) -> None:
    """The person who wrote it expects something else."""
    assert set(problems(condition(name, operator, value))) == {"events.filter.values.0"}


def test_a_number_with_too_many_digits_is_refused_with_what_would_become_of_it() -> None:
    """It is not rounded in silence; one that is an integer after all is taken as that."""
    with pytest.raises(Invalid) as refused:
        read(condition("event_properties.x", "is", Decimal("0.10000000000000000001")))
    found = read(condition("event_properties.x", "is", Decimal("9007199254740993.0")))

    (problem,) = refused.value.problems
    assert "would be rounded to 0.1: a number" in problem.message
    assert "at most 15 significant digits" in problem.message
    assert found == read(condition("event_properties.x", "is", 9007199254740993))


@pytest.mark.parametrize(
    ("name", "operator"),
    [
        ("session_id", "contains"),
        ("event_time", "starts_with"),
        ("event_time", "matches"),
        ("paying", "less"),
        ("sample_rate", "contains"),
        ("location_lat", "matches"),
    ],
)
def test_an_operator_that_says_nothing_about_a_field_is_refused(name: str, operator: str) -> None:
    """As the table in the document says."""
    assert set(problems(condition(name, operator, "1"))) == {"events.filter.operator"}


def test_a_filter_that_is_too_deep_too_long_or_too_large_is_refused() -> None:
    """Every limit has its place and its number."""
    many: list[object] = [PURCHASE] * CONDITIONS_MAX
    texts = [f"{number:01000d}" for number in range(VALUES_MAX)]

    read(nested(DEPTH_MAX))
    read({"any": many})
    assert str(DEPTH_MAX) in next(iter(problems(nested(DEPTH_MAX + 1)).values()))
    assert str(CONDITIONS_MAX) in problems({"any": [*many, PURCHASE]})["events.filter"]
    for operator, most in (("is", VALUES_MAX), ("contains", SEARCHED_VALUES_MAX), ("less", 1)):
        read(condition("event_type", operator, *["x"] * most))
        found = problems(condition("event_type", operator, *["x"] * (most + 1)))
        assert set(found) == {"events.filter.values"}
    assert str(FILTER_BYTES_MAX) in problems(condition("event_type", "is", *texts))["events.filter"]


def test_a_filter_in_which_everything_is_wrong_does_not_make_an_answer_of_megabytes() -> None:
    """The first problems are enough to begin with."""
    assert len(problems(condition("event_type", "is", *range(VALUES_MAX)))) == PROBLEMS_MAX
    assert len(problems({"all": [{"x": 1}] * 10_000})) <= PROBLEMS_MAX


def test_the_same_filter_has_the_same_hash_however_it_was_written() -> None:
    """Order of keys, white space, forms of numbers, of times and of UUIDs."""
    one = {
        "any": [
            {"operator": "is", "values": [5.0, 1e2], "property": "event_properties.x"},
            condition("event_time", "less", "2020-01-25 19:00:00+02:00"),
            condition("uuid", "is", "0000000A-0000-4000-8000-000000000001"),
            {"property": "city", "operator": "is_set", "values": []},
        ]
    }
    other = {
        "any": [
            condition("event_properties.x", "is", 5, 100),
            condition("event_time", "less", "2020-01-25T17:00:00.000000Z"),
            condition("uuid", "is", "0000000a-0000-4000-8000-000000000001"),
            condition("city", "is_set"),
        ]
    }

    assert read(one) == read(other)
    assert read(one).sha256 == read(other).sha256
    assert read(one).document == other


def test_the_hash_is_the_same_for_ever() -> None:
    """It stands in markers that customers keep."""
    found = read({"not": condition("event_properties.ü", "is", "ä", *[1, True])})

    assert found.text == ('{"not":{"property":"event_properties.ü","operator":"is","values":["ä",1,true]}}')
    assert found.sha256 == "f7faa1cc44769b5a260f481b581950c2914def3982193703df9d2e5de0a597c3"


def test_filters_that_ask_for_1_and_for_true_are_two() -> None:
    """Though to Python they are equal."""
    one, true = (read(condition("event_properties.x", "is", value)) for value in (1, True))

    assert one != true
    assert one.sha256 != true.sha256


def test_a_filter_comes_back_from_its_text() -> None:
    """That is how it is stored."""
    found = read({"all": [PURCHASE, condition(r"data.a\.b", "greater", 2**64 - 1)]})

    assert stored_filter(found.text) == found
    with pytest.raises(ValueError, match="not a filter"):
        stored_filter('{"all":[]}')


@given(
    st.recursive(
        json_values,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["all", "any", "not", "property", "operator", "values", "x"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=10,
    )
)
def test_whatever_is_sent_is_a_filter_or_a_list_of_problems(document: object) -> None:
    """And never anything else; each problem is at or below the filter's place."""
    try:
        found = read(document)
    except Invalid as refused:
        assert refused.problems  # noqa: PT017  either way is fine
        assert all(f"{each.field}.".startswith("events.filter.") for each in refused.problems)  # noqa: PT017  the same
    else:
        assert read(json.loads(found.text)) == found
