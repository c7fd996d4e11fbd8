"""``/destinations/{id}/backfills``."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import TypedDict

import azure.functions as func

from exporter import wiring
from exporter.backfill import lifecycle, requests
from exporter.backfill.progress import BackfillProgress, progress_of
from exporter.backfill.requests import BackfillRequest, PlannedBackfill
from exporter.domain.backfill import Backfill, BackfillStatus
from exporter.domain.data_types import DataType
from exporter.domain.errors import Invalid
from exporter.http.audit import log_change
from exporter.http.idempotency import idempotency_header, idempotency_key
from exporter.http.query import JOB_PAGE, Query, flag_parameter, parse_job_page
from exporter.http.responses import POLL_SECONDS, accepted, answer, json_body, retry_after
from exporter.http.routing import Operation, nothing, operation
from exporter.http.schemas import (
    FaultView,
    HourKey,
    Moment,
    fault_or_null,
    fault_view,
    time_or_null,
    time_text,
)
from exporter.schedule.ledger_view import as_of_now

blueprint = func.Blueprint()


class BackfillHoursView(TypedDict):
    """The number of hours, each data type counted separately; ``total`` is the sum of the others."""

    total: int
    done: int
    empty: int
    failed: int
    left: int


class FailedHourView(TypedDict):
    """An hour that failed, or that keeps failing with transient errors, and why."""

    hour: HourKey
    data_type: DataType
    error: FaultView


class BackfillView(TypedDict):
    """A backfill and its progress; after its end, the progress that it had then.

    ``clamped_from`` is the first hour if the range began before the first landed hour, ``clamped_to`` the
    last hour if the range ended after the last closed hour; otherwise they are null. ``failed_hours`` lists
    the failed hours and the ones left that keep failing with transient errors. ``error`` says why the
    backfill waits or does not proceed, or why it ended, unless ``failed_hours`` say so.
    """

    id: str
    start: str
    end: str
    data_types: list[DataType]
    status: BackfillStatus
    hours: BackfillHoursView
    failed_hours: list[FailedHourView]
    rows_exported: int
    bytes_exported: int
    hours_per_minute: float | None
    estimated_finish_at: Moment | None
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    clamped_from: HourKey | None
    clamped_to: HourKey | None
    allow_loss: bool
    error: FaultView | None


class BackfillsView(TypedDict):
    """Backfills, newest first; ``next`` is the value of ``after`` for the next page, null on the last."""

    backfills: list[BackfillView]
    next: str | None


class PlannedBackfillView(TypedDict):
    """What a backfill would export: the number of its hours, and what the ledger knows of them.

    ``exported_hours`` are exported now, with ``rows`` and compressed ``bytes``. ``complete`` is false if the
    range is too long to look at all of its hours in the time of a request.
    """

    start: str
    end: str
    data_types: list[DataType]
    hours: int
    exported_hours: int
    rows: int
    bytes: int
    complete: bool
    clamped_from: HourKey | None
    clamped_to: HourKey | None


@dataclass(frozen=True, slots=True)
class _Creation:
    """A request to create a backfill, or to show what it would export; ``key`` is None without the header."""

    request: BackfillRequest
    dry_run: bool
    key: str | None


def _parse(req: func.HttpRequest) -> _Creation:
    from exporter.http.backfill_model import parse_backfill  # noqa: PLC0415  pydantic, for few requests

    query = Query(req)
    dry_run = query.flag("dry_run")
    key = idempotency_key(req, query)
    try:
        request = parse_backfill(json_body(req))
    except Invalid as invalid:
        raise Invalid(*query.problems, *invalid.problems) from invalid
    query.check()
    return _Creation(request, dry_run, key)


def _ids(req: func.HttpRequest) -> tuple[str, str]:
    return req.route_params["id"], req.route_params["backfill_id"]


def _with_progress(backfill: Backfill) -> BackfillView:
    return backfill_view(backfill, progress_of(wiring.app().gateways, backfill, wiring.now()))


def _accepted(req: func.HttpRequest, backfill: Backfill) -> func.HttpResponse:
    path = f"/destinations/{backfill.destination_id}/backfills/{backfill.id}"
    return accepted(req, _with_progress(backfill), path)


def _log(req: func.HttpRequest, action: str, backfill: Backfill) -> None:
    log_change(
        req,
        action,
        backfill=backfill.id,
        start=backfill.start,
        end=backfill.end,
        data_types=[str(stream.data_type) for stream in backfill.streams],
        allow_loss=backfill.allow_loss,
    )


@operation(
    blueprint,
    Operation(
        name="create_backfill",
        method="POST",
        route="destinations/{id}/backfills",
        answers={HTTPStatus.OK: PlannedBackfillView, HTTPStatus.ACCEPTED: BackfillView},
        problems=(HTTPStatus.CONFLICT,),
        query=(
            flag_parameter("dry_run", "With true, return what the backfill would export, and create none."),
        ),
        headers=(idempotency_header("backfill"),),
        body="exporter.http.backfill_model:BackfillModel",
    ),
    parse=_parse,
)
def create(req: func.HttpRequest, wanted: _Creation) -> func.HttpResponse:
    """Export a range of hours again, of any length; each hour replaces its files in the container."""
    app, destination_id, request = wiring.app(), req.route_params["id"], wanted.request
    gateways = app.gateways
    as_of = as_of_now(gateways, wiring.now(), app.settings.settle)
    if wanted.dry_run:
        new_id = wiring.new_id()
        found = requests.plan(gateways, destination_id, request, as_of=as_of, new_id=new_id, clock=wiring.now)
        return answer(planned_view(found))
    if wanted.key is not None:
        created = requests.create_once(gateways, destination_id, request, as_of=as_of, key=wanted.key)
    else:
        created = requests.create(gateways, destination_id, request, as_of=as_of, new_id=wiring.new_id())
    _log(req, "create_backfill", created)
    return _accepted(req, created)


@operation(
    blueprint,
    Operation(
        name="list_backfills",
        method="GET",
        route="destinations/{id}/backfills",
        answers={HTTPStatus.OK: BackfillsView},
        query=JOB_PAGE,
    ),
    parse=parse_job_page,
)
def list_all(req: func.HttpRequest, page: tuple[str, int]) -> func.HttpResponse:
    """List the backfills of a destination, also of a deleted one, newest first, page by page."""
    after, limit = page
    found = lifecycle.list_backfills(wiring.app().gateways, req.route_params["id"], after=after, limit=limit)
    return answer({"backfills": [_with_progress(each) for each in found], "next": found.next_after})


@operation(
    blueprint,
    Operation(
        name="get_backfill",
        method="GET",
        route="destinations/{id}/backfills/{backfill_id}",
        answers={HTTPStatus.OK: BackfillView},
        polled=True,
    ),
    parse=nothing,
)
def show(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Return a backfill with its progress, its speed, and its failed hours with their errors."""
    found = lifecycle.find_backfill(wiring.app().gateways, *_ids(req))
    return answer(_with_progress(found), headers=None if found.ended else retry_after(POLL_SECONDS))


