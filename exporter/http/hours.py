"""``GET /destinations/{id}/hours``: the ledger."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import TypedDict

import azure.functions as func

from exporter import wiring
from exporter.destinations.find import find_history
from exporter.domain.data_types import DataType
from exporter.domain.hour import Hour, count_between, last_closed_hour
from exporter.domain.hour_content import RowCounts
from exporter.domain.hour_record import HourRecord, HourStatus
from exporter.http.query import Query, choice_parameter, hour_parameter
from exporter.http.responses import answer
from exporter.http.routing import Operation, operation
from exporter.http.schemas import (
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
from exporter.schedule.ledger_view import AsOf, list_hours

HOURS_DEFAULT = 24
# A leap year: keeps the answer small enough to read and fast enough to compute.
HOURS_MAX = 366 * 24

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


class HoursView(TypedDict):
    """Hours, oldest first."""

    hours: list[HourView]


@dataclass(frozen=True, slots=True)
class _HoursRequest:
    """A range of hours, both ends inclusive; ``data_type`` None means all."""

    data_type: DataType | None
    span: tuple[Hour, Hour]
    as_of: AsOf


def _parse(req: func.HttpRequest) -> _HoursRequest:
    as_of = AsOf(wiring.now(), wiring.app().settings.settle)
    query = Query(req)
    data_type = query.one_of("data_type", list(DataType))
    last = query.hour("to", last_closed_hour(as_of.now, as_of.settle))
    first = query.hour("from", _default_first(last))
    if not query.problems and first > last:
        query.problem("from", "must not be after to")
    if not query.problems and count_between(first, last) > HOURS_MAX:
        query.problem("from", f"must be less than {HOURS_MAX} hours before to: send several requests")
    query.check()
    return _HoursRequest(data_type, (first, last), as_of)


def _default_first(last: Hour) -> Hour:
    try:
        return last.plus(1 - HOURS_DEFAULT)
    except OverflowError:
        # On the first day of the year 1, which is the earliest date.
        return last.first_of_day()


@operation(
    blueprint,
    Operation(
        name="list_hours",
        method="GET",
        route="destinations/{id}/hours",
        answers={HTTPStatus.OK: HoursView},
        query=(
            choice_parameter("data_type", "Only hours of this data type. Default: all.", list(DataType)),
            hour_parameter("from", f"The first hour. Default: {HOURS_DEFAULT - 1} hours before the last."),
            hour_parameter("to", "The last hour, inclusive. Default: the last closed hour."),
        ),
    ),
    parse=_parse,
)
def hours(req: func.HttpRequest, request: _HoursRequest) -> func.HttpResponse:
    """List hours of the ledger, also of a deleted destination; by default the last 24 closed hours."""
    gateways = wiring.app().gateways
    destination = find_history(gateways.destinations, req.route_params["id"]).value
    records = [
        record
        for key in destination.streams
        if request.data_type in {None, key.stream.data_type}
        for record in list_hours(gateways, destination, key, request.span, as_of=request.as_of)
    ]
    return answer(
        {"hours": [hour_view(record) for record in sorted(records, key=lambda record: record.hour)]}
    )


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
