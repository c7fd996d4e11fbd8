"""What may be asked of a preview, checked whole."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from exporter.domain.errors import Invalid, Problem
from exporter.domain.filters import EventFilter
from exporter.domain.hour import Hour
from exporter.http.destination_model import wrong_fields
from exporter.http.filter_model import FilterField, event_filter


def _hour(text: str) -> str:
    try:
        Hour.parse(text)
    except ValueError:
        raise ValueError("must be a UTC hour such as 2026-01-31T13") from None
    return text


class PreviewModel(BaseModel):
    """Which hour to look at; with ``filter``, as if the destination had that one, or none for null."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    hour: Annotated[
        str, AfterValidator(_hour), Field(json_schema_extra={"pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}$"})
    ]
    # By a factory, so that the document names no default: null is not the same as nothing.
    filter: FilterField = Field(default_factory=lambda: None)


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """An hour, and the filter to try on it if ``tries`` is true; else the destination's own."""

    hour: Hour
    tries: bool
    tried: EventFilter | None


def parse_preview(body: object) -> PreviewRequest:
    """Return what a request asks for, or raise ``Invalid`` with all that is wrong."""
    problems: list[Problem] = []
    tried = event_filter(body.get("filter"), "filter", problems) if isinstance(body, dict) else None
    try:
        model = PreviewModel.model_validate(body)
    except ValidationError as error:
        raise Invalid(*problems, *wrong_fields(error)) from error
    if problems:
        raise Invalid(*problems)
    return PreviewRequest(Hour.parse(model.hour), "filter" in model.model_fields_set, tried)
