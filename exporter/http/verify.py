"""Verifications over HTTP."""

from http import HTTPStatus
from typing import TYPE_CHECKING

import azure.functions as func

from exporter import wiring
from exporter.backfill import requests
from exporter.destinations.edit import find_destination, find_history
from exporter.http.responses import answer, json_body
from exporter.http.routing import Operation, nothing, operation
from exporter.http.schemas import verification_view, verified_view
from exporter.schedule.ledger_view import AsOf
from exporter.verify import runner
from exporter.verify.range import fits_at_once, repairing, span_of, verify_at_once

if TYPE_CHECKING:
    from exporter.http.verify_model import VerifyRequest

blueprint = func.Blueprint()


def _parse(req: func.HttpRequest) -> "VerifyRequest":
    from exporter.http.verify_model import parse_verify  # noqa: PLC0415  pydantic, for few requests

    return parse_verify(json_body(req))


@operation(
    blueprint,
    Operation(
        name="verify_destination",
        method="POST",
        route="destinations/{id}/verify",
        answers={HTTPStatus.OK: "VerifiedView", HTTPStatus.ACCEPTED: "VerificationView"},
        problems=(HTTPStatus.CONFLICT,),
        body="exporter.http.verify_model:VerifyModel",
    ),
    parse=_parse,
)
def verify(req: func.HttpRequest, asked: "VerifyRequest") -> func.HttpResponse:
    """Compare the container with marker, ledger and landing, hour by hour; long ranges in the background."""
    app = wiring.app()
    destination = find_destination(app.gateways, req.route_params["id"]).value
    as_of = AsOf(wiring.now(), app.settings.settle)
    span = span_of(app.gateways, destination, asked.span, asked.data_types, as_of)
    repair = repairing(destination, requests.repairer(app.gateways, wiring.now)) if asked.repair else None
    new_id = wiring.new_id()
    if fits_at_once(span):
        verified = verify_at_once(
            app.gateways,
            destination,
            span,
            clock=wiring.now,
            as_of=as_of,
            repair=repair,
            request_id=new_id,
        )
        if verified is not None:
            return answer(verified_view(verified))
    begun = runner.begin(app.gateways, destination, span, repair=asked.repair, now=as_of.now, new_id=new_id)
    location = f"/api/destinations/{destination.id}/verifications/{begun.id}"
    shown = verification_view(begun, runner.result(app.gateways.state, begun))
    return answer(shown, HTTPStatus.ACCEPTED, {"Location": location})


@operation(
    blueprint,
    Operation(
        name="get_verification",
        method="GET",
        route="destinations/{id}/verifications/{verification_id}",
        answers={HTTPStatus.OK: "VerificationView"},
    ),
    parse=nothing,
)
def show(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Tell how far a verification in the background is, and what it has found so far."""
    gateways = wiring.app().gateways
    destination = find_history(gateways, req.route_params["id"]).value
    found = runner.find_verification(
        gateways.verifications, destination.id, req.route_params["verification_id"]
    )
    return answer(verification_view(found, runner.result(gateways.state, found)))
