"""What may be asked of a verification, checked whole."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from exporter.domain.errors import Invalid
from exporter.domain.hour import Hour
from exporter.domain.streams import DataType
from exporter.http.destination_model import wrong_fields
from exporter.http.hour_ranges import DataTypes, DayOrHour, each_once, hours_of_range


class VerifyModel(BaseModel):
    """Days or hours, both included; all data types, unless some are named."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    first: DayOrHour = Field(alias="from")
    last: DayOrHour = Field(alias="to")
    data_types: DataTypes | None = None
    repair: bool = False


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """The hours that are to be verified, and whether what is wrong is to be exported again."""

    span: tuple[Hour, Hour]
    data_types: tuple[DataType, ...] | None
    repair: bool


def parse_verify(body: object) -> VerifyRequest:
    """Return what a request asks for, or raise ``Invalid`` with all that is wrong."""
    try:
        model = VerifyModel.model_validate(body)
    except ValidationError as error:
        raise Invalid(*wrong_fields(error)) from error
    span = hours_of_range(model.first, model.last, ("from", "to"))
    return VerifyRequest(span, each_once(model.data_types), model.repair)
