from collections.abc import Iterable

import pytest

from exporter.domain.ncrontab import Ncrontab, objection

# What the Functions host does with an expression was read from its source: NCrontab 3.3.3 and CronSchedule.


def minutes(text: str) -> Iterable[int]:
    """Return the minutes of an expression that says nothing else."""
    return sorted(Ncrontab.parse(f"0 {text} * * * *").minutes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*", range(60)),
        ("0", [0]),
        ("007", [7]),
        ("0,30", [0, 30]),
        ("30,0,30", [0, 30]),
        ("5-8", [5, 6, 7, 8]),
        ("7-7", [7]),
        ("8-5", [5, 6, 7, 8]),
        ("*/20", [0, 20, 40]),
        ("*/99", [0]),
        ("40/8", [40, 48, 56]),
        ("59/2", [59]),
        ("5-10/2", [5, 7, 9]),
        ("10-5/2", [5, 7, 9]),
        ("5-6,20-25/2,59", [5, 6, 20, 22, 24, 59]),
        ("*/0", range(60)),
        ("*/-1", range(60)),
        ("56/0", [56, 57, 58, 59]),
        ("*/+20", [0, 20, 40]),
    ],
)
def test_a_field_holds_values_ranges_steps_and_lists(text: str, expected: Iterable[int]) -> None:
    """A reversed range is turned, and a step below 1 counts as 1, as in the host."""
    assert minutes(text) == list(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jan", {1}),
        ("JAN,Jul", {1, 7}),
        ("September-december", {9, 10, 11, 12}),
        ("sept", {9}),
        ("j", {1}),
        ("ju", {6}),
        ("m", {3}),
        ("feb/4", {2, 6, 10}),
        ("dec-10", {10, 11, 12}),
    ],
)
def test_a_month_has_a_number_or_any_beginning_of_its_english_name(text: str, expected: set[int]) -> None:
    """In any case. Of several months that begin so, the host takes the first of the year."""
    assert Ncrontab.parse(f"0 0 0 1 {text} *").months == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", {0}),
        ("6", {6}),
        ("mon-fri", {1, 2, 3, 4, 5}),
        ("fri-mon", {1, 2, 3, 4, 5}),
        ("Sunday", {0}),
        ("s,t", {0, 2}),
    ],
)
def test_weekdays_begin_with_sunday_and_do_not_wrap(text: str, expected: set[int]) -> None:
    """``fri-mon`` is Monday to Friday, and not the days from Friday to Monday."""
    assert Ncrontab.parse(f"0 0 0 * * {text}").weekdays == expected


def test_with_five_fields_the_second_is_zero() -> None:
    """The host reads the form of other crons, too."""
    assert Ncrontab.parse("*/5 9-17 * * mon-fri") == Ncrontab.parse("0 */5 9-17 * * mon-fri")
    assert objection("*/5 * * * *") is None


def test_more_spaces_than_needed_do_no_harm() -> None:
    """In front, in between and at the end."""
    assert Ncrontab.parse("  0  0   9 * * *  ") == Ncrontab.parse("0 0 9 * * *")


@pytest.mark.parametrize("schedule", ["", "0 */5 * * * * *", "0 */5 * *", "00:05:00", "every hour"])
def test_a_schedule_with_more_or_fewer_fields_is_refused(schedule: str) -> None:
    """The message shows how it should look."""
    assert "six fields" in (objection(schedule) or "")
    assert "0 */5 * * * *" in (objection(schedule) or "")


@pytest.mark.parametrize(
    ("place", "name", "text", "allowed"),
    [
        (0, "second", "60", "0 to 59"),
        (1, "minute", "60", "0 to 59"),
        (2, "hour", "24", "0 to 23"),
        (3, "day of month", "0", "1 to 31"),
        (3, "day of month", "32", "1 to 31"),
        (3, "day of month", "0/5", "1 to 31"),
        (4, "month", "0", "1 to 12 or JAN to DEC"),
        (4, "month", "13", "1 to 12 or JAN to DEC"),
        (4, "month", "mon", "1 to 12 or JAN to DEC"),
        (5, "day of week", "7", "0 to 6 or SUN to SAT"),
        (5, "day of week", "jan", "0 to 6 or SUN to SAT"),
        (5, "day of week", "sunx", "0 to 6 or SUN to SAT"),
        (5, "day of week", "1#2", "0 to 6 or SUN to SAT"),
    ],
)
def test_a_value_that_a_field_cannot_have_is_told_with_what_it_can_have(
    place: int, name: str, text: str, allowed: str
) -> None:
    """Each field has its own range, and its own names."""
    fields = ["0", "*", "*", "*", "*", "*"]
    fields[place] = text

    assert (objection(" ".join(fields)) or "").startswith(f"has a wrong {name}: {text} (write {allowed}, ")


@pytest.mark.parametrize(
    "text",
    [
        "-1",
        "+1",
        "*/",
        "*/x",
        "/5",
        "5-",
        "-5",
        "5-60",
        "60/5",
        "1-2-3",
        "*-5",
        "1,,2",
        "1,",
        ",1",
        ",",
        "*5",
        "**",
        "1.5",
        "1e1",
        "?",
        "L",
        "5/",
        "5/2/2",
        "5\t",
        "\N{ARABIC-INDIC DIGIT FIVE}",
        "2147483648",
        "*/2147483648",
        "9" * 5000,
        f"1-{'9' * 5000}",
    ],
)
def test_an_invalid_value_list_range_or_step_is_refused(text: str) -> None:
    """Half a range, an empty item, signs that other crons know, numbers that are too large for the host."""
    assert (objection(f"0 {text} * * * *") or "").startswith(f"has a wrong minute: {text} (")
