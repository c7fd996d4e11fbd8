import pytest

from exporter.domain.timestamps import to_canonical, to_iso8601

SECOND = "2020-01-25 17:04:05"


@pytest.mark.parametrize("separator", ["T", "t", " "])
@pytest.mark.parametrize("zone", ["", "Z", "z", " Z", "+00:00", "+0000", "+00", "-00:00", " +00:00", " +00"])
def test_a_time_may_be_written_in_many_ways(separator: str, zone: str) -> None:
    """With ``T`` or a space, with ``Z``, an offset of zero, or nothing, which means UTC too."""
    assert to_canonical(f"2020-01-25{separator}17:04:05.123456{zone}") == "2020-01-25 17:04:05.123456"


@pytest.mark.parametrize("zone", ["", "Z", "z", " Z", "+00:00", "+0000", "+00", " +00"])
@pytest.mark.parametrize("digits", range(13))
@pytest.mark.parametrize("mark", [".", ","])
def test_a_fraction_may_have_any_length(mark: str, digits: int, zone: str) -> None:
    """Missing digits are zeros, and those after the sixth are cut off."""
    fraction = "987654321987"[:digits]
    text = f"{SECOND}{mark}{fraction}{zone}" if digits else f"{SECOND}{zone}"

    assert to_canonical(text) == f"{SECOND}.{fraction[:6]:0<6}"


def test_a_fraction_is_never_rounded() -> None:
    """Half a microsecond before the hour is over, it is not over."""
    assert to_canonical("2020-01-25 17:59:59.9999999") == "2020-01-25 17:59:59.999999"
    assert to_canonical("2020-01-25T17:59:59.999999999999Z") == "2020-01-25 17:59:59.999999"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2020-01-25T17:04:05+01:00", "2020-01-25 16:04:05.000000"),
        ("2020-01-25T17:04:05+0100", "2020-01-25 16:04:05.000000"),
        ("2020-01-25T17:04:05.5+01", "2020-01-25 16:04:05.500000"),
        ("2020-01-25T17:04:05-08:00", "2020-01-26 01:04:05.000000"),
        ("2020-01-25T17:04:05+05:45", "2020-01-25 11:19:05.000000"),
        ("2020-01-25T17:04:05-00:30", "2020-01-25 17:34:05.000000"),
        ("2020-01-01T00:00:00+14:00", "2019-12-31 10:00:00.000000"),
        ("2020-03-01T00:00:00.000001+00:01", "2020-02-29 23:59:00.000001"),
        ("2020-01-25T17:04:05+23:59", "2020-01-24 17:05:05.000000"),
        ("2020-01-25T17:04:05-23:59", "2020-01-26 17:03:05.000000"),
    ],
)
def test_an_offset_is_taken_into_account(text: str, canonical: str) -> None:
    """Over days, months and years, by minutes too."""
    assert to_canonical(text) == canonical


@pytest.mark.parametrize("text", ["0001-01-01 00:00:00.000000", "9999-12-31 23:59:59.999999"])
def test_the_first_and_the_last_microsecond_can_be_written(text: str) -> None:
    """The years 1 and 9999, with their leading zeros."""
    assert to_canonical(text) == text
    assert to_canonical(f"{text}Z") == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2020-01-25",
        "17:04:05",
        "1579971845",
        "2020-01-25T17",
        "2020-01-25T17:04",
        "2020-01-25T17:04:05.",
        "2020-01-25T17:04:05.12345x",
        "2020-01-25  17:04:05",
        "2020-01-25_17:04:05",
        " 2020-01-25T17:04:05",
        "2020-01-25T17:04:05\n",
        "2020-01-25T17:04:05  Z",
        "2020-01-25T17:04:05 UTC",
        "2020-1-25T17:04:05",
        "20200125T170405",
        "2020/01/25 17:04:05",
        "20-01-25 17:04:05",
        "+2020-01-25T17:04:05",
        "-2020-01-25T17:04:05",
        "2020-01-25T17:04:05+1",
        "2020-01-25T17:04:05+01:0",
        "2020-01-25T17:04:05+01:00:00",
    ],
)
def test_what_is_not_written_like_a_time_is_none(text: str) -> None:
    """A part of a time, other orders, other separators, something around it."""
    with pytest.raises(ValueError, match="not a time"):
        to_canonical(text)


@pytest.mark.parametrize("fraction", ["", ".5", ".123456", ".1234567"])
@pytest.mark.parametrize(
    "second",
    [
        "2020-01-25 24:00:00",
        "2020-01-25 25:00:00",
        "2020-01-25 17:60:00",
        "2016-12-31 23:59:60",
        "2020-02-30 00:00:00",
        "2019-02-29 00:00:00",
        "2020-00-25 17:04:05",
        "2020-13-25 17:04:05",
        "2020-01-00 17:04:05",
        "0000-01-01 00:00:00",
        "10000-01-01 00:00:00",
        "2020-W04-6 17:04:05",
        "٢٠٢٠-01-25 17:04:05",
        "2020-01-25 17:04:0\N{FULLWIDTH DIGIT FIVE}",
    ],
)
def test_a_moment_that_does_not_exist_is_no_time(second: str, fraction: str) -> None:
    """24 o'clock, a leap second, 30 February, year 0, a day in week 4, and digits of other scripts."""
    with pytest.raises(ValueError, match=r"not a time|must be in|out of range"):
        to_canonical(second + fraction)


@pytest.mark.parametrize("offset", ["+24:00", "-24:00", "+99", "+01:60", "+01:99"])
def test_an_offset_that_does_not_exist_is_none(offset: str) -> None:
    """A day or more, or more than 59 minutes."""
    with pytest.raises(ValueError, match=r"not a time|offset"):
        to_canonical(f"{SECOND}{offset}")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59.999999-00:01"])
def test_an_offset_must_not_lead_out_of_the_calendar(text: str) -> None:
    """Before year 1 and after year 9999 there is nothing to write."""
    with pytest.raises(ValueError, match="between the years 1 and 9999"):
        to_canonical(text)


def test_iso8601_always_has_six_digits_and_a_z() -> None:
    """Also for a whole second."""
    assert to_iso8601(to_canonical("2020-01-25T17:04:05Z")) == "2020-01-25T17:04:05.000000Z"
    assert to_iso8601("2020-01-25 17:04:05.123456") == "2020-01-25T17:04:05.123456Z"
