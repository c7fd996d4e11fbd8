"""What may be asked of a backfill, checked whole."""

from pydantic import BaseModel, ConfigDict, ValidationError

from exporter.backfill.requests import BackfillRequest
from exporter.domain.errors import Invalid
from exporter.http.destination_model import wrong_fields
from exporter.http.hour_ranges import DataTypes, DayOrHour, each_once, hours_of_range


class BackfillModel(BaseModel):
    """UTC days or hours, both included; all data types, unless some are named.

    With ``allow_loss`` an hour may be replaced by less than it holds, where landing does not hold all of it
    any more.
    """

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    start: DayOrHour
    end: DayOrHour
    data_types: DataTypes | None = None
    allow_loss: bool = False


def parse_backfill(body: object) -> BackfillRequest:
    """Return what a request asks for, or raise ``Invalid`` with all that is wrong."""
    try:
        model = BackfillModel.model_validate(body)
    except ValidationError as error:
        raise Invalid(*wrong_fields(error)) from error
    first, last = hours_of_range(model.start, model.end, ("start", "end"))
    return BackfillRequest(
        model.start, model.end, first, last, each_once(model.data_types), allow_loss=model.allow_loss
    )
