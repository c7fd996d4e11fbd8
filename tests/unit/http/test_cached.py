"""Answers that are kept for a while."""

from datetime import timedelta
from itertools import count

from exporter.http.cached import KEPT, Kept
from tests.support.worlds import NOW

MOMENT = timedelta(milliseconds=1)


def test_an_answer_is_kept_for_a_minute_and_then_looked_for_anew() -> None:
    """Whoever asks often, asks storage seldom."""
    kept: Kept[int] = Kept()
    numbers = count()

    def ask(after: timedelta) -> int:
        return kept.get(lambda: next(numbers), NOW + after)

    moments = (timedelta(), MOMENT, KEPT - MOMENT, KEPT, KEPT + MOMENT)
    assert [ask(after) for after in moments] == [0, 0, 0, 1, 1]


def test_an_answer_from_before_the_clock_was_put_back_is_not_kept_for_longer() -> None:
    """It would be, until the clock comes to that time again."""
    kept: Kept[int] = Kept()
    numbers = count()

    assert [kept.get(lambda: next(numbers), NOW - each) for each in (timedelta(), KEPT)] == [0, 1]


def test_a_look_that_fails_is_not_kept() -> None:
    """The next one who asks looks again."""
    kept: Kept[int] = Kept()

    for _ in range(2):
        try:
            kept.get(lambda: 1 // 0, NOW)
        except ZeroDivisionError:
            continue
        raise AssertionError("an answer was made up")
