import pytest

from exporter.domain.errors import Invalid
from exporter.domain.hour import Hour
from exporter.http.pull_model import parse_pull
from exporter.sources.runs import RunRequest


def test_both_ends_are_included() -> None:
    """A day ends with its last hour; any length is accepted."""
    found = parse_pull({"start": "2020-01-25T05", "end": "2026-01-26"})

    assert found == RunRequest(
        "2020-01-25T05", "2026-01-26", Hour.parse("2020-01-25T05"), Hour.parse("2026-01-26T23")
    )


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, {"start", "end"}),
        ({"start": "2020-01-26", "end": "2020-01-25"}, {"start"}),
        ({"start": "2020-01-25T5", "end": 20200126}, {"start", "end"}),
        ({"start": "2020-01-25", "end": "2020-01-25", "data_types": ["events"]}, {"data_types"}),
        ([], {"(body)"}),
    ],
)
def test_what_is_wrong_is_told_at_once(body: object, wrong: set[str]) -> None:
    """By field."""
    with pytest.raises(Invalid) as refused:
        parse_pull(body)

    assert {each.field for each in refused.value.problems} == wrong
