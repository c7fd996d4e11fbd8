"""Test upload, activation, pause and resumption of a destination."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

import azure.functions as func

from exporter import wiring
from exporter.destinations import lifecycle
from exporter.destinations.edit import Draft
from exporter.domain.destination import Destination
from exporter.domain.versioned import Versioned
from exporter.http.audit import log_change
from exporter.http.destination_view import DestinationView
from exporter.http.destinations import BODY, IF_MATCH, destination_answer, parse_body
from exporter.http.responses import answer, json_body, upload_failed
from exporter.http.routing import Operation, nothing, operation
from exporter.http.schemas import ReportView, report_view

# The id of an unsaved destination without one; nothing is stored under it.
UNSAVED = "unsaved"

blueprint = func.Blueprint()


def _parse_unsaved(req: func.HttpRequest) -> Draft:
    """Return the destination in the body; its id is optional."""
    body = json_body(req)
    named = body.get("id") if isinstance(body, dict) else None
    return parse_body(named if isinstance(named, str) else UNSAVED, body)


@operation(
    blueprint,
    Operation(
        name="test_upload",
        method="POST",
        route="test-upload",
        answers={HTTPStatus.OK: ReportView},
        body=BODY,
    ),
    parse=_parse_unsaved,
)
def run_unsaved_test(_: func.HttpRequest, draft: Draft) -> func.HttpResponse:
    """Run the test upload of an unsaved destination; nothing is stored."""
    gateways = wiring.app().gateways
    report = lifecycle.run_draft_test(gateways, draft, now=wiring.now(), test_id=wiring.new_id())
    return answer(report_view(report))


@operation(
    blueprint,
    Operation(
        name="test_upload_of_destination",
        method="POST",
        route="destinations/{id}/test-upload",
        answers={HTTPStatus.OK: ReportView},
    ),
    parse=nothing,
)
def run_saved_test(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Run the test upload of a saved destination and store the report with it."""
    report = lifecycle.run_saved_test(
        wiring.app().gateways, req.route_params["id"], now=wiring.now(), test_id=wiring.new_id()
    )
    return answer(report_view(report))


def _parse_activation(req: func.HttpRequest) -> datetime | None:
    """Return the beginning of the first day whose events are owed; None for the day of activation."""
    if not req.get_body():
        return None
    from exporter.http.activate_model import parse_activation  # noqa: PLC0415  pydantic, for few requests

    return parse_activation(json_body(req))


def _transition(name: str, verb: str, body: str | None = None) -> Operation:
    return Operation(
        body=body,
        body_required=False,
        name=name,
        method="POST",
        route=f"destinations/{{id}}/{verb}",
        answers={HTTPStatus.OK: DestinationView},
        problems=(HTTPStatus.CONFLICT,),
        headers=(IF_MATCH,),
        has_etag=True,
    )


@operation(
    blueprint,
    _transition("activate_destination", "activate", "exporter.http.activate_model:ActivateModel"),
    parse=_parse_activation,
)
def activate(req: func.HttpRequest, since: datetime | None) -> func.HttpResponse:
    """Run the test upload; if it passes, start the exports, otherwise 422 with the report.

    With `from`, events are owed from that UTC day on, and not only from today.
    """
    saved, report = lifecycle.activate(
        wiring.app().gateways,
        req.route_params["id"],
        now=wiring.now(),
        test_id=wiring.new_id(),
        if_match=req.headers.get("if-match"),
        since=since,
    )
    if not report.ok:
        return upload_failed(report)
    log_change(req, "activate_destination")
    return destination_answer(saved)


@operation(blueprint, _transition("pause_destination", "pause"), parse=nothing)
def pause(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Start no further hour until the destination is resumed; a running hour finishes."""
    return _move(req, lifecycle.pause, "pause_destination")


@operation(blueprint, _transition("resume_destination", "resume"), parse=nothing)
def resume(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Export again, from the oldest owed hour on; the hours of the pause are owed too."""
    return _move(req, lifecycle.resume, "resume_destination")


def _move(
    req: func.HttpRequest, change: Callable[..., Versioned[Destination]], action: str
) -> func.HttpResponse:
    destination_id, if_match = req.route_params["id"], req.headers.get("if-match")
    moved = change(wiring.app().gateways, destination_id, if_match=if_match)
    log_change(req, action)
    return destination_answer(moved)
