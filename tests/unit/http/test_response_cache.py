"""The cache of answers."""

from datetime import timedelta
from itertools import count

from exporter.http.response_cache import CACHED, ResponseCache
from tests.support.worlds import NOW

MOMENT = timedelta(milliseconds=1)


def test_an_answer_is_cached_for_a_minute_and_then_computed_again() -> None:
    """Frequent requests make few storage calls."""
    cache: ResponseCache[int] = ResponseCache()
    numbers = count()

    def ask(after: timedelta) -> int:
        return cache.get(lambda: next(numbers), NOW + after)

    moments = (timedelta(), MOMENT, CACHED - MOMENT, CACHED, CACHED + MOMENT)
    assert [ask(after) for after in moments] == [0, 0, 0, 1, 1]


def test_an_answer_from_before_the_clock_was_set_back_is_not_used() -> None:
    """Otherwise it would be valid until the clock reaches that time again."""
    cache: ResponseCache[int] = ResponseCache()
    numbers = count()

    assert [cache.get(lambda: next(numbers), NOW - each) for each in (timedelta(), CACHED)] == [0, 1]


def test_a_failed_computation_is_not_cached() -> None:
    """The next request computes again."""
    cache: ResponseCache[int] = ResponseCache()

    for _ in range(2):
        try:
            cache.get(lambda: 1 // 0, NOW)
        except ZeroDivisionError:
            continue
        raise AssertionError("an answer was made up")
