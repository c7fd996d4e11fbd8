"""The ledger over HTTP."""

from dataclasses import dataclass
from http import HTTPStatus

import azure.functions as func

from exporter import wiring
from exporter.destinations.edit import find_history
from exporter.domain.errors import Invalid, Problem
from exporter.domain.hour import Hour, count_between, last_closed_hour
from exporter.domain.streams import DataType
from exporter.http.responses import answer
from exporter.http.routing import Operation, Parameter, operation
from exporter.http.schemas import hour_view
from exporter.schedule.ledger_view import AsOf, list_hours

HOURS_DEFAULT = 24
# A leap year of hours: more in one answer helps nobody, and would take too long to gather.
HOURS_MAX = 366 * 24
_HOUR = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}$"}

blueprint = func.Blueprint()


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which hours a request asks for, both included; of all data types if it names none."""

    data_type: DataType | None
    span: tuple[Hour, Hour]
    as_of: AsOf


def _parse(req: func.HttpRequest) -> _Asked:
    as_of = AsOf(wiring.now(), wiring.app().settings.settle)
    problems: list[Problem] = []
    data_type = _data_type(req, problems)
    last = _hour(req, "to", last_closed_hour(as_of.now, as_of.settle), problems)
    first = _hour(req, "from", _before(last), problems)
    if not problems and first > last:
        problems.append(Problem("from", "must not be after to"))
    if not problems and count_between(first, last) > HOURS_MAX:
        problems.append(
            Problem("from", f"must be less than {HOURS_MAX} hours before to; ask in several steps")
        )
    if problems:
        raise Invalid(*problems)
    return _Asked(data_type, (first, last), as_of)


@operation(
    blueprint,
    Operation(
        name="list_hours",
        method="GET",
        route="destinations/{id}/hours",
        answers={HTTPStatus.OK: "HoursView"},
        query=(
            Parameter(
                "data_type",
                "Hours of this data type alone.",
                {"type": "string", "enum": [each.value for each in DataType]},
            ),
            Parameter(
                "from", f"The first hour; {HOURS_DEFAULT - 1} hours before the last, if left out.", _HOUR
            ),
            Parameter("to", "The last hour, inclusive; the last closed one, if left out.", _HOUR),
        ),
    ),
    parse=_parse,
)
def hours(req: func.HttpRequest, asked: _Asked) -> func.HttpResponse:
    """List the ledger of a destination, even of a deleted one; without a range, the last 24 closed hours."""
    gateways = wiring.app().gateways
    destination = find_history(gateways, req.route_params["id"]).value
    records = [
        record
        for key in destination.streams
        if asked.data_type in {None, key.stream.data_type}
        for record in list_hours(gateways, destination, key, asked.span, as_of=asked.as_of)
    ]
    return answer(
        {"hours": [hour_view(record) for record in sorted(records, key=lambda record: record.hour)]}
    )


def _before(last: Hour) -> Hour:
    """Return the first of the hours that are shown if none is named."""
    try:
        return last.plus(1 - HOURS_DEFAULT)
    except OverflowError:
        # Of the first day of the year 1, which is the earliest there is.
        return last.first_of_day()


def _data_type(req: func.HttpRequest, problems: list[Problem]) -> DataType | None:
    text = req.params.get("data_type")
    try:
        return DataType(text) if text else None
    except ValueError:
        problems.append(Problem("data_type", f"must be one of {', '.join(DataType)}"))
        return None


def _hour(req: func.HttpRequest, name: str, default: Hour, problems: list[Problem]) -> Hour:
    text = req.params.get(name)
    try:
        return Hour.parse(text) if text else default
    except ValueError:
        problems.append(Problem(name, "must be a UTC hour such as 2026-01-31T13"))
        return default
