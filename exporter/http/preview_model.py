"""The request body of a preview."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError

from exporter.domain.errors import Invalid, Problem
from exporter.domain.filters import EventFilter
from exporter.domain.hour import Hour
from exporter.http.filter_model import FilterField, event_filter
from exporter.http.request_model import StrictModel, wrong_fields
from exporter.http.schemas import HOUR_PATTERN, NOT_AN_HOUR


def _hour(text: str) -> str:
    try:
        Hour.parse(text)
    except ValueError:
        raise ValueError(NOT_AN_HOUR) from None
    return text


class PreviewModel(StrictModel):
    """The hour to preview. ``filter`` replaces the destination's filter for this request; null means none."""

    hour: Annotated[str, AfterValidator(_hour), Field(json_schema_extra={"pattern": HOUR_PATTERN})]
    # A factory keeps the default out of OpenAPI: null differs from a missing field.
    filter: FilterField = Field(default_factory=lambda: None)


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """An hour; ``event_filter`` is used in place of the destination's if ``overrides_filter`` is true."""

    hour: Hour
    overrides_filter: bool
    event_filter: EventFilter | None


def parse_preview(body: object) -> PreviewRequest:
    """Return the request, or raise ``Invalid`` with every problem."""
    problems: list[Problem] = []
    tried = event_filter(body.get("filter"), "filter", problems) if isinstance(body, dict) else None
    try:
        model = PreviewModel.model_validate(body)
    except ValidationError as error:
        raise Invalid(*problems, *wrong_fields(error)) from error
    if problems:
        raise Invalid(*problems)
    return PreviewRequest(Hour.parse(model.hour), "filter" in model.model_fields_set, tried)
