"""The request body of a pull."""

from pydantic import ValidationError

from exporter.domain.errors import Invalid
from exporter.http.hour_ranges import DayOrHour, hours_of_range
from exporter.http.request_model import StrictModel, wrong_fields
from exporter.sources.runs import RunRequest


class PullModel(StrictModel):
    """A range of UTC days or hours, both ends inclusive."""

    start: DayOrHour
    end: DayOrHour


def parse_pull(body: object) -> RunRequest:
    """Return the request, or raise ``Invalid`` with every problem."""
    try:
        model = PullModel.model_validate(body)
    except ValidationError as error:
        raise Invalid(*wrong_fields(error)) from error
    first, last = hours_of_range(model.start, model.end, ("start", "end"))
    return RunRequest(model.start, model.end, first, last)
