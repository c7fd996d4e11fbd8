"""The request body of a backfill."""

from pydantic import ValidationError

from exporter.backfill.requests import BackfillRequest
from exporter.domain.errors import Invalid
from exporter.http.hour_ranges import DataTypes, DayOrHour, hours_of_range, without_repeats
from exporter.http.request_model import StrictModel, wrong_fields


class BackfillModel(StrictModel):
    """A range of UTC days or hours, both ends inclusive; ``data_types`` defaults to all.

    ``allow_loss`` permits to replace an hour by fewer rows than it holds, where landing is incomplete.
    """

    start: DayOrHour
    end: DayOrHour
    data_types: DataTypes | None = None
    allow_loss: bool = False


def parse_backfill(body: object) -> BackfillRequest:
    """Return the request, or raise ``Invalid`` with every problem."""
    try:
        model = BackfillModel.model_validate(body)
    except ValidationError as error:
        raise Invalid(*wrong_fields(error)) from error
    first, last = hours_of_range(model.start, model.end, ("start", "end"))
    data_types = without_repeats(model.data_types)
    return BackfillRequest(model.start, model.end, first, last, data_types, allow_loss=model.allow_loss)
