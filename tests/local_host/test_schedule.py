"""When a schedule is due."""

import time
from datetime import UTC, datetime

import pytest

from infra.local.host.schedule import Schedule

# A Saturday.
MOMENT = datetime(2020, 1, 25, 17, 4, 5, 123456, UTC)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("* * * * * *", "2020-01-25T17:04:06"),
        ("0 */5 * * * *", "2020-01-25T17:05:00"),
        ("*/20 * * * * *", "2020-01-25T17:04:20"),
        ("0 10-30/10 * * * *", "2020-01-25T17:10:00"),
        ("5 4 17 * * *", "2020-01-26T17:04:05"),
        ("0 50/5 * * * *", "2020-01-25T17:50:00"),
        ("0 0 1,18,20 * * *", "2020-01-25T18:00:00"),
        ("0 0 0 1 * *", "2020-02-01T00:00:00"),
        ("0 0 0 * feb *", "2020-02-01T00:00:00"),
        ("0 0 0 1 March *", "2020-03-01T00:00:00"),
        ("0 0 12 * * MON-FRI", "2020-01-27T12:00:00"),
        ("0 0 12 * * fri-mon", "2020-01-27T12:00:00"),
        ("0 0 12 * * 0", "2020-01-26T12:00:00"),
        ("0 0 12 * * Saturday", "2020-02-01T12:00:00"),
        ("59 59 23 31 12 *", "2020-12-31T23:59:59"),
        ("30 9 * * *", "2020-01-26T09:30:00"),
    ],
)
def test_the_next_occurrence_is_the_first_moment_later_that_matches_every_field(
    expression: str, expected: str
) -> None:
    """Steps, ranges, lists, names and their mixtures; five fields mean second 0."""
    assert Schedule.parse(expression).after(MOMENT) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_day_of_month_and_day_of_week_must_both_match() -> None:
    """Unlike cron, which takes either: a Friday the 13th is rarer than Fridays and 13ths."""
    assert Schedule.parse("0 0 0 13 * fri").after(MOMENT) == datetime(2020, 3, 13, tzinfo=UTC)


def test_leap_days_are_found_however_far_away() -> None:
    """29 February once every four years, on a given weekday once in 28, or 40 across 2100."""
    leap_day = Schedule.parse("0 0 0 29 2 *")
    on_a_saturday = Schedule.parse("0 0 0 29 2 sat")

    assert leap_day.after(MOMENT) == datetime(2020, 2, 29, tzinfo=UTC)
    assert leap_day.after(datetime(2096, 3, 1, tzinfo=UTC)) == datetime(2104, 2, 29, tzinfo=UTC)
    assert on_a_saturday.after(datetime(2076, 3, 1, tzinfo=UTC)) == datetime(2116, 2, 29, tzinfo=UTC)


def test_a_date_that_never_comes_is_reported_soon() -> None:
    """The search ends, and does not keep the host waiting."""
    started = time.monotonic()

    assert Schedule.parse("0 0 0 30 2 *").after(MOMENT) is None
    assert time.monotonic() - started < 2


def test_occurrences_follow_each_other_in_order() -> None:
    """Each is later than the one before, and none in between is left out."""
    schedule, moment, seen = Schedule.parse("15,45 59 23 28-31 12 *"), MOMENT, []
    for _ in range(9):
        found = schedule.after(moment)
        assert found is not None
        moment = found
        seen.append(f"{moment:%Y-%m-%d %S}")

    days = [f"2020-12-{day}" for day in (28, 29, 30, 31)]
    assert seen == [*(f"{day} {second}" for day in days for second in (15, 45)), "2021-12-28 15"]


@pytest.mark.parametrize(
    ("expression", "dense"),
    [
        ("*/30 * * * * *", True),
        ("0,1 */1 0-23 * jan-dec sun-sat", True),
        ("0 * * * * *", False),
        ("* * * * *", False),
        ("0,1 0 0 1 1 *", False),
    ],
)
def test_a_schedule_that_is_due_several_times_in_every_minute_is_dense(
    expression: str, *, dense: bool
) -> None:
    """The host does not monitor such a timer. It monitors one that is due so often in a few minutes only."""
    assert Schedule.parse(expression).is_dense is dense


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("00:05:00", "schedule '00:05:00' must have six fields"),
        ("* * * 0 * *", r"schedule '\* \* \* 0 \* \*' has a wrong day of month: 0"),
    ],
)
def test_what_is_wrong_with_an_expression_is_told_with_the_expression(
    expression: str, complaint: str
) -> None:
    """What is accepted, and what else is refused, is the product's reader's to test."""
    with pytest.raises(ValueError, match=complaint):
        Schedule.parse(expression)
