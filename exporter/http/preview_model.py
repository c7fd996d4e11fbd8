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


type _HourText = Annotated[str, AfterValidator(_hour), Field(json_schema_extra={"pattern": HOUR_PATTERN})]


class PreviewModel(StrictModel):
    """The hour to preview. ``filter`` replaces the destination's filter for this request; null means none."""

    hour: _HourText
    # A factory keeps the default out of OpenAPI: null differs from a missing field.
    filter: FilterField = Field(default_factory=lambda: None)


class UnsavedPreviewModel(StrictModel):
    """A project, the filter to preview, and the hour; by default the newest hour that has landed."""

    project_id: Annotated[int, Field(gt=0, lt=2**63)]
    hour: Annotated[str, AfterValidator(_hour), Field(json_schema_extra={"pattern": HOUR_PATTERN})] | None = (
        None
    )
    filter: FilterField = None


@dataclass(frozen=True, slots=True)
class UnsavedPreviewRequest:
    """A project, a filter or None, and an hour; None means the newest one."""

    project_id: int
    event_filter: EventFilter | None
    hour: Hour | None


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


def parse_unsaved_preview(body: object) -> UnsavedPreviewRequest:
    """Return the request, or raise ``Invalid`` with every problem."""
    problems: list[Problem] = []
    tried = event_filter(body.get("filter"), "filter", problems) if isinstance(body, dict) else None
    try:
        model = UnsavedPreviewModel.model_validate(body)
    except ValidationError as error:
        raise Invalid(*problems, *wrong_fields(error)) from error
    if problems:
        raise Invalid(*problems)
    return UnsavedPreviewRequest(model.project_id, tried, Hour.parse(model.hour) if model.hour else None)
