"""Previews over HTTP."""

from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

import azure.functions as func

from exporter import wiring
from exporter.destinations.edit import find_destination
from exporter.destinations.preview import preview
from exporter.http.responses import answer, json_body
from exporter.http.routing import Operation, operation
from exporter.http.schemas import preview_view

if TYPE_CHECKING:
    from exporter.http.preview_model import PreviewRequest

blueprint = func.Blueprint()


def _parse(req: func.HttpRequest) -> "PreviewRequest":
    from exporter.http.preview_model import parse_preview  # noqa: PLC0415  pydantic, for few requests

    return parse_preview(json_body(req))


@operation(
    blueprint,
    Operation(
        name="preview_destination",
        method="POST",
        route="destinations/{id}/preview",
        answers={HTTPStatus.OK: "PreviewView"},
        problems=(HTTPStatus.CONFLICT,),
        body="exporter.http.preview_model:PreviewModel",
    ),
    parse=_parse,
)
def show(req: func.HttpRequest, asked: "PreviewRequest") -> func.HttpResponse:
    """Tell how many events of an hour the filter would keep, and show some; nothing is written."""
    app = wiring.app()
    destination = find_destination(app.gateways, req.route_params["id"]).value
    if asked.tries:
        destination = replace(destination, event_filter=asked.tried)
    found = preview(destination, asked.hour, app.gateways.landing, wiring.now)
    return answer(preview_view(asked.hour, found))
