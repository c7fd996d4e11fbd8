"""``GET /destinations/{id}/hours``: the ledger."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import TypedDict

import azure.functions as func

from exporter import wiring
from exporter.destinations.find import find_history
from exporter.domain.data_types import DataType
from exporter.domain.destination import Destination
from exporter.domain.errors import Invalid, NotFound, Problem
from exporter.domain.hour import Hour, count_between, last_closed_hour
from exporter.domain.hour_content import RowCounts
from exporter.domain.hour_record import HourRecord, HourStatus
from exporter.domain.streams import StreamKey
from exporter.http.log_link import log_link
from exporter.http.query import Query, choice_parameter, hour_parameter
from exporter.http.responses import answer
from exporter.http.routing import Operation, Parameter, operation
from exporter.http.schemas import (
    NOT_AN_HOUR,
    FaultView,
    HourKey,
    Moment,
    OutputView,
    RowIssuesView,
    RowsView,
    fault_or_null,
    output_view,
    row_issues_view,
    rows_view,
    time_or_null,
)
from exporter.schedule.ledger_view import AsOf, as_of_now, list_hours
from exporter.settings import Settings

HOURS_DEFAULT = 24
# A leap year: keeps the answer small enough to read and fast enough to compute.
HOURS_MAX = 366 * 24

FIRST_DATA_TYPE = "Default: events, or merged ids if the destination has no events."

blueprint = func.Blueprint()


class PartView(TypedDict):
    """A file of an hour: compressed size in bytes, MD5 in base64."""

    name: str
    rows: int
    bytes: int
    md5: str


class HourView(RowIssuesView):
    """An hour of the ledger, with the filter and output settings of its files.

    ``warning`` is set if all rows of the hour were rejected. ``refused`` says why the latest request to
    export the hour again was refused; the hour stays unchanged.
    """

    hour: HourKey
    data_type: DataType
    status: HourStatus
    rows: RowsView
    warning: str | None
    parts: list[PartView]
    filter_sha256: str | None
    output: OutputView | None
    attempts: int
    requested_by: str
    started_at: Moment | None
    finished_at: Moment | None
    error: FaultView | None
    refused: FaultView | None


class OneHourView(HourView):
    """An hour, and the hours before and after it; null where that one is neither owed nor exported.

    ``filter_changed`` says whether the destination has another filter than the files were made with; null if
    there are none. ``retry_at`` is when the back-off of a failed hour ends: a tick tries it again then or
    later. ``log`` is a link that shows its log records in the portal of Azure; null if
    LOG_ANALYTICS_RESOURCE_ID is not set, and before the first attempt.
    """

    previous: HourKey | None
    next: HourKey | None
    filter_changed: bool | None
    retry_at: Moment | None
    log: str | None


class HoursView(TypedDict):
    """Hours, oldest first."""

    hours: list[HourView]


@dataclass(frozen=True, slots=True)
class HoursRequest:
    """A range of hours, both ends inclusive; ``data_type`` None means all."""

    data_type: DataType | None
    span: tuple[Hour, Hour]
    as_of: AsOf


def _parse(req: func.HttpRequest) -> tuple[HoursRequest, HourStatus | None]:
    query = Query(req)
    status = query.one_of("status", list(HourStatus))
    return parse_hours(query), status


def parse_hours(query: Query) -> HoursRequest:
    """Return the range of a request, or raise ``Invalid`` with every problem of its parameters."""
    as_of = as_of_now(wiring.app().gateways, wiring.now(), wiring.app().settings.settle)
    data_type = query.one_of("data_type", list(DataType))
    span = parse_span(query, last_closed_hour(as_of.now, as_of.settle))
    query.check()
    return HoursRequest(data_type, span, as_of)


def parse_span(query: Query, last_default: Hour) -> tuple[Hour, Hour]:
    """Return the hours ``from`` and ``to`` of a request, and note what is wrong with them."""
    last = query.hour("to", last_default)
    first = query.hour("from", _default_first(last))
    if not query.problems and first > last:
        query.problem("from", "must not be after to")
    if not query.problems and count_between(first, last) > HOURS_MAX:
        query.problem("from", f"must be less than {HOURS_MAX} hours before to: send several requests")
    return first, last


def _default_first(last: Hour) -> Hour:
    try:
        return last.plus(1 - HOURS_DEFAULT)
    except OverflowError:
        # On the first day of the year 1, which is the earliest date.
        return last.first_of_day()


def neighbour(hour: Hour, hours: int) -> Hour | None:
    """Return the hour that many hours later; None before the earliest and after the latest date."""
    try:
        return hour.plus(hours)
    except OverflowError:
        return None


def data_type_parameter(default: str) -> Parameter:
    """Declare the parameter ``data_type``."""
    return choice_parameter("data_type", f"Only hours of this data type. {default}", list(DataType))


def range_parameters(data_type_default: str) -> tuple[Parameter, ...]:
    """Declare the parameters that ``parse_hours`` reads."""
    return data_type_parameter(data_type_default), *span_parameters("the last closed hour")


def span_parameters(last_default: str) -> tuple[Parameter, Parameter]:
    """Declare the parameters that ``parse_span`` reads."""
    return (
        hour_parameter("from", f"The first hour. Default: {HOURS_DEFAULT - 1} hours before the last."),
        hour_parameter("to", f"The last hour, inclusive. Default: {last_default}."),
    )


@operation(
    blueprint,
    Operation(
        name="list_hours",
        method="GET",
        route="destinations/{id}/hours",
        answers={HTTPStatus.OK: HoursView},
        query=(
            *range_parameters("Default: all."),
            choice_parameter("status", "Only hours with this status. Default: all.", list(HourStatus)),
        ),
    ),
    parse=_parse,
)
def hours(req: func.HttpRequest, parsed: tuple[HoursRequest, HourStatus | None]) -> func.HttpResponse:
    """List hours of the ledger, also of a deleted destination; by default the last 24 closed hours."""
    request, status = parsed
    gateways = wiring.app().gateways
    destination = find_history(gateways.destinations, req.route_params["id"]).value
    records = [
        record
        for key in destination.streams
        if request.data_type in {None, key.stream.data_type}
        for record in list_hours(gateways, destination, key, request.span, as_of=request.as_of)
        if status in {None, record.status}
    ]
    return answer(
        {"hours": [hour_view(record) for record in sorted(records, key=lambda record: record.hour)]}
    )


def hour_of_path(req: func.HttpRequest, query: Query) -> Hour:
    """Return the hour that the path names; note the problem if it is none."""
    text = req.route_params["hour"]
    try:
        return Hour.parse(text)
    except ValueError:
        query.problem("hour", NOT_AN_HOUR)
        return last_closed_hour(wiring.now(), wiring.app().settings.settle)


def chosen_stream(destination: Destination, data_type: DataType | None) -> StreamKey:
    """Return the stream of a data type, by default the first one; ``Invalid`` if there is none."""
    streams = (key for key in destination.streams if data_type in {None, key.stream.data_type})
    found = next(streams, None)
    if found is None:
        raise Invalid(Problem("data_type", "is not exported to this destination"))
    return found


def _parse_one(req: func.HttpRequest) -> tuple[Hour, DataType | None]:
    query = Query(req)
    found = hour_of_path(req, query), query.one_of("data_type", list(DataType))
    query.check()
    return found


@operation(
    blueprint,
    # The host tries functions in the order of their names: after "hours_summary".
    Operation(
        name="one_hour",
        method="GET",
        route="destinations/{id}/hours/{hour}",
        answers={HTTPStatus.OK: OneHourView},
        query=(data_type_parameter(FIRST_DATA_TYPE),),
    ),
    parse=_parse_one,
)
def one_hour(req: func.HttpRequest, request: tuple[Hour, DataType | None]) -> func.HttpResponse:
    """Return an hour of the ledger and its neighbours; 404 if it is neither owed nor exported."""
    hour, data_type = request
    app = wiring.app()
    destination = find_history(app.gateways.destinations, req.route_params["id"]).value
    key, as_of = (
        chosen_stream(destination, data_type),
        as_of_now(app.gateways, wiring.now(), app.settings.settle),
    )
    span = (neighbour(hour, -1) or hour, neighbour(hour, 1) or hour)
    records = {each.hour: each for each in list_hours(app.gateways, destination, key, span, as_of=as_of)}
    if hour not in records:
        raise NotFound("hour_not_found", f"The hour {hour} is neither owed nor exported.")
    previous, following = neighbour(hour, -1), neighbour(hour, 1)
    record, wanted = records[hour], destination.filter_of(key.stream)
    view: OneHourView = {
        **hour_view(record),
        "previous": previous.key if previous in records else None,
        "next": following.key if following in records else None,
        "filter_changed": record.content.filter_sha256 != (wanted.sha256 if wanted else None)
        if record.done
        else None,
        "retry_at": time_or_null(record.work.retry_at),
        "log": _log_of(app.settings, record),
    }
    return answer(view)


def _log_of(settings: Settings, record: HourRecord) -> str | None:
    resource = settings.log_resource_id
    return None if resource is None else log_link(settings.azure_portal, resource, record)


def hour_view(record: HourRecord) -> HourView:
    """Return an hour of the ledger; only an hour that is done has rows and parts."""
    done = record.done
    rows = record.content.rows if done else RowCounts()
    error = record.work.error if record.status in {HourStatus.FAILED, HourStatus.OWED} else None
    return {
        "hour": record.hour.key,
        "data_type": record.key.stream.data_type,
        "status": record.status,
        "rows": rows_view(rows),
        **row_issues_view(rows),
        "warning": rows.warning,
        "parts": [
            {"name": part.name, "rows": part.rows, "bytes": part.bytes, "md5": part.md5}
            for part in (record.content.parts if done else ())
        ],
        "filter_sha256": record.content.filter_sha256 if done else None,
        "output": output_view(record.content.output) if done and record.content.output else None,
        "attempts": record.work.attempts,
        "requested_by": record.work.requested_by,
        "started_at": time_or_null(record.work.started_at),
        "finished_at": time_or_null(record.finished_at),
        "error": fault_or_null(error),
        "refused": fault_or_null(record.work.refused.fault if record.work.refused else None),
    }
