"""Backfills over HTTP."""

from http import HTTPStatus

import azure.functions as func

from exporter import wiring
from exporter.backfill import lifecycle, requests
from exporter.backfill.progress import progress_of
from exporter.backfill.requests import BackfillRequest
from exporter.domain.backfill import Backfill
from exporter.http.responses import answer, json_body
from exporter.http.routing import Operation, nothing, operation
from exporter.http.schemas import BackfillView, backfill_view
from exporter.schedule.ledger_view import AsOf

blueprint = func.Blueprint()


def _parse(req: func.HttpRequest) -> BackfillRequest:
    from exporter.http.backfill_model import parse_backfill  # noqa: PLC0415  pydantic, for few requests

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
        body="exporter.http.backfill_model:BackfillModel",
    ),
    parse=_parse,
)
def ask(req: func.HttpRequest, asked: BackfillRequest) -> func.HttpResponse:
    """Export the hours of a range again, however long it is; each replaces what is there of it."""
    app = wiring.app()
    begun = requests.create(
        app.gateways,
        req.route_params["id"],
        asked,
        as_of=AsOf(wiring.now(), app.settings.settle),
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
    found = lifecycle.list_backfills(wiring.app().gateways, req.route_params["id"])
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
    return answer(_shown(lifecycle.find_backfill(wiring.app().gateways, *_ids(req))))


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
    return answer(_shown(lifecycle.cancel(wiring.app().gateways, *_ids(req), now=wiring.now())))


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
    again = lifecycle.retry(wiring.app().gateways, destination_id, backfill_id, now=wiring.now())
    location = f"/api/destinations/{destination_id}/backfills/{backfill_id}"
    return answer(_shown(again), HTTPStatus.ACCEPTED, {"Location": location})
