"""The request body of an activation."""

from datetime import datetime

from pydantic import Field, ValidationError

from exporter.domain.errors import Invalid
from exporter.http.hour_ranges import Day, first_of_day
from exporter.http.request_model import StrictModel, wrong_fields


class ActivateModel(StrictModel):
    """The first UTC day whose events are exported; without it, the day of the activation."""

    # A factory keeps the default out of OpenAPI: a missing day is no day.
    first: Day | None = Field(alias="from", default_factory=lambda: None)


def parse_activation(body: object) -> datetime | None:
    """Return the beginning of the day, or None; raise ``Invalid`` with every problem."""
    try:
        model = ActivateModel.model_validate(body)
    except ValidationError as error:
        raise Invalid(*wrong_fields(error)) from error
    return None if model.first is None else first_of_day(model.first).start
