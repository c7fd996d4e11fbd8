"""The request body of a verification."""

from dataclasses import dataclass

from pydantic import Field, ValidationError

from exporter.domain.data_types import DataType
from exporter.domain.errors import Invalid
from exporter.domain.hour import Hour
from exporter.http.hour_ranges import DataTypes, DayOrHour, hours_of_range, without_repeats
from exporter.http.request_model import StrictModel, wrong_fields


class VerifyModel(StrictModel):
    """A range of UTC days or hours, both ends inclusive; ``data_types`` defaults to all."""

    first: DayOrHour = Field(alias="from")
    last: DayOrHour = Field(alias="to")
    data_types: DataTypes | None = None
    repair: bool = False


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """The hours to verify; ``repair`` requests a backfill of the wrong ones."""

    span: tuple[Hour, Hour]
    data_types: tuple[DataType, ...] | None
    repair: bool


def parse_verify(body: object) -> VerifyRequest:
    """Return the request, or raise ``Invalid`` with every problem."""
    try:
        model = VerifyModel.model_validate(body)
    except ValidationError as error:
        raise Invalid(*wrong_fields(error)) from error
    span = hours_of_range(model.first, model.last, ("from", "to"))
    return VerifyRequest(span, without_repeats(model.data_types), model.repair)
