from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.hour import Hour, count_between, hours_between, last_closed_hour

zones = st.integers(min_value=-23 * 60, max_value=23 * 60).map(lambda each: timezone(timedelta(minutes=each)))
# A year is kept clear of either end, so that neighbours exist.
moments = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001  hypothesis takes naive bounds and adds the zone
    max_value=datetime(9998, 12, 31),  # noqa: DTZ001  the same
    timezones=zones | st.just(UTC),
)
hours = moments.map(Hour.containing)
steps = st.integers(min_value=-8000, max_value=8000)


@given(moments)
def test_hours_tile_time(moment: datetime) -> None:
    """Every moment lies in exactly one hour, and the next one begins where it ends."""
    hour = Hour.containing(moment)

    assert hour.start <= moment < hour.end
    assert hour.plus(1).start == hour.end
    assert hour.plus(-1).end == hour.start


@given(hours, hours)
def test_keys_sort_as_time_does(one: Hour, other: Hour) -> None:
    """So the ledger can be read in the order of its rows."""
    assert (one.key < other.key) == (one.start < other.start) == (one < other)
    assert (one.key == other.key) == (one == other)


@given(hours)
def test_a_key_is_read_back(hour: Hour) -> None:
    """The hour itself, and one that equals it."""
    assert Hour.parse(hour.key) == hour


@given(hours, steps, steps)
def test_steps_add_up(hour: Hour, some: int, more: int) -> None:
    """There and back again, over days, months and years."""
    assert hour.plus(some).plus(more) == hour.plus(some + more)


@given(hours, st.integers(min_value=-50, max_value=200))
def test_a_range_is_its_hours_in_order(first: Hour, length: int) -> None:
    """As many as are counted, each the one after the other, from end to end."""
    last = first.plus(length - 1)
    found = list(hours_between(first, last))

    assert found == [first.plus(hours) for hours in range(length)]
    assert count_between(first, last) == len(found)


@given(moments, st.integers(min_value=0, max_value=1440))
def test_the_last_closed_hour_is_closed_and_the_next_is_not(now: datetime, minutes: int) -> None:
    """Closed means: it ended at least the settling time ago."""
    settle = timedelta(minutes=minutes)
    closed = last_closed_hour(now, settle)

    assert closed.end + settle <= now < closed.plus(1).end + settle
