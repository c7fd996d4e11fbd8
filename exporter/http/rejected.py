"""``GET /destinations/{id}/hours/{hour}/rejected``: the rejected and amended rows of an hour."""

from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import TypedDict

import azure.functions as func

from exporter import wiring
from exporter.destinations.find import find_history
from exporter.destinations.rejected_rows import (
    LIMIT_DEFAULT,
    LIMIT_MAX,
    RejectedPage,
    RejectedQuery,
    rejected_rows,
)
from exporter.domain.data_types import DataType
from exporter.domain.hour import Hour
from exporter.domain.row_schema import Reason
from exporter.http.hours import FIRST_DATA_TYPE, chosen_stream, data_type_parameter, hour_of_path
from exporter.http.query import Query, choice_parameter, limit_parameter
from exporter.http.responses import answer
from exporter.http.routing import Operation, Parameter, operation
from exporter.http.schemas import HourKey, RowIssuesView, row_issues_view
from exporter.pipeline.rejected_rows import KeptRow

# More rows than any hour has.
_NUMBER_MAX = 10**12
_AFTER = Parameter(
    "after",
    "Only rows after the one of this number: `next` of the page before.",
    MappingProxyType({"type": "integer", "minimum": 0, "maximum": _NUMBER_MAX, "default": 0}),
)

blueprint = func.Blueprint()


class RejectedRowView(TypedDict):
    """A rejected row, or an amended one, which is ``exported``; ``number`` counts from 1 in an hour.

    ``row`` is its text, or ``row_base64`` its bytes if these are not UTF-8; ``cut`` says that only the
    beginning is shown. ``piece`` counts the pieces of a row that is stored in several.
    """

    number: int
    blob: str
    line: int
    piece: int
    reason: Reason
    detail: str
    keys: list[str]
    exported: bool
    row: str | None
    row_base64: str | None
    cut: bool


class RejectedRowsView(RowIssuesView):
    """The rejected and amended rows of an hour, and the counts of all of them.

    ``lost_blobs`` is the number of blobs with such rows that are gone or damaged. ``next`` is the value of
    ``after`` for the next page, null on the last page.
    """

    hour: HourKey
    data_type: DataType
    rejected: int
    rows: list[RejectedRowView]
    lost_blobs: int
    next: int | None


@dataclass(frozen=True, slots=True)
class _Request:
    hour: Hour
    data_type: DataType | None
    query: RejectedQuery


def _parse(req: func.HttpRequest) -> _Request:
    query = Query(req)
    found = _Request(
        hour_of_path(req, query),
        query.one_of("data_type", list(DataType)),
        RejectedQuery(
            reason=query.one_of("reason", list(Reason)),
            after=query.number("after", 0, least=0, most=_NUMBER_MAX),
            limit=query.limit(LIMIT_DEFAULT, LIMIT_MAX),
        ),
    )
    query.check()
    return found


@operation(
    blueprint,
    Operation(
        name="list_rejected_rows",
        method="GET",
        route="destinations/{id}/hours/{hour}/rejected",
        answers={HTTPStatus.OK: RejectedRowsView},
        query=(
            data_type_parameter(FIRST_DATA_TYPE),
            choice_parameter("reason", "Only rows with this reason. Default: all.", list(Reason)),
            limit_parameter(LIMIT_DEFAULT, LIMIT_MAX),
            _AFTER,
        ),
    ),
    parse=_parse,
)
def list_rejected(req: func.HttpRequest, request: _Request) -> func.HttpResponse:
    """List the rejected and amended rows of an exported hour, each up to 4 KiB, page by page."""
    gateways = wiring.app().gateways
    destination = find_history(gateways.destinations, req.route_params["id"]).value
    key = chosen_stream(destination, request.data_type)
    page = rejected_rows(gateways.ledger, gateways.rejected, key, request.hour, request.query)
    return answer(rejected_view(page))


def rejected_view(page: RejectedPage) -> RejectedRowsView:
    """Return a page of rejected rows, with the counts of their hour."""
    record = page.record
    return {
        "hour": record.hour.key,
        "data_type": record.key.stream.data_type,
        "rejected": record.content.rows.rejected,
        **row_issues_view(record.content.rows),
        "rows": [_row_view(number, row) for number, row in page.rows],
        "lost_blobs": page.lost,
        "next": page.next_after,
    }


def _row_view(number: int, row: KeptRow) -> RejectedRowView:
    why = row.why
    return {
        "number": number,
        "blob": why["blob"],
        "line": why["line"],
        "piece": why.get("piece", 1),
        "reason": Reason(row.reason),
        "detail": why["detail"],
        "keys": why.get("keys", []),
        "exported": why.get("exported", False),
        "row": None if row.base64 else row.content,
        "row_base64": row.content if row.base64 else None,
        "cut": row.cut,
    }
