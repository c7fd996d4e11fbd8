"""``/destinations`` and ``/destinations/{id}``."""

from enum import StrEnum
from http import HTTPStatus

import azure.functions as func

from exporter import wiring
from exporter.destinations import lifecycle
from exporter.destinations.changes import changed_fields
from exporter.destinations.connection_test import ConnectionTestFailed, connection_tester
from exporter.destinations.edit import Draft, put_destination
from exporter.destinations.find import find_destination, find_history
from exporter.destinations.overview import (
    LIMIT_DEFAULT,
    LIMIT_MAX,
    DestinationQuery,
    list_destinations,
    overview_of,
)
from exporter.destinations.summary import BEHIND_MAX
from exporter.domain.data_types import DataType
from exporter.domain.destination import Destination, Status
from exporter.domain.versioned import Page, Versioned
from exporter.http.audit import log_change
from exporter.http.destination_view import (
    DestinationsView,
    DestinationView,
    destination_view,
    destinations_view,
)
from exporter.http.query import (
    Query,
    choice_parameter,
    flag_parameter,
    id_parameter,
    limit_parameter,
    parse_deleted,
    text_parameter,
)
from exporter.http.responses import answer, json_body, no_content, upload_failed
from exporter.http.routing import Operation, Parameter, nothing, operation
from exporter.http.summary import current_summary
from exporter.schedule.ledger_view import AsOf, as_of_now

BODY = "exporter.http.destination_model:DestinationModel"
IF_MATCH = Parameter("If-Match", "The ETag that the destination must have, or *. Otherwise: 412.")
IF_NONE_MATCH = Parameter("If-None-Match", "With *, only create; 412 if the destination exists.")
FORCE = flag_parameter(
    "force", "With true, save new credentials or storage of an active destination without a test upload."
)
DELETED = flag_parameter("deleted", "With true, a deleted destination is returned, too.")
_LISTED = [Status.DRAFT, Status.ACTIVE, Status.PAUSED, Status.FAILING]

blueprint = func.Blueprint()


def parse_destination(req: func.HttpRequest) -> Draft:
    """Return the destination in the body."""
    return parse_body(req.route_params["id"], json_body(req))


def parse_body(destination_id: str, body: object) -> Draft:
    """Return the destination in a body, checked with the settings."""
    # pydantic takes a tenth of a cold start, and few requests need it.
    from exporter.http.destination_model import parse_draft  # noqa: PLC0415

    settings = wiring.app().settings
    hosts, own = settings.destination_hosts, settings.own_containers
    return parse_draft(destination_id, body, hosts, settings.notify_hosts, own)


def destination_answer(
    found: Versioned[Destination], status: HTTPStatus = HTTPStatus.OK
) -> func.HttpResponse:
    """Answer a destination with its ETag."""
    overview = overview_of(wiring.app().gateways, found.value, _as_of())
    return answer(destination_view(overview), status, headers={"ETag": found.tag})


def _as_of() -> AsOf:
    return as_of_now(wiring.app().gateways, wiring.now(), wiring.app().settings.settle)


class Order(StrEnum):
    """The order of a list of destinations."""

    ID = "id"
    BEHIND = "behind"


def _parse_list(req: func.HttpRequest) -> tuple[DestinationQuery, Order]:
    query = Query(req)
    order = query.one_of("sort", list(Order)) or Order.ID
    found = DestinationQuery(
        status=query.one_of("status", _LISTED),
        data_type=query.one_of("data_type", list(DataType)),
        text=query.text("q"),
        deleted=query.flag("deleted"),
        after=query.resource_id("after", "destination"),
        limit=query.limit(LIMIT_DEFAULT, LIMIT_MAX),
    )
    if found.deleted and found.status:
        query.problem("status", "must be left out with deleted=true")
    if order is Order.BEHIND:
        for name in ("status", "data_type", "q", "deleted", "after"):
            if req.params.get(name):
                query.problem(name, "must be left out with sort=behind")
    query.check()
    return found, order


@operation(
    blueprint,
    Operation(
        name="list_destinations",
        method="GET",
        route="destinations",
        answers={HTTPStatus.OK: DestinationsView},
        query=(
            choice_parameter("status", "Only destinations with this status.", _LISTED),
            choice_parameter("data_type", "Only destinations that export this data type.", list(DataType)),
            text_parameter(
                "q",
                "Only destinations with this text in id, name, container, account address, project or"
                " organization; upper and lower case are the same.",
            ),
            flag_parameter("deleted", "With true, only deleted destinations; their hours can be listed."),
            limit_parameter(LIMIT_DEFAULT, LIMIT_MAX),
            id_parameter("after", "Only destinations after this id: `next` of the page before."),
            choice_parameter(
                "sort",
                "By id, the default; or, with behind, those that owe the most hours, as of the last minute:"
                f" one page of at most {BEHIND_MAX}.",
                list(Order),
            ),
        ),
    ),
    parse=_parse_list,
)
def list_all(_: func.HttpRequest, wanted: tuple[DestinationQuery, Order]) -> func.HttpResponse:
    """List destinations by id with their status, progress, owed hours and last error, page by page."""
    query, order = wanted
    if order is Order.BEHIND:
        return answer(destinations_view(Page(current_summary().most_behind(query.limit))))
    return answer(destinations_view(list_destinations(wiring.app().gateways, _as_of(), query)))


@operation(
    blueprint,
    Operation(
        name="get_destination",
        method="GET",
        route="destinations/{id}",
        answers={HTTPStatus.OK: DestinationView},
        query=(DELETED,),
        has_etag=True,
    ),
    parse=parse_deleted,
)
def get(req: func.HttpRequest, deleted: bool) -> func.HttpResponse:  # noqa: FBT001  as ``parse`` returns it
    """Return a destination with its progress."""
    find = find_history if deleted else find_destination
    return destination_answer(find(wiring.app().gateways.destinations, req.route_params["id"]))


@operation(
    blueprint,
    Operation(
        name="put_destination",
        method="PUT",
        route="destinations/{id}",
        answers={HTTPStatus.OK: DestinationView, HTTPStatus.CREATED: DestinationView},
        problems=(HTTPStatus.CONFLICT,),
        body=BODY,
        query=(FORCE,),
        headers=(IF_MATCH, IF_NONE_MATCH),
        has_etag=True,
    ),
    parse=parse_destination,
)
def put(req: func.HttpRequest, draft: Draft) -> func.HttpResponse:
    """Create a destination (201) or replace it (200); a body without the secret keeps the stored one.

    New credentials or storage of an active destination are saved only if the test upload passes; else 422.
    """
    gateways, now = wiring.app().gateways, wiring.now()
    forced = req.params.get("force") == "true"
    test = None if forced else connection_tester(gateways, now=now, test_id=wiring.new_id())
    try:
        saved, new = put_destination(
            gateways,
            draft,
            if_match=req.headers.get("if-match"),
            if_none_match=req.headers.get("if-none-match"),
            now=now,
            test=test,
            changed_from=lambda before, after: log_change(
                req, "put_destination", created=before is None, changed=changed_fields(before, after)
            ),
        )
    except ConnectionTestFailed as failed:
        return upload_failed(failed.report)
    return destination_answer(saved, HTTPStatus.CREATED if new else HTTPStatus.OK)


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
    """Stop all exports of a destination and delete its secret; its hours can still be listed."""
    lifecycle.delete(wiring.app().gateways, req.route_params["id"], if_match=req.headers.get("if-match"))
    log_change(req, "delete_destination")
    return no_content()
