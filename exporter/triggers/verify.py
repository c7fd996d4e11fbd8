"""Verifications over HTTP, and the queue of their steps."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

import azure.functions as func

from exporter import wiring
from exporter.actions import ask_for_backfill, verify_in_steps
from exporter.actions.edit_destination import find_destination, find_history
from exporter.actions.list_hours import View
from exporter.actions.verify import fits_at_once, repairing, span_of, verify_at_once
from exporter.domain.destination import Destination
from exporter.domain.hours import Hour
from exporter.domain.streams import DataType
from exporter.storage.verify_steps import QUEUE, parse_step
from exporter.triggers.answers import answer, json_body
from exporter.triggers.messages import body_of, on_message
from exporter.triggers.operations import Operation, nothing, operation
from exporter.triggers.views import verification_view, verified_view

if TYPE_CHECKING:
    from exporter.triggers.verify_model import VerifyRequest

blueprint = func.Blueprint()
_log = logging.getLogger(__name__)


def _parse(req: func.HttpRequest) -> "VerifyRequest":
    from exporter.triggers.verify_model import parse_verify  # noqa: PLC0415  pydantic, for few requests

    return parse_verify(json_body(req))


def _repair(destination: Destination, hours: Sequence[tuple[DataType, Hour]], request_id: str) -> str:
    return ask_for_backfill.repair(wiring.app().gateways, destination, hours, request_id, wiring.now())


@operation(
    blueprint,
    Operation(
        name="verify_destination",
        method="POST",
        route="destinations/{id}/verify",
        answers={HTTPStatus.OK: "VerifiedView", HTTPStatus.ACCEPTED: "VerificationView"},
        problems=(HTTPStatus.CONFLICT,),
        body="exporter.triggers.verify_model:VerifyModel",
    ),
    parse=_parse,
)
def verify(req: func.HttpRequest, asked: "VerifyRequest") -> func.HttpResponse:
    """Compare the container with marker, ledger and landing, hour by hour; long ranges in the background."""
    app = wiring.app()
    destination = find_destination(app.gateways, req.route_params["id"]).value
    view = View(wiring.now(), app.settings.settle)
    span = span_of(app.gateways, destination, asked.span, asked.data_types, view)
    repair = repairing(destination, _repair) if asked.repair else None
    new_id = wiring.new_id()
    if fits_at_once(span):
        verified = verify_at_once(
            app.gateways,
            destination,
            span,
            clock=wiring.now,
            view=view,
            repair=repair,
            request_id=new_id,
        )
        if verified is not None:
            return answer(verified_view(verified))
    begun = verify_in_steps.begin(
        app.gateways, destination, span, repair=asked.repair, now=view.now, new_id=new_id
    )
    location = f"/api/destinations/{destination.id}/verifications/{begun.id}"
    shown = verification_view(begun, verify_in_steps.result(app.gateways, begun))
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
    found = verify_in_steps.find_verification(gateways, destination.id, req.route_params["verification_id"])
    return answer(verification_view(found, verify_in_steps.result(gateways, found)))


@on_message(blueprint, "verify_step", QUEUE)
def verify_step(message: func.QueueMessage) -> None:
    """Take a step of a verification. What is raised makes the host deliver the message again."""
    step = parse_step(body_of(message))
    app = wiring.app()
    stepper = verify_in_steps.Stepper(
        clock=wiring.now,
        step_id=wiring.new_id(),
        settle=app.settings.settle,
        repair=_repair,
        redelivered=(message.dequeue_count or 1) > 1,
    )
    verify_in_steps.take_step(step, app.gateways, stepper)
    _log.info("verification %s: step from %s", step.verification_id, step.next)
