"""Backfills over HTTP, and the queue of their steps."""

import logging
from http import HTTPStatus

import azure.functions as func

from exporter import wiring
from exporter.actions import ask_for_backfill, run_backfill
from exporter.actions.ask_for_backfill import Asked
from exporter.actions.backfill_progress import progress_of
from exporter.actions.list_hours import View
from exporter.domain.backfills import Backfill
from exporter.storage.backfill_steps import QUEUE, parse_step
from exporter.triggers.answers import answer, json_body
from exporter.triggers.messages import body_of, on_message
from exporter.triggers.operations import Operation, nothing, operation
from exporter.triggers.views import BackfillView, backfill_view

blueprint = func.Blueprint()
_log = logging.getLogger(__name__)


def _parse(req: func.HttpRequest) -> Asked:
    from exporter.triggers.backfill_model import parse_backfill  # noqa: PLC0415  pydantic, for few requests

    return parse_backfill(json_body(req))


def _ids(req: func.HttpRequest) -> tuple[str, str]:
    return req.route_params["id"], req.route_params["backfill_id"]


def _shown(backfill: Backfill) -> BackfillView:
    return backfill_view(backfill, progress_of(wiring.app().gateways, backfill, wiring.now()))


@operation(
    blueprint,
    Operation(
        name="ask_for_backfill",
        method="POST",
        route="destinations/{id}/backfills",
        answers={HTTPStatus.ACCEPTED: "BackfillView"},
        problems=(HTTPStatus.CONFLICT,),
        body="exporter.triggers.backfill_model:BackfillModel",
    ),
    parse=_parse,
)
def ask(req: func.HttpRequest, asked: Asked) -> func.HttpResponse:
    """Export the hours of a range again, however long it is; each replaces what is there of it."""
    app = wiring.app()
    begun = ask_for_backfill.ask(
        app.gateways,
        req.route_params["id"],
        asked,
        view=View(wiring.now(), app.settings.settle),
        new_id=wiring.new_id(),
    )
    location = f"/api/destinations/{begun.destination_id}/backfills/{begun.id}"
    return answer(_shown(begun), HTTPStatus.ACCEPTED, {"Location": location})


@operation(
    blueprint,
    Operation(
        name="list_backfills",
        method="GET",
        route="destinations/{id}/backfills",
        answers={HTTPStatus.OK: "BackfillsView"},
    ),
    parse=nothing,
)
def show_all(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """List the backfills of a destination, even of a deleted one, the newest first."""
    found = ask_for_backfill.list_backfills(wiring.app().gateways, req.route_params["id"])
    return answer({"backfills": [_shown(each) for each in found]})


@operation(
    blueprint,
    Operation(
        name="get_backfill",
        method="GET",
        route="destinations/{id}/backfills/{backfill_id}",
        answers={HTTPStatus.OK: "BackfillView"},
    ),
    parse=nothing,
)
def show(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Tell how far a backfill is, how fast it goes, and which of its hours failed and why."""
    return answer(_shown(ask_for_backfill.find_backfill(wiring.app().gateways, *_ids(req))))


@operation(
    blueprint,
    Operation(
        name="cancel_backfill",
        method="POST",
        route="destinations/{id}/backfills/{backfill_id}/cancel",
        answers={HTTPStatus.OK: "BackfillView"},
        problems=(HTTPStatus.CONFLICT,),
    ),
    parse=nothing,
)
def cancel(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Begin no further hour of a backfill; hours that are being exported are finished, and stay."""
    return answer(_shown(ask_for_backfill.cancel(wiring.app().gateways, *_ids(req), now=wiring.now())))


@operation(
    blueprint,
    Operation(
        name="retry_backfill",
        method="POST",
        route="destinations/{id}/backfills/{backfill_id}/retry",
        answers={HTTPStatus.ACCEPTED: "BackfillView"},
        problems=(HTTPStatus.CONFLICT,),
    ),
    parse=nothing,
)
def retry(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Try the failed hours of a backfill again, and those it had not come to; none that is done."""
    destination_id, backfill_id = _ids(req)
    again = ask_for_backfill.retry(wiring.app().gateways, destination_id, backfill_id, now=wiring.now())
    location = f"/api/destinations/{destination_id}/backfills/{backfill_id}"
    return answer(_shown(again), HTTPStatus.ACCEPTED, {"Location": location})


@on_message(blueprint, "backfill_step", QUEUE)
def backfill_step(message: func.QueueMessage) -> None:
    """Take a step of a backfill. What is raised makes the host deliver the message again."""
    moved = run_backfill.take_step(
        parse_step(body_of(message)),
        wiring.app().gateways,
        wiring.now(),
        redelivered=(message.dequeue_count or 1) > 1,
    )
    if moved is not None:
        _log.info(
            "backfill %s: step %d, %s, settled up to %s, queued up to %s",
            *(moved.id, moved.step, moved.status, moved.settled, moved.planned),
        )
