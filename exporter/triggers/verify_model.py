"""What may be asked of a verification, checked whole."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from exporter.domain.errors import Invalid, Problem
from exporter.domain.hours import Hour
from exporter.domain.streams import DataType
from exporter.triggers.destination_model import wrong_fields

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
LAST_OF_DAY = 23


def _hour(text: str) -> Hour:
    return Hour.parse(f"{text}T00" if _DAY.fullmatch(text) else text)


def _day_or_hour(text: str) -> str:
    try:
        _hour(text)
    except ValueError:
        raise ValueError("must be a UTC day such as 2026-01-31, or an hour such as 2026-01-31T13") from None
    return text


DayOrHour = Annotated[
    str,
    AfterValidator(_day_or_hour),
    Field(json_schema_extra={"pattern": r"^\d{4}-\d{2}-\d{2}(T\d{2})?$"}),
]


class VerifyModel(BaseModel):
    """Days or hours, both included; all data types, unless some are named."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    first: DayOrHour = Field(alias="from")
    last: DayOrHour = Field(alias="to")
    # Texts of JSON are no members of an enum, strictly.
    data_types: list[Annotated[DataType, Field(strict=False)]] | None = Field(None, min_length=1)
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
    first, last = _hour(model.first), _hour(model.last)
    if _DAY.fullmatch(model.last):
        last = last.plus(LAST_OF_DAY)
    if first > last:
        raise Invalid(Problem("from", "must not be after to"))
    data_types = tuple(dict.fromkeys(model.data_types)) if model.data_types else None
    return VerifyRequest((first, last), data_types, model.repair)
