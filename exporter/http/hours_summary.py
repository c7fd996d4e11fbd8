"""``GET /destinations/{id}/hours/summary``: a year of hours in columns."""

from collections.abc import Iterable
from enum import StrEnum
from http import HTTPStatus
from typing import NotRequired, TypedDict

import azure.functions as func

from exporter import wiring
from exporter.destinations.find import find_history
from exporter.domain.data_types import DataType
from exporter.domain.hour_record import HourStatus
from exporter.domain.streams import StreamKey
from exporter.http.hours import FIRST_DATA_TYPE, HoursRequest, chosen_stream, parse_hours, range_parameters
from exporter.http.query import Query, choice_parameter
from exporter.http.responses import answer
from exporter.http.routing import Operation, operation
from exporter.schedule.hours_summary import SummarizedHour, by_day, summarize_hours

blueprint = func.Blueprint()

# Worst first: the status of a day is that of its worst hour.
LETTERS: dict[HourStatus | None, str] = {
    HourStatus.FAILED: "F",
    HourStatus.OWED: "O",
    HourStatus.RUNNING: "R",
    HourStatus.EXPORTED: "E",
    HourStatus.EMPTY: ".",
    None: "-",
}
_WORST_FIRST = list(LETTERS)


class Step(StrEnum):
    """What each place of a column stands for."""

    HOUR = "hour"
    DAY = "day"


class HourCountsView(TypedDict):
    """The number of hours of each day, by status."""

    failed: list[int]
    owed: list[int]
    running: list[int]
    exported: list[int]
    empty: list[int]


class HoursSummaryView(TypedDict):
    """Hours or days in columns. The first place of each column is about ``first``, the others follow in time.

    ``status`` has one letter a place: ``F`` failed, ``O`` owed, ``R`` running, ``E`` exported, ``.`` empty,
    ``-`` neither owed nor exported. The letter of a day is the first of these that one of its hours has.
    ``rows`` are exported rows, ``rejected`` are rejected rows, ``bytes`` is the compressed size of the parts,
    ``late`` is the number of hours to which late rows were added. ``hours`` is present for days only.
    """

    data_type: DataType
    by: Step
    first: str
    status: str
    rows: list[int]
    rejected: list[int]
    bytes: list[int]
    late: list[int]
    hours: NotRequired[HourCountsView]


def _parse(req: func.HttpRequest) -> tuple[HoursRequest, Step]:
    query = Query(req)
    step = query.one_of("by", list(Step)) or Step.HOUR
    return parse_hours(query), step


@operation(
    blueprint,
    # The host tries functions in the order of their names: before the one of a single hour.
    Operation(
        name="hours_summary",
        method="GET",
        route="destinations/{id}/hours/summary",
        answers={HTTPStatus.OK: HoursSummaryView},
        query=(
            *range_parameters(FIRST_DATA_TYPE),
            choice_parameter("by", "A place in a column is an hour or a UTC day. Default: hour.", list(Step)),
        ),
    ),
    parse=_parse,
)
def summary(req: func.HttpRequest, request: tuple[HoursRequest, Step]) -> func.HttpResponse:
    """Return a range of hours in columns of status and figures, by hour or by day; for heat maps."""
    wanted, step = request
    gateways = wiring.app().gateways
    destination = find_history(gateways.destinations, req.route_params["id"]).value
    key = chosen_stream(destination, wanted.data_type)
    hours = summarize_hours(gateways, destination, key, wanted.span, as_of=wanted.as_of)
    return answer(days_view(key, hours) if step is Step.DAY else hours_view(key, hours))


def hours_view(key: StreamKey, hours: Iterable[SummarizedHour]) -> HoursSummaryView:
    """Return hours in columns; there must be at least one."""
    found = list(hours)
    return _columns(key, Step.HOUR, found[0].hour.key, [[each] for each in found])


def days_view(key: StreamKey, hours: Iterable[SummarizedHour]) -> HoursSummaryView:
    """Return days in columns; there must be at least one hour."""
    days = list(by_day(hours))

    def count(status: HourStatus) -> list[int]:
        return [sum(each.status is status for each in day) for day in days]

    view = _columns(key, Step.DAY, days[0][0].hour.date, days)
    view["hours"] = {
        "failed": count(HourStatus.FAILED),
        "owed": count(HourStatus.OWED),
        "running": count(HourStatus.RUNNING),
        "exported": count(HourStatus.EXPORTED),
        "empty": count(HourStatus.EMPTY),
    }
    return view


def _columns(key: StreamKey, step: Step, first: str, places: list[list[SummarizedHour]]) -> HoursSummaryView:
    return {
        "data_type": key.stream.data_type,
        "by": step,
        "first": first,
        "status": "".join(LETTERS[_worst(hours)] for hours in places),
        "rows": [sum(each.figures.rows for each in hours) for hours in places],
        "rejected": [sum(each.figures.rejected for each in hours) for hours in places],
        "bytes": [sum(each.figures.bytes for each in hours) for hours in places],
        "late": [sum(each.figures.late for each in hours) for hours in places],
    }


def _worst(hours: list[SummarizedHour]) -> HourStatus | None:
    return min((each.status for each in hours), key=_WORST_FIRST.index)
