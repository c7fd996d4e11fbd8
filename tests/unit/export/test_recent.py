"""Values that hours share for some seconds."""

import threading
import time
from datetime import timedelta

from exporter.export.recent import DAY_RECENT, RECENT, VALUES_MAX, Recent
from tests.support.worlds import NOW

KEY = ("destination", "acme")
A_MOMENT = timedelta(milliseconds=1)


def test_a_value_is_read_once_in_so_many_seconds() -> None:
    """By the time at which reading it began, and not by the latest use."""
    recent, numbers = Recent(), iter(range(10))

    found = [
        recent.read(KEY, NOW + after, lambda: next(numbers))
        for after in (timedelta(), RECENT / 2, RECENT - A_MOMENT, RECENT, RECENT + A_MOMENT)
    ]

    assert found == [0, 0, 0, 1, 1]


def test_a_value_is_read_anew_if_that_is_asked_for() -> None:
    """It is shared from then on, too. One that is forgotten is read the next time."""
    recent, numbers = Recent(), iter(range(10))

    assert recent.read(KEY, NOW, lambda: next(numbers)) == 0
    assert recent.read(KEY, NOW, lambda: next(numbers), anew=True) == 1
    assert recent.read(KEY, NOW, lambda: next(numbers)) == 1
    recent.forget(*KEY)
    assert recent.read(KEY, NOW, lambda: next(numbers)) == 2


def test_a_clock_that_is_set_back_makes_no_value_last() -> None:
    """A time in the future is as old as one long ago."""
    recent, numbers = Recent(), iter(range(10))

    assert recent.read(KEY, NOW, lambda: next(numbers)) == 0
    assert recent.read(KEY, NOW - A_MOMENT, lambda: next(numbers)) == 1


def test_threads_that_want_one_value_at_once_read_it_once() -> None:
    """The others wait for the one that reads."""
    recent, reads, found = Recent(), [0], list[int]()

    def read() -> int:
        reads[0] += 1
        time.sleep(0.05)
        return reads[0]

    threads = [threading.Thread(target=lambda: found.append(recent.read(KEY, NOW, read))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [1] * 12


def test_a_value_may_last_longer() -> None:
    """If whoever reads it says so."""
    recent, numbers = Recent(), iter(range(10))

    found = [
        recent.read(KEY, NOW + after, lambda: next(numbers), lasts=2 * RECENT)
        for after in (timedelta(), 2 * RECENT - A_MOMENT, 2 * RECENT)
    ]

    assert found == [0, 0, 1]


def test_values_that_are_not_used_any_more_take_no_memory() -> None:
    """Those that are too old are dropped once there are many."""
    recent = Recent()

    for number in range(3 * VALUES_MAX):
        recent.read(("hour", number), NOW + number * DAY_RECENT, lambda: 0)

    assert len(recent) <= VALUES_MAX
