"""Destinations over HTTP."""

from http import HTTPStatus

import azure.functions as func

from exporter import wiring
from exporter.actions.edit_destination import activate, find_destination, put_destination
from exporter.actions.list_hours import View, stream_state
from exporter.domain.destination import Destination
from exporter.domain.stored import Versioned
from exporter.triggers.answers import answer, answering, json_body, problem
from exporter.triggers.views import Json, destination_view, report_view

blueprint = func.Blueprint()


@blueprint.function_name("get_destination")
@blueprint.route("destinations/{id}", methods=["GET"])
@answering
def get(req: func.HttpRequest) -> func.HttpResponse:
    """Answer a destination, with how far it is."""
    found = find_destination(wiring.app().gateways, req.route_params["id"])
    return _shown(found)


@blueprint.function_name("put_destination")
@blueprint.route("destinations/{id}", methods=["PUT"])
@answering
def put(req: func.HttpRequest) -> func.HttpResponse:
    """Make a destination (201) or replace it (200)."""
    # Only this request needs pydantic, which takes a tenth of a cold start.
    from exporter.triggers.destination_model import parse_draft  # noqa: PLC0415

    app = wiring.app()
    draft = parse_draft(req.route_params["id"], json_body(req), app.settings.destination_hosts)
    if_match = req.headers.get("if-match")
    saved, new = put_destination(app.gateways, draft, if_match=if_match, now=wiring.now())
    return _shown(saved, HTTPStatus.CREATED if new else HTTPStatus.OK)


@blueprint.function_name("activate_destination")
@blueprint.route("destinations/{id}/activate", methods=["POST"])
@answering
def activate_destination(req: func.HttpRequest) -> func.HttpResponse:
    """Run the test upload and, if it passed, activate the destination; 422 with the report if not."""
    app = wiring.app()
    saved, report = activate(app.gateways, req.route_params["id"], now=wiring.now(), test_id=wiring.new_id())
    if report.ok:
        return _shown(saved)
    fault = report.first_fault
    detail = f"The test upload failed: {fault.message} {fault.fix}" if fault else "The test upload failed."
    code = fault.code if fault else "test_upload_failed"
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, code, detail, further=report_view(report))


def _shown(found: Versioned[Destination], status: HTTPStatus = HTTPStatus.OK) -> func.HttpResponse:
    return answer(_view(found.value), status, headers={"ETag": found.tag})


def _view(destination: Destination) -> Json:
    app = wiring.app()
    view = View(wiring.now(), app.settings.settle)
    states = [stream_state(app.gateways, key, view) for key in destination.streams]
    return destination_view(destination, states)
