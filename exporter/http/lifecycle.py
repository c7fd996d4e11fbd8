"""The life of a destination over HTTP: tested, activated, paused, resumed."""

from http import HTTPStatus

import azure.functions as func

from exporter import wiring
from exporter.destinations import lifecycle
from exporter.destinations.edit import Draft
from exporter.http.destinations import BODY, IF_MATCH, shown
from exporter.http.responses import answer, json_body
from exporter.http.routing import Operation, nothing, operation
from exporter.http.schemas import report_view
from exporter.http.test_reports import upload_failed

# What stands for the id of a destination that has none yet: no file and no row is named after it.
UNSAVED = "unsaved"

blueprint = func.Blueprint()


def _parse_unsaved(req: func.HttpRequest) -> Draft:
    """Return the destination that the body describes; it may name an id, but need not."""
    from exporter.http.destination_model import parse_draft  # noqa: PLC0415  as in put

    settings, body = wiring.app().settings, json_body(req)
    named = body.get("id") if isinstance(body, dict) else None
    destination_id = named if isinstance(named, str) else UNSAVED
    hosts, own = settings.destination_hosts, settings.own_containers
    return parse_draft(destination_id, body, hosts, settings.notify_hosts, own)


@operation(
    blueprint,
    Operation(
        name="test_upload",
        method="POST",
        route="test-upload",
        answers={HTTPStatus.OK: "ReportView"},
        body=BODY,
    ),
    parse=_parse_unsaved,
)
def try_unsaved(_: func.HttpRequest, draft: Draft) -> func.HttpResponse:
    """Run the test upload of a destination that is not saved; nothing of it is kept."""
    gateways = wiring.app().gateways
    report = lifecycle.try_draft(gateways, draft, now=wiring.now(), test_id=wiring.new_id())
    return answer(report_view(report))


@operation(
    blueprint,
    Operation(
        name="test_upload_of_destination",
        method="POST",
        route="destinations/{id}/test-upload",
        answers={HTTPStatus.OK: "ReportView"},
    ),
    parse=nothing,
)
def try_saved(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Run the test upload of a saved destination, and keep the report with it."""
    report = lifecycle.try_saved(
        wiring.app().gateways, req.route_params["id"], now=wiring.now(), test_id=wiring.new_id()
    )
    return answer(report_view(report))


@operation(
    blueprint,
    Operation(
        name="activate_destination",
        method="POST",
        route="destinations/{id}/activate",
        answers={HTTPStatus.OK: "DestinationView"},
        problems=(HTTPStatus.CONFLICT,),
        headers=(IF_MATCH,),
        tagged=True,
    ),
    parse=nothing,
)
def activate(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Run the test upload and, if all of it passed, export from now on; 422 with the report if not."""
    saved, report = lifecycle.activate(
        wiring.app().gateways,
        req.route_params["id"],
        now=wiring.now(),
        test_id=wiring.new_id(),
        if_match=req.headers.get("if-match"),
    )
    return shown(saved) if report.ok else upload_failed(report)


@operation(
    blueprint,
    Operation(
        name="pause_destination",
        method="POST",
        route="destinations/{id}/pause",
        answers={HTTPStatus.OK: "DestinationView"},
        problems=(HTTPStatus.CONFLICT,),
        headers=(IF_MATCH,),
        tagged=True,
    ),
    parse=nothing,
)
def pause(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Export no further hour until the destination is resumed; an hour that is being exported is finished."""
    destination_id, if_match = req.route_params["id"], req.headers.get("if-match")
    return shown(lifecycle.pause(wiring.app().gateways, destination_id, if_match=if_match))


@operation(
    blueprint,
    Operation(
        name="resume_destination",
        method="POST",
        route="destinations/{id}/resume",
        answers={HTTPStatus.OK: "DestinationView"},
        problems=(HTTPStatus.CONFLICT,),
        headers=(IF_MATCH,),
        tagged=True,
    ),
    parse=nothing,
)
def resume(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Export again, beginning with the oldest hour that is owed: those of the pause are caught up."""
    destination_id, if_match = req.route_params["id"], req.headers.get("if-match")
    return shown(lifecycle.resume(wiring.app().gateways, destination_id, if_match=if_match))
