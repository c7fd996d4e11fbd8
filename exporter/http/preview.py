"""``POST /destinations/{id}/preview`` and ``POST /preview``."""

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, TypedDict, cast

import azure.functions as func
import orjson

from exporter import wiring
from exporter.destinations.find import find_destination
from exporter.destinations.preview import Preview, preview, preview_unsaved
from exporter.domain.data_types import DataType
from exporter.domain.errors import NotFound
from exporter.domain.hour import Hour
from exporter.domain.streams import Stream
from exporter.http.landing import surveyed
from exporter.http.responses import answer, json_body
from exporter.http.routing import Operation, operation
from exporter.http.schemas import HourKey, Json, RowIssuesView, RowsView, row_issues_view, rows_view

if TYPE_CHECKING:
    from exporter.http.preview_model import PreviewRequest, UnsavedPreviewRequest

blueprint = func.Blueprint()


class PreviewView(RowIssuesView):
    """The effect of a filter on an hour; ``complete`` is false if only a part of the hour was read."""

    hour: HourKey
    rows: RowsView
    examples: list[Json]
    complete: bool


class SeenPropertyView(TypedDict):
    """A property: the kinds of its values, the number of rows that have it, up to five frequent values."""

    property: str
    kinds: list[str]
    rows: int
    values: list[str | int | float | bool]


class UnsavedPreviewView(PreviewView):
    """The effect of a filter on an hour of a project, and the properties of a sample of its rows."""

    properties: list[SeenPropertyView]


def _parse(req: func.HttpRequest) -> "PreviewRequest":
    from exporter.http.preview_model import parse_preview  # noqa: PLC0415  pydantic, for few requests

    return parse_preview(json_body(req))


def _parse_unsaved(req: func.HttpRequest) -> "UnsavedPreviewRequest":
    from exporter.http.preview_model import parse_unsaved_preview  # noqa: PLC0415  as above

    return parse_unsaved_preview(json_body(req))


@operation(
    blueprint,
    Operation(
        name="preview",
        method="POST",
        route="preview",
        answers={HTTPStatus.OK: UnsavedPreviewView},
        problems=(HTTPStatus.NOT_FOUND,),
        body="exporter.http.preview_model:UnsavedPreviewModel",
    ),
    parse=_parse_unsaved,
)
def show_unsaved(_: func.HttpRequest, request: "UnsavedPreviewRequest") -> func.HttpResponse:
    """Count the events of an hour of a project that a filter keeps, with examples and properties.

    Nothing is written.
    """
    gateways = wiring.app().gateways
    hour = request.hour or _newest_hour(request.project_id)
    found, seen = preview_unsaved(
        request.project_id, request.event_filter, hour, gateways.landing, wiring.now
    )
    view: UnsavedPreviewView = {
        **preview_view(hour, found),
        "properties": [
            {
                "property": each.name,
                "kinds": list(each.kinds),
                "rows": each.rows,
                "values": _as_written(each.values),
            }
            for each in seen
        ],
    }
    return answer(view)


def _as_written(values: tuple[str, ...]) -> list[str | int | float | bool]:
    """Return JSON values for an answer; a number may have more digits than a JSON library keeps."""
    return cast("list[str | int | float | bool]", [orjson.Fragment(text) for text in values])


def _newest_hour(project_id: int) -> Hour:
    """Return the newest hour of a project that has landed."""
    stream = Stream(DataType.EVENTS, project_id)
    found = next((each for each in surveyed().streams if each.stream == stream), None)
    if found is None or found.last is None:
        raise NotFound("nothing_landed", "No events of this project have landed.")
    return found.last


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
