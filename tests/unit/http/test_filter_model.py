"""The filter in OpenAPI agrees with the filter parser."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from exporter.domain.allowed_hosts import AllowedHosts
from exporter.domain.errors import Invalid
from exporter.domain.hour import Hour
from exporter.http.destination_model import parse_draft
from exporter.http.filter_model import FilterNode
from exporter.http.preview_model import parse_preview
from tests.properties.filter_documents import filters
from tests.properties.values import json_values
from tests.support.filters import condition, read

DESCRIBED: TypeAdapter[Any] = TypeAdapter(FilterNode)
PURCHASE = condition("event_type", "is", "purchase")
BODY: dict[str, Any] = {
    "name": "Acme",
    "events": {"project_id": 187520},
    "storage": {"container": "raw"},
    "credentials": {
        "type": "connection_string",
        "connection_string": "AccountName=acme;AccountKey=aHVudGVyMg==",
    },
}


def draft_problems(body: object) -> set[str]:
    """Return the wrong fields of a destination."""
    with pytest.raises(Invalid) as refused:
        parse_draft("acme", body, AllowedHosts())
    return {problem.field for problem in refused.value.problems}


def preview_problems(body: object) -> set[str]:
    """Return the wrong fields of a preview request."""
    with pytest.raises(Invalid) as refused:
        parse_preview(body)
    return {problem.field for problem in refused.value.problems}


@given(filters)
def test_every_filter_fits_its_description(document: object) -> None:
    """A filter that the parser accepts is valid in OpenAPI."""
    assert DESCRIBED.validate_python(document)


@given(st.dictionaries(st.sampled_from(["all", "any", "not", "property", "operator", "values"]), json_values))
def test_a_document_that_does_not_fit_the_description_is_refused(document: object) -> None:
    """A document that is invalid in OpenAPI is refused by the parser."""
    try:
        read(document)
    except Invalid:
        return
    try:
        DESCRIBED.validate_json(json.dumps(document))
    except ValidationError as error:
        raise AssertionError(document) from error


def test_a_destination_takes_a_filter_or_none() -> None:
    """It is optional and may be null."""
    asked = BODY | {"events": {"project_id": 1, "filter": PURCHASE}}
    none = BODY | {"events": {"project_id": 1, "filter": None}}

    assert parse_draft("acme", asked, AllowedHosts()).event_filter == read(PURCHASE)
    assert parse_draft("acme", none, AllowedHosts()).event_filter is None
    assert parse_draft("acme", BODY, AllowedHosts()).event_filter is None


def test_problems_of_a_filter_are_reported_with_the_others() -> None:
    """The problems of the filter come with the others."""
    wrong = {"all": [{"property": "evnt_type", "operator": "is", "values": ["a"]}, []]}
    body = BODY | {"name": 7, "events": {"project_id": 0, "filter": wrong}}

    assert draft_problems(body) == {
        "name",
        "events.project_id",
        "events.filter.all.0.property",
        "events.filter.all.1",
    }
    assert draft_problems(BODY | {"events": {"project_id": 1, "filter": "all"}}) == {"events.filter"}


def test_a_preview_request_has_an_hour_and_optionally_a_filter() -> None:
    """A null filter differs from a missing one."""
    hour = Hour.parse("2026-01-31T12")

    plain, other, none = (
        parse_preview({"hour": hour.key} | more) for more in ({}, {"filter": PURCHASE}, {"filter": None})
    )

    assert (plain.hour, plain.overrides_filter) == (hour, False)
    assert (other.overrides_filter, other.event_filter) == (True, read(PURCHASE))
    assert (none.overrides_filter, none.event_filter) == (True, None)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"hour"}),
        ([], {"(body)"}),
        ({"hour": "2026-01-31"}, {"hour"}),
        ({"hour": "2026-02-31T00"}, {"hour"}),
        ({"hour": 5, "filter": {"all": []}, "filtre": 1}, {"hour", "filter.all", "filtre"}),
    ],
)
def test_all_problems_of_a_preview_request_are_reported_at_once(body: object, fields: set[str]) -> None:
    """Every wrong field is named."""
    assert preview_problems(body) == fields
