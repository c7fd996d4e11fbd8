import pytest

from exporter.domain.ncrontab import objection


@pytest.mark.parametrize(
    "schedule",
    [
        "0 */5 * * * *",
        "* * * * * *",
        "59 59 23 31 12 6",
        "0 0 0 1 1 0",
        "0 0,30 * * * *",
        "0 1-5,7-7 */1 * * *",
        "0 5-10,20-25/2 * * * *",
        "0 0 9-17 * * mon-fri",
        "0 0 9 * JAN,Jul Sunday",
        "0 0 9 * september-december wednesday",
        "0  0\t9 * * *",
    ],
)
def test_a_schedule_has_six_fields_of_values_lists_ranges_and_steps(schedule: str) -> None:
    """Seconds first; months and days may be named, in any case."""
    assert objection(schedule) is None


@pytest.mark.parametrize("schedule", ["", "*/5 * * * *", "0 */5 * * * * *", "0 */5 * * *", "00:05:00"])
def test_a_schedule_with_more_or_fewer_fields_is_refused(schedule: str) -> None:
    """The five fields of other crons would shift by one; the message shows how it should look."""
    assert "six fields" in (objection(schedule) or "")
    assert "0 */5 * * * *" in (objection(schedule) or "")


@pytest.mark.parametrize(
    ("place", "name", "text"),
    [
        (0, "second", "60"),
        (1, "minute", "60"),
        (2, "hour", "24"),
        (3, "day of month", "0"),
        (3, "day of month", "32"),
        (4, "month", "0"),
        (4, "month", "13"),
        (4, "month", "mon"),
        (5, "day of week", "7"),
        (5, "day of week", "jan"),
    ],
)
def test_a_value_that_a_field_cannot_have_is_told_with_the_field(place: int, name: str, text: str) -> None:
    """Each field has its own range, and its own names."""
    fields = ["0", "*", "*", "*", "*", "*"]
    fields[place] = text

    assert objection(" ".join(fields)) == f"has a wrong {name}: {text}"


@pytest.mark.parametrize(
    "text",
    [
        *[
            "-1",
            "*/0",
            "*/",
            "*/x",
            "5-",
            "-5",
            "10-5",
            "1-2-3",
            "1,,2",
            ",",
            "*5",
            "**",
            "1.5",
            "?",
            "L",
            "5/",
        ],
        "\N{ARABIC-INDIC DIGIT FIVE}",
        "9" * 5000,
        f"1-{'9' * 5000}",
    ],
)
def test_what_is_no_value_list_range_or_step_is_refused(text: str) -> None:
    """Half a range, a step of zero, an empty item, signs that other crons know, numbers without end."""
    assert objection(f"0 {text} * * * *") == f"has a wrong minute: {text}"
