from datetime import UTC, datetime, timedelta, timezone

import pytest

from exporter.domain.hour import Hour, count_between, hours_between, last_closed_hour
from tests.support.builders import hour, utc

MICROSECOND = timedelta(microseconds=1)
TEN_MINUTES = timedelta(minutes=10)


@pytest.mark.parametrize("key", ["2020-01-25T17", "2020-02-29T00", "0001-01-01T00", "9999-12-31T23"])
def test_an_hour_is_written_as_it_is_read(key: str) -> None:
    """From the first year to the last, with all their zeros."""
    assert hour(key).key == key
    assert str(hour(key)) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2020-01-25",
        "2020-01-25 17",
        "2020-01-25t17",
        "2020-01-25T7",
        "2020-01-25T17:00",
        "2020-01-25T17Z",
        " 2020-01-25T17",
        "2020-01-25T17\n",
        "2020-01-25T24",
        "2020-01-25T-1",
        "2019-02-29T00",
        "2020-13-01T00",
        "2020-00-01T00",
        "0000-01-01T00",
        "10000-01-01T00",
        "2020-W04-6T17",
        "20200125T17",
        "٢٠٢٠-01-25T17",
    ],
)
def test_anything_else_is_no_hour(text: str) -> None:
    """Other spellings, hours and days that do not exist, digits of other scripts."""
    with pytest.raises(ValueError, match=r"hour|day|month|year"):
        Hour.parse(text)


@pytest.mark.parametrize(
    "start",
    [
        datetime(2020, 1, 25, 17),  # noqa: DTZ001  that it is naive is the point
        datetime(2020, 1, 25, 17, tzinfo=timezone(timedelta(hours=1))),
        utc("2020-01-25 17:00:00.000001"),
        utc("2020-01-25 17:00:01"),
        utc("2020-01-25 17:01:00"),
    ],
)
def test_only_the_very_start_of_a_utc_hour_makes_an_hour(start: datetime) -> None:
    """An hour of another zone, or one that is off by a microsecond, would break the grid."""
    with pytest.raises(ValueError, match="not the start of a UTC hour"):
        Hour(start)


def test_an_hour_is_half_open() -> None:
    """Its first microsecond belongs to it, and the one after its last belongs to the next."""
    noon = hour("2020-01-25T12")

    assert Hour.containing(noon.start) == noon
    assert Hour.containing(noon.end - MICROSECOND) == noon
    assert Hour.containing(noon.end) == noon.plus(1)
    assert Hour.containing(noon.start - MICROSECOND) == noon.plus(-1)


def test_the_hour_of_a_moment_elsewhere_is_the_utc_hour() -> None:
    """India is half an hour off the grid, and a day ahead in the evening."""
    india = timezone(timedelta(hours=5, minutes=30))

    assert Hour.containing(datetime(2020, 1, 26, 5, 15, tzinfo=india)) == hour("2020-01-25T23")


def test_hours_between_takes_both_ends() -> None:
    """A range of one hour holds that hour, and a range that ends before it begins holds none."""
    first, last = hour("2019-12-31T22"), hour("2020-01-01T01")

    assert [each.key for each in hours_between(first, last)] == [
        "2019-12-31T22",
        "2019-12-31T23",
        "2020-01-01T00",
        "2020-01-01T01",
    ]
    assert list(hours_between(first, first)) == [first]
    assert list(hours_between(last, first)) == []
    assert (count_between(first, last), count_between(first, first), count_between(last, first)) == (4, 1, 0)


def test_a_range_may_end_with_the_last_hour_there_is() -> None:
    """A caller may name any end; to look for an hour after it would raise."""
    last = hour("9999-12-31T23")

    assert list(hours_between(last.plus(-1), last)) == [last.plus(-1), last]


def test_the_first_hour_of_the_day_is_midnight_utc() -> None:
    """Also of midnight itself."""
    assert hour("2020-01-25T17").first_of_day() == hour("2020-01-25T00")
    assert hour("2020-01-25T00").first_of_day() == hour("2020-01-25T00")


@pytest.mark.parametrize(
    ("now", "closed"),
    [
        ("2020-01-25 18:09:59.999999", "2020-01-25T16"),
        ("2020-01-25 18:10:00.000000", "2020-01-25T17"),
        ("2020-01-25 18:10:00.000001", "2020-01-25T17"),
        ("2020-01-25 19:09:59.999999", "2020-01-25T17"),
        ("2020-01-01 00:05:00", "2019-12-31T22"),
    ],
)
def test_an_hour_closes_when_it_has_settled_to_the_microsecond(now: str, closed: str) -> None:
    """Hour 17 ends at 18:00 and is closed ten minutes later, not a microsecond earlier."""
    assert last_closed_hour(utc(now), TEN_MINUTES) == hour(closed)


def test_without_settling_an_hour_closes_as_it_ends() -> None:
    """``SETTLE_MINUTES`` may be 0."""
    end = hour("2020-01-25T17").end

    assert last_closed_hour(end, timedelta()) == hour("2020-01-25T17")
    assert last_closed_hour(end - MICROSECOND, timedelta()) == hour("2020-01-25T16")


def test_a_whole_day_of_settling_holds_hours_back_for_a_day() -> None:
    """1,440 minutes is the most that can be set."""
    day = timedelta(minutes=1440)

    assert last_closed_hour(utc("2020-01-26 18:00"), day) == hour("2020-01-25T17")


def test_the_clock_may_tick_in_any_zone() -> None:
    """What counts is the moment."""
    now = datetime(2020, 1, 25, 13, 10, tzinfo=timezone(timedelta(hours=-5)))

    assert last_closed_hour(now, TEN_MINUTES) == last_closed_hour(now.astimezone(UTC), TEN_MINUTES)
    assert last_closed_hour(now, TEN_MINUTES) == hour("2020-01-25T17")
