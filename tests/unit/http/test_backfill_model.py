"""The request body of a backfill."""

import pytest

from exporter.backfill.requests import BackfillRequest
from exporter.domain.data_types import DataType
from exporter.domain.errors import Invalid
from exporter.domain.hour import Hour
from exporter.http.backfill_model import parse_backfill

DAY = {"start": "2020-01-25", "end": "2020-01-25"}
FIRST, LAST = Hour.parse("2020-01-25T00"), Hour.parse("2020-01-25T23")


def test_a_loss_needs_allow_loss() -> None:
    """By default no hour is replaced by fewer rows."""
    assert parse_backfill(DAY) == BackfillRequest("2020-01-25", "2020-01-25", FIRST, LAST)
    asked = parse_backfill(DAY | {"allow_loss": True, "data_types": ["events"]})
    assert (asked.allow_loss, asked.data_types) == (True, (DataType.EVENTS,))
    assert not parse_backfill(DAY | {"allow_loss": False}).allow_loss


@pytest.mark.parametrize("value", ["true", 1, None, "yes", []])
def test_allow_loss_must_be_a_boolean(value: object) -> None:
    """Only JSON true counts."""
    with pytest.raises(Invalid) as caught:
        parse_backfill(DAY | {"allow_loss": value})

    assert [problem.field for problem in caught.value.problems] == ["allow_loss"]


def test_any_range_is_accepted() -> None:
    """The start is clamped to the first landed hour, so the caller does not need to know it."""
    asked = parse_backfill({"start": "0001-01-01", "end": "9999-12-31"})

    assert (asked.first, asked.last) == (Hour.parse("0001-01-01T00"), Hour.parse("9999-12-31T23"))
