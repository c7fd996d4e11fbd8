"""``/sources`` and ``/sources/{id}``."""

from collections.abc import Callable
from http import HTTPStatus

import azure.functions as func

from exporter import wiring
from exporter.domain.source import Source, SourceStatus
from exporter.domain.versioned import Versioned
from exporter.http.audit import log_change
from exporter.http.query import (
    Query,
    choice_parameter,
    flag_parameter,
    id_parameter,
    limit_parameter,
    parse_deleted,
)
from exporter.http.responses import answer, json_body, no_content, source_test_failed
from exporter.http.routing import Operation, Parameter, nothing, operation
from exporter.http.schemas import ReportView, report_view
from exporter.http.source_view import SourcesView, SourceView, source_view, sources_view
from exporter.ports import PullGateways
from exporter.sources import lifecycle
from exporter.sources.edit import SourceDraft, put_source
from exporter.sources.find import find_source, find_source_history
from exporter.sources.overview import LIMIT_DEFAULT, LIMIT_MAX, SourceQuery, list_sources, source_overview

IF_MATCH = Parameter("If-Match", "The ETag that the source must have, or *. Otherwise: 412.")
IF_NONE_MATCH = Parameter("If-None-Match", "With *, only create; 412 if the source exists.")
DELETED = flag_parameter("deleted", "With true, a deleted source is returned, too.")
_LISTED = [SourceStatus.ACTIVE, SourceStatus.PAUSED, SourceStatus.FAILING]

blueprint = func.Blueprint()


def pulls() -> PullGateways:
    """Return the gateways of the puller."""
    return wiring.app().gateways.pulls


def _parse_source(req: func.HttpRequest) -> SourceDraft:
    # pydantic takes a tenth of a cold start, and few requests need it.
    from exporter.http.source_model import parse_source  # noqa: PLC0415

    return parse_source(req.route_params["id"], json_body(req), wiring.app().settings.pull_hosts)


def _parse_list(req: func.HttpRequest) -> SourceQuery:
    query = Query(req)
    found = SourceQuery(
        status=query.one_of("status", _LISTED),
        deleted=query.flag("deleted"),
        after=query.resource_id("after", "source"),
        limit=query.limit(LIMIT_DEFAULT, LIMIT_MAX),
    )
    if found.deleted and found.status:
        query.problem("status", "must be left out with deleted=true")
    query.check()
    return found


def _source_answer(found: Versioned[Source], status: HTTPStatus = HTTPStatus.OK) -> func.HttpResponse:
    """Answer a source with its ETag."""
    overview = source_overview(pulls(), found.value, wiring.now())
    return answer(source_view(overview), status, headers={"ETag": found.tag})


@operation(
    blueprint,
    Operation(
        name="list_sources",
        method="GET",
        route="sources",
        answers={HTTPStatus.OK: SourcesView},
        query=(
            choice_parameter("status", "Only sources with this status.", _LISTED),
            flag_parameter("deleted", "With true, only deleted sources; their hours can be listed."),
            limit_parameter(LIMIT_DEFAULT, LIMIT_MAX),
            id_parameter("after", "Only sources after this id: `next` of the page before."),
        ),
    ),
    parse=_parse_list,
)
def list_all(_: func.HttpRequest, query: SourceQuery) -> func.HttpResponse:
    """List sources by id with their status, progress, owed hours and last error, page by page."""
    return answer(sources_view(list_sources(pulls(), query, wiring.now())))


@operation(
    blueprint,
    Operation(
        name="get_source",
        method="GET",
        route="sources/{id}",
        answers={HTTPStatus.OK: SourceView},
        query=(DELETED,),
        has_etag=True,
    ),
    parse=parse_deleted,
)
def get(req: func.HttpRequest, deleted: bool) -> func.HttpResponse:  # noqa: FBT001  as ``parse`` returns it
    """Return a source with its progress."""
    find = find_source_history if deleted else find_source
    return _source_answer(find(pulls().sources, req.route_params["id"]))


@operation(
    blueprint,
    Operation(
        name="put_source",
        method="PUT",
        route="sources/{id}",
        answers={HTTPStatus.OK: SourceView, HTTPStatus.CREATED: SourceView},
        problems=(HTTPStatus.CONFLICT,),
        body="exporter.http.source_model:SourceModel",
        headers=(IF_MATCH, IF_NONE_MATCH),
        has_etag=True,
    ),
    parse=_parse_source,
)
def put(req: func.HttpRequest, draft: SourceDraft) -> func.HttpResponse:
    """Create an active source (201) or replace it (200); a body without secret_key keeps the stored one."""
    saved, new = put_source(
        wiring.app().gateways,
        draft,
        if_match=req.headers.get("if-match"),
        if_none_match=req.headers.get("if-none-match"),
        now=wiring.now(),
    )
    log_change(req, "put_source", kind="source", created=new)
    return _source_answer(saved, HTTPStatus.CREATED if new else HTTPStatus.OK)


@operation(
    blueprint,
    Operation(
        name="delete_source",
        method="DELETE",
        route="sources/{id}",
        answers={HTTPStatus.NO_CONTENT: None},
        problems=(HTTPStatus.CONFLICT,),
        headers=(IF_MATCH,),
    ),
    parse=nothing,
)
def delete(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Pull no further hour of a source and delete its secret key; its hours can still be listed."""
    lifecycle.delete(pulls(), req.route_params["id"], if_match=req.headers.get("if-match"))
    log_change(req, "delete_source", kind="source")
    return no_content()


@operation(
    blueprint,
    Operation(
        name="test_source",
        method="POST",
        route="sources/{id}/test",
        answers={HTTPStatus.OK: ReportView},
    ),
    parse=nothing,
)
def test(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Ask the API of a source as a pull does, and report each step; nothing is landed."""
    return answer(report_view(lifecycle.test(pulls(), req.route_params["id"], now=wiring.now())))


def _transition(name: str, verb: str) -> Operation:
    return Operation(
        name=name,
        method="POST",
        route=f"sources/{{id}}/{verb}",
        answers={HTTPStatus.OK: SourceView},
        problems=(HTTPStatus.CONFLICT,),
        headers=(IF_MATCH,),
        has_etag=True,
    )


@operation(blueprint, _transition("activate_source", "activate"), parse=nothing)
def activate(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Run the test; if it passes, pull again at the next tick, otherwise 422 with the report."""
    saved, report = lifecycle.activate(
        pulls(), req.route_params["id"], now=wiring.now(), if_match=req.headers.get("if-match")
    )
    if not report.ok:
        return source_test_failed(report)
    log_change(req, "activate_source", kind="source")
    return _source_answer(saved)


@operation(blueprint, _transition("pause_source", "pause"), parse=nothing)
def pause(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Pull no further hour until the source is resumed; the hours of its project stay open."""
    return _move(req, "pause_source", lifecycle.pause)


@operation(blueprint, _transition("resume_source", "resume"), parse=nothing)
def resume(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Pull again, without a test; the hours of the pause are owed."""
    return _move(req, "resume_source", lifecycle.resume)


def _move(req: func.HttpRequest, action: str, change: Callable[..., Versioned[Source]]) -> func.HttpResponse:
    moved = change(pulls(), req.route_params["id"], if_match=req.headers.get("if-match"))
    log_change(req, action, kind="source")
    return _source_answer(moved)
