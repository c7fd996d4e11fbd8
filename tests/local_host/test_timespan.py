"""Durations in host.json."""

from datetime import timedelta

import pytest

from infra.local.host.timespan import parse_timespan


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("00:30:00", timedelta(minutes=30)),
        ("00:30", timedelta(minutes=30)),
        ("1.02:03:04.5", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("00:00:00.1000000", timedelta(milliseconds=100)),
        ("00:00:00", timedelta()),
    ],
)
def test_a_duration_is_read(text: str, expected: timedelta) -> None:
    """Days and fractions are optional."""
    assert parse_timespan(text) == expected


@pytest.mark.parametrize(
    "text", ["", "30", "24:00:00", "00:60:00", "00:00:60", "1:2:3:4", "-00:01:00", "soon"]
)
def test_anything_else_is_refused(text: str) -> None:
    """A bare number, too, which .NET reads as days: 30 is never meant as thirty days."""
    with pytest.raises(ValueError, match="is not a duration"):
        parse_timespan(text)
