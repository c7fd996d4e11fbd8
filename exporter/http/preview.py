"""``POST /destinations/{id}/preview``."""

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

import azure.functions as func
import orjson

from exporter import wiring
from exporter.destinations.find import find_destination
from exporter.destinations.preview import Preview, preview
from exporter.domain.hour import Hour
from exporter.http.responses import answer, json_body
from exporter.http.routing import Operation, operation
from exporter.http.schemas import HourKey, Json, RowIssuesView, RowsView, row_issues_view, rows_view

if TYPE_CHECKING:
    from exporter.http.preview_model import PreviewRequest

blueprint = func.Blueprint()


class PreviewView(RowIssuesView):
    """The effect of a filter on an hour; ``complete`` is false if only a part of the hour was read."""

    hour: HourKey
    rows: RowsView
    examples: list[Json]
    complete: bool


def _parse(req: func.HttpRequest) -> "PreviewRequest":
    from exporter.http.preview_model import parse_preview  # noqa: PLC0415  pydantic, for few requests

    return parse_preview(json_body(req))


@operation(
    blueprint,
    Operation(
        name="preview_destination",
        method="POST",
        route="destinations/{id}/preview",
        answers={HTTPStatus.OK: PreviewView},
        problems=(HTTPStatus.CONFLICT,),
        body="exporter.http.preview_model:PreviewModel",
    ),
    parse=_parse,
)
def show(req: func.HttpRequest, request: "PreviewRequest") -> func.HttpResponse:
    """Count the events of an hour that the filter keeps, with up to ten examples; nothing is written."""
    gateways = wiring.app().gateways
    destination = find_destination(gateways.destinations, req.route_params["id"]).value
    if request.overrides_filter:
        destination = replace(destination, event_filter=request.event_filter)
    found = preview(destination, request.hour, gateways.landing, wiring.now)
    return answer(preview_view(request.hour, found))


def preview_view(hour: Hour, found: Preview) -> PreviewView:
    """Return a preview; each example has exactly the bytes that an export would write."""
    return {
        "hour": hour.key,
        "rows": rows_view(found.rows),
        **row_issues_view(found.rows),
        "examples": cast("list[Json]", [orjson.Fragment(line) for line in found.examples]),
        "complete": found.complete,
    }
