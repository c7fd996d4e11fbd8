"""Patterns: whatever somebody writes, the export goes on."""

import time

import pytest

from exporter.domain.errors import Invalid
from exporter.domain.filter_reading import INSTRUCTIONS_MAX
from exporter.pipeline.patterns import MATCHED_CHARACTERS_MAX, pattern_cost, searching
from tests.filters import condition, passes, read

# Each of these takes the usual engines longer than anybody lives.
CATASTROPHES = [
    (r"(x+x+)+y", "x"),
    (r"(a|aa)+$", "a"),
    (r"(.*a){12}b", "a"),
    (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a"),
    (r"(?:[a-z]{0,10}){0,20}!", "a"),
    (r"(a*)*b", "a"),
]


@pytest.mark.parametrize(("pattern", "character"), CATASTROPHES)
def test_a_catastrophic_pattern_is_over_at_once(pattern: str, character: str) -> None:
    """Even on the longest text that is looked at."""
    document = condition("event_properties.x", "matches", pattern)
    began = time.perf_counter()

    assert not passes(document, event_properties={"x": character * (MATCHED_CHARACTERS_MAX - 1) + "?"})

    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "missing"),
        ("a)|(b", "unexpected"),
        (r"\Qa", "missing"),
        (r"(?<=a)b", "invalid perl operator"),
        (r"(a)\1", "invalid escape"),
        (r"a{1001}", "invalid repetition"),
        (r"(?:(?:a{100}){100}){100}", "repetition"),
        (r"\pL{1000}", "too large"),
    ],
)
def test_a_pattern_that_is_none_is_refused_with_the_reason(
    pattern: str, why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """As RE2 tells it, where the pattern stood; the log, which it would write to by itself, hears nothing."""
    with pytest.raises(Invalid) as refused:
        read(condition("event_type", "matches", "fine", pattern))

    (problem,) = refused.value.problems
    assert problem.field == "events.filter.values.1"
    assert why in problem.message
    assert capfd.readouterr() == ("", "")


def test_patterns_that_are_too_much_together_are_refused() -> None:
    """Each of them is fine; the sum bounds the time that an event may take."""
    one = "[a-f]{500}"
    count = INSTRUCTIONS_MAX // pattern_cost(one)

    read({"any": [condition("event_type", "matches", one)] * count})
    with pytest.raises(Invalid) as refused:
        read({"any": [condition("event_type", "matches", one)] * (count + 1)})
    assert [problem.field for problem in refused.value.problems] == ["events.filter"]


def test_only_the_beginning_of_a_long_text_is_searched() -> None:
    """And of all texts of an array together."""
    search = searching(["z"], 20)

    assert search(["a" * 19 + "z"])
    assert not search(["a" * 20 + "z"])
    assert search(["aaa", "z"])
    assert not search(["a" * 20, "z"])


def test_the_patterns_of_a_condition_do_not_mix() -> None:
    """Alternatives and flags of one end with it."""
    assert not passes(condition("event_type", "matches", "^(?i)A", "B|C$"), event_type="xb")
    assert passes(condition("event_type", "matches", "^(?i)A", "B|C$"), event_type="ax")
    assert passes(condition("event_type", "matches", "^x|^y", "z"), event_type="y")
