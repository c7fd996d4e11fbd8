"""Destinations over HTTP: making, changing, seeing and removing them."""

from http import HTTPStatus
from types import MappingProxyType

import azure.functions as func

from exporter import wiring
from exporter.destinations import lifecycle
from exporter.destinations.edit import Draft, find_destination, put_destination
from exporter.destinations.overview import list_destinations, look_at
from exporter.destinations.proof import NotProvenError, prover
from exporter.domain.destination import Destination
from exporter.domain.versioned import Versioned
from exporter.http.responses import answer, json_body, no_content
from exporter.http.routing import Operation, Parameter, nothing, operation
from exporter.http.schemas import destination_view, destinations_view
from exporter.http.test_reports import upload_failed
from exporter.schedule.ledger_view import AsOf

BODY = "exporter.http.destination_model:DestinationModel"
IF_MATCH = Parameter("If-Match", "The ETag that the destination must still have, or *; else 412.")
IF_NONE_MATCH = Parameter(
    "If-None-Match", "With *, only a destination that does not exist is made; else 412."
)
FORCE = Parameter(
    "force",
    "With true, new credentials or another storage of an active destination are saved untried.",
    MappingProxyType({"type": "string", "enum": ["true", "false"]}),
)

blueprint = func.Blueprint()


def parse_destination(req: func.HttpRequest) -> Draft:
    """Return the destination that the body describes."""
    # Only requests with such a body need pydantic, which takes a tenth of a cold start.
    from exporter.http.destination_model import parse_draft  # noqa: PLC0415

    settings = wiring.app().settings
    hosts, own = settings.destination_hosts, settings.own_containers
    return parse_draft(req.route_params["id"], json_body(req), hosts, settings.notify_hosts, own)


def shown(found: Versioned[Destination], status: HTTPStatus = HTTPStatus.OK) -> func.HttpResponse:
    """Answer a destination as it stands, with the ETag to change it by."""
    return answer(
        destination_view(look_at(wiring.app().gateways, found.value, _view())),
        status,
        headers={"ETag": found.tag},
    )


def _view() -> AsOf:
    return AsOf(wiring.now(), wiring.app().settings.settle)


@operation(
    blueprint,
    Operation(
        name="list_destinations",
        method="GET",
        route="destinations",
        answers={HTTPStatus.OK: "DestinationsView"},
    ),
    parse=nothing,
)
def list_all(_: func.HttpRequest, __: None) -> func.HttpResponse:
    """List all destinations: how far each is, how many hours it owes, since which hour, and why."""
    return answer(destinations_view(list_destinations(wiring.app().gateways, _view())))


@operation(
    blueprint,
    Operation(
        name="get_destination",
        method="GET",
        route="destinations/{id}",
        answers={HTTPStatus.OK: "DestinationView"},
        tagged=True,
    ),
    parse=nothing,
)
def get(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Show a destination, and how far it is."""
    return shown(find_destination(wiring.app().gateways, req.route_params["id"]))


@operation(
    blueprint,
    Operation(
        name="put_destination",
        method="PUT",
        route="destinations/{id}",
        answers={HTTPStatus.OK: "DestinationView", HTTPStatus.CREATED: "DestinationView"},
        problems=(HTTPStatus.CONFLICT,),
        body=BODY,
        query=(FORCE,),
        headers=(IF_MATCH, IF_NONE_MATCH),
        tagged=True,
    ),
    parse=parse_destination,
)
def put(req: func.HttpRequest, draft: Draft) -> func.HttpResponse:
    """Make a destination (201) or replace it (200); without its secret, the stored one is kept.

    A new secret of an active destination replaces the old one only if the test upload passes; 422 if not.
    """
    gateways, now = wiring.app().gateways, wiring.now()
    prove = None if req.params.get("force") == "true" else prover(gateways, now=now, test_id=wiring.new_id())
    try:
        saved, new = put_destination(
            gateways,
            draft,
            if_match=req.headers.get("if-match"),
            if_none_match=req.headers.get("if-none-match"),
            now=now,
            prove=prove,
        )
    except NotProvenError as refused:
        return upload_failed(refused.report)
    return shown(saved, HTTPStatus.CREATED if new else HTTPStatus.OK)


@operation(
    blueprint,
    Operation(
        name="delete_destination",
        method="DELETE",
        route="destinations/{id}",
        answers={HTTPStatus.NO_CONTENT: None},
        problems=(HTTPStatus.CONFLICT,),
        headers=(IF_MATCH,),
    ),
    parse=nothing,
)
def delete(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Stop all exports of a destination and forget its secret; its hours can still be listed."""
    lifecycle.delete(wiring.app().gateways, req.route_params["id"], if_match=req.headers.get("if-match"))
    return no_content()