@operation(
    blueprint,
    Operation(
        name="cancel_backfill",
        method="POST",
        route="destinations/{id}/backfills/{backfill_id}/cancel",
        answers={HTTPStatus.OK: BackfillView},
        problems=(HTTPStatus.CONFLICT,),
    ),
    parse=nothing,
)
def cancel(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Start no further hour of a backfill; running hours finish and keep their files."""
    cancelled = lifecycle.cancel(wiring.app().gateways, *_ids(req), now=wiring.now())
    _log(req, "cancel_backfill", cancelled)
    return answer(_with_progress(cancelled))


@operation(
    blueprint,
    Operation(
        name="retry_backfill",
        method="POST",
        route="destinations/{id}/backfills/{backfill_id}/retry",
        answers={HTTPStatus.ACCEPTED: BackfillView},
        problems=(HTTPStatus.CONFLICT,),
    ),
    parse=nothing,
)
def retry(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Export the failed hours of a backfill again, and the ones not started; no hour that is done."""
    retried = lifecycle.retry(wiring.app().gateways, *_ids(req), now=wiring.now())
    _log(req, "retry_backfill", retried)
    return _accepted(req, retried)


def planned_view(planned: PlannedBackfill) -> PlannedBackfillView:
    """Return what a backfill would export."""
    backfill = planned.backfill
    return {
        "start": backfill.start,
        "end": backfill.end,
        "data_types": [stream.data_type for stream in backfill.streams],
        "hours": backfill.total,
        "exported_hours": planned.exported,
        "rows": planned.rows,
        "bytes": planned.bytes,
        "complete": planned.complete,
        "clamped_from": backfill.first.key if backfill.clamped_start else None,
        "clamped_to": backfill.last.key if backfill.clamped else None,
    }


def backfill_view(backfill: Backfill, progress: BackfillProgress) -> BackfillView:
    """Return a backfill with its progress."""
    tally, pace = progress.tally, progress.hours_per_minute
    return {
        "id": backfill.id,
        "start": backfill.start,
        "end": backfill.end,
        "data_types": [stream.data_type for stream in backfill.streams],
        "status": backfill.status,
        "hours": {
            "total": backfill.total,
            "done": tally.done,
            "empty": tally.empty,
            "failed": len(progress.failed),
            "left": progress.left,
        },
        "failed_hours": [
            {"hour": each.hour.key, "data_type": each.stream.data_type, "error": fault_view(each.error)}
            for each in (*progress.failed, *progress.struggling)
        ],
        "rows_exported": tally.rows,
        "bytes_exported": tally.bytes,
        "hours_per_minute": None if pace is None else round(pace, 1),
        "estimated_finish_at": time_or_null(progress.estimated_finish_at),
        "created_at": time_text(backfill.created_at),
        "started_at": time_or_null(backfill.started_at),
        "finished_at": time_or_null(backfill.finished_at),
        "clamped_from": backfill.first.key if backfill.clamped_start else None,
        "clamped_to": backfill.last.key if backfill.clamped else None,
        "allow_loss": backfill.allow_loss,
        "error": fault_or_null(backfill.error),
    }
