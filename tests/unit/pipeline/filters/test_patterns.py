"""Patterns: with any pattern the export goes on."""

import json
import time

import pytest

from exporter.domain.errors import DestinationFault, Invalid
from exporter.domain.filter_parser import INSTRUCTIONS_MAX, read_filter, stored_filter
from exporter.pipeline.filters.compile import EVENT_SECONDS_MAX, GRACE_SECONDS, compile_filter
from exporter.pipeline.filters.patterns import (
    MATCHED_CHARACTERS_MAX,
    STEPS_MAX,
    characters_searched,
    pattern_cost,
    searching,
)
from tests.support.builders import event_line
from tests.support.filters import condition, decoded, passes, read

# Each of these takes backtracking engines more than a lifetime.
CATASTROPHES = [
    (r"(x+x+)+y", "x"),
    (r"(a|aa)+$", "a"),
    (r"(.*a){12}b", "a"),
    (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a"),
    (r"(?:[a-z]{0,10}){0,20}!", "a"),
    (r"(a*)*b", "a"),
    (r"[ab]*a[ab]{900}c", "ab"),
    (r"(?:a?){300}a{300}c", "a"),
]


@pytest.mark.parametrize(("pattern", "character"), CATASTROPHES)
def test_a_catastrophic_pattern_is_over_at_once(pattern: str, character: str) -> None:
    """Even on the longest text that is looked at."""
    document = condition("event_properties.x", "matches", pattern)
    began = time.perf_counter()

    assert not passes(document, event_properties={"x": character * (MATCHED_CHARACTERS_MAX - 1) + "?"})

    assert time.perf_counter() - began < 0.5


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


def test_a_refused_pattern_says_what_is_wrong_why_and_what_to_do() -> None:
    """For the one who wrote it."""
    with pytest.raises(Invalid) as refused:
        read(condition("event_type", "matches", "[ab]*a[ab]{900}[ab]{500}c"))

    (problem,) = refused.value.problems
    assert "1407 or more instructions in total, and 1280 are allowed" in problem.message
    assert "because each takes time for every character of each event" in problem.message
    assert "shorten the patterns, or lower their repetition counts" in problem.message


def test_no_more_patterns_are_compiled_than_it_takes_to_refuse_them() -> None:
    """Compiling takes time, too, and a request may bring thousands."""
    compiled: list[str] = []

    def cost(pattern: str) -> int:
        compiled.append(pattern)
        return INSTRUCTIONS_MAX // 2

    many = [condition("event_type", "matches", *(f"{number}" for number in range(100)))] * 50
    with pytest.raises(Invalid):
        read_filter({"any": many}, cost)

    assert len(compiled) == 3


@pytest.mark.parametrize("instructions", [0, 1, 39, 40, 41, 640, 907, INSTRUCTIONS_MAX])
def test_an_event_costs_a_bounded_number_of_steps(instructions: int) -> None:
    """Instructions times characters: a hundredth of what 4,000 and 16,384 would be, for any filter."""
    characters = characters_searched(instructions)

    assert instructions * characters <= STEPS_MAX <= 4_000 * 16_384 / 100
    assert 512 <= characters <= MATCHED_CHARACTERS_MAX


def test_a_filter_with_large_patterns_looks_at_fewer_characters() -> None:
    """Counted for all patterns together, since all of them may be tried on an event."""
    one, small = "[ab]*a[ab]{600}c", condition("event_properties.x", "matches", "z")
    characters = characters_searched(pattern_cost(one) + pattern_cost("z"))
    both = {"any": [condition("event_type", "matches", one), small]}

    assert characters < 1_100
    assert passes(both, event_properties={"x": "y" * (characters - 1) + "z"})
    assert not passes(both, event_properties={"x": "y" * characters + "z"})
    assert passes(small, event_properties={"x": "y" * characters + "z"})


class Meter:
    """Processor time that passes by so much at each look."""

    def __init__(self, seconds: float) -> None:
        self.step, self.now = seconds, 0.0

    def __call__(self) -> float:
        """Return the time, which then has gone on."""
        self.now += self.step
        return self.now


def test_a_filter_that_takes_too_long_fails_the_hour_with_its_own_code() -> None:
    """The message says how long it took and what it may take, the fix what to do."""
    events, lines = [decoded(event_line())] * 40, [event_line()] * 40
    of_usual_cost = compile_filter(read(condition("event_type", "is_set")), Meter(40 * EVENT_SECONDS_MAX))
    too_slow = compile_filter(read(condition("event_type", "is_set")), Meter(80 * EVENT_SECONDS_MAX))

    for _ in range(5_000):
        assert of_usual_cost(events, lines) == [True] * 40
    with pytest.raises(DestinationFault) as refused:  # noqa: PT012  which of the calls it is does not matter
        for _ in range(5_000):
            too_slow(events, lines)

    fault = refused.value.fault
    assert fault.code == "filter_too_slow"
    assert "took 1.0 ms for each of 1200" in fault.message
    assert "0.5 ms on average" in fault.message
    assert "contains" in fault.fix


def test_a_slow_beginning_is_forgiven() -> None:
    """A few large events say nothing about the hour."""
    keep = compile_filter(read(condition("event_type", "is_set")), Meter(GRACE_SECONDS - 1))

    assert keep([decoded(event_line())], [event_line()]) == [True]


@pytest.mark.parametrize("pattern", ["[a-f]{1000}[a-f]{1000}", "("])
def test_a_pattern_that_was_stored_before_it_was_refused_fails_when_it_is_used_and_not_before(
    pattern: str,
) -> None:
    """Its destination can be read, shown and replaced."""
    text = json.dumps(condition("event_type", "matches", pattern))
    stored = stored_filter(text)

    assert stored.document == json.loads(text)
    with pytest.raises(DestinationFault) as refused:
        compile_filter(stored)
    assert refused.value.fault.code == "filter_refused"
    assert "Replace the destination" in refused.value.fault.fix


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
