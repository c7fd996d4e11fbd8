"""The request body of a verification."""

import pytest

from exporter.domain.data_types import DataType
from exporter.domain.errors import Invalid
from exporter.domain.hour import Hour
from exporter.http.verify_model import VerifyRequest, parse_verify


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        (("2020-01-25", "2020-01-26"), "2020-01-25T00", "2020-01-26T23"),
        (("2020-01-25", "2020-01-25"), "2020-01-25T00", "2020-01-25T23"),
        (("2020-01-25T05", "2020-01-25T05"), "2020-01-25T05", "2020-01-25T05"),
        (("2020-01-25T05", "2020-01-25"), "2020-01-25T05", "2020-01-25T23"),
        (("0001-01-01", "9999-12-31"), "0001-01-01T00", "9999-12-31T23"),
    ],
)
def test_both_ends_of_a_range_are_inclusive(asked: tuple[str, str], first: str, last: str) -> None:
    """A day ends with its last hour."""
    found = parse_verify({"from": asked[0], "to": asked[1]})

    assert found == VerifyRequest((Hour.parse(first), Hour.parse(last)), None, repair=False)


def test_data_types_and_repair_are_optional() -> None:
    """A repeated data type counts once."""
    body = {"from": "2020-01-25", "to": "2020-01-25", "data_types": ["merged_ids", "merged_ids"]}

    found = parse_verify(body | {"repair": True})

    assert (found.data_types, found.repair) == ((DataType.MERGED_IDS,), True)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ([], {"(body)"}),
        ({}, {"from", "to"}),
        ({"from": "2020-01-26", "to": "2020-01-25"}, {"from"}),
        ({"from": "2020-13-26", "to": "2020-01-25T24"}, {"from", "to"}),
        ({"from": "2020-01-25T05:00", "to": 5}, {"from", "to"}),
        ({"from": "٢٠٢٠-01-25", "to": "2020-01-25 "}, {"from", "to"}),
        ({"from": "2020-01-25", "to": "2020-01-25", "data_types": []}, {"data_types"}),
        ({"from": "2020-01-25", "to": "2020-01-25", "data_types": ["rows"]}, {"data_types.0"}),
        ({"from": "2020-01-25", "to": "2020-01-25", "repair": "yes", "first": 1}, {"repair", "first"}),
    ],
)
def test_all_problems_are_reported_at_once(body: object, fields: set[str]) -> None:
    """By the field names of the request."""
    with pytest.raises(Invalid) as caught:
        parse_verify(body)

    assert {problem.field for problem in caught.value.problems} == fields
