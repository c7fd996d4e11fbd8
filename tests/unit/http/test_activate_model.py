"""The request body of an activation."""

from datetime import UTC, datetime

import pytest

from exporter.domain.errors import Invalid
from exporter.http.activate_model import parse_activation


def test_a_day_is_its_beginning_and_may_be_left_out() -> None:
    """In UTC."""
    assert parse_activation({"from": "2026-01-25"}) == datetime(2026, 1, 25, tzinfo=UTC)
    assert parse_activation({}) is None


@pytest.mark.parametrize("day", ["2026-01-25T05", "2026-02-30", "25.1.2026", "", 20260125])
def test_anything_else_is_refused(day: object) -> None:
    """Events begin with a day."""
    with pytest.raises(Invalid) as refused:
        parse_activation({"from": day})

    assert [problem.field for problem in refused.value.problems] == ["from"]
