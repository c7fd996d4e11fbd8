"""``/sources/{id}/pulls``."""

from http import HTTPStatus
from typing import TypedDict

import azure.functions as func

from exporter import wiring
from exporter.domain.pulls import PullRun, RunStatus
from exporter.http.audit import log_change
from exporter.http.query import JOB_PAGE, parse_job_page
from exporter.http.responses import POLL_SECONDS, accepted, answer, json_body, retry_after
from exporter.http.routing import Operation, nothing, operation
from exporter.http.schemas import HourKey, Moment, fault_view, time_or_null, time_text
from exporter.http.source_view import FailedPullView
from exporter.http.sources import pulls
from exporter.sources import runs
from exporter.sources.runs import RunRequest

blueprint = func.Blueprint()


class PullHoursView(TypedDict):
    """The number of hours; ``total`` is the sum of the others."""

    total: int
    done: int
    empty: int
    failed: int
    left: int


class PullView(TypedDict):
    """A requested pull and its progress.

    ``new_rows`` is the number of rows that it has landed. ``clamped_to`` is the last hour if the range ended
    after the last one that was due, otherwise null.
    """

    id: str
    start: str
    end: str
    status: RunStatus
    hours: PullHoursView
    failed_hours: list[FailedPullView]
    new_rows: int
    created_at: Moment
    started_at: Moment | None
    finished_at: Moment | None
    clamped_to: HourKey | None


class PullsView(TypedDict):
    """Pulls, newest first; ``next`` is the value of ``after`` for the next page, null on the last."""

    pulls: list[PullView]
    next: str | None


def _parse(req: func.HttpRequest) -> RunRequest:
    from exporter.http.pull_model import parse_pull  # noqa: PLC0415  pydantic, for few requests

    return parse_pull(json_body(req))


def _ids(req: func.HttpRequest) -> tuple[str, str]:
    return req.route_params["id"], req.route_params["pull_id"]


@operation(
    blueprint,
    Operation(
        name="create_pull",
        method="POST",
        route="sources/{id}/pulls",
        answers={HTTPStatus.ACCEPTED: PullView},
        problems=(HTTPStatus.CONFLICT,),
        body="exporter.http.pull_model:PullModel",
    ),
    parse=_parse,
)
def create(req: func.HttpRequest, request: RunRequest) -> func.HttpResponse:
    """Pull a range of hours again, of any length; only rows that landing lacks are added."""
    run = runs.create_run(pulls(), req.route_params["id"], request, now=wiring.now(), new_id=wiring.new_id())
    log_change(req, "create_pull", kind="source", pull=run.id, start=run.start, end=run.end)
    return accepted(req, pull_view(run), f"/sources/{run.source_id}/pulls/{run.id}")


@operation(
    blueprint,
    Operation(
        name="list_pulls",
        method="GET",
        route="sources/{id}/pulls",
        answers={HTTPStatus.OK: PullsView},
        query=JOB_PAGE,
    ),
    parse=parse_job_page,
)
def list_all(req: func.HttpRequest, page: tuple[str, int]) -> func.HttpResponse:
    """List the requested pulls of a source, also of a deleted one, newest first, page by page."""
    after, limit = page
    found = runs.list_runs(pulls(), req.route_params["id"], after=after, limit=limit)
    return answer({"pulls": [pull_view(each) for each in found], "next": found.next_after})


@operation(
    blueprint,
    Operation(
        name="get_pull",
        method="GET",
        route="sources/{id}/pulls/{pull_id}",
        answers={HTTPStatus.OK: PullView},
        polled=True,
    ),
    parse=nothing,
)
def show(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Return a requested pull with its progress, and its failed hours with their errors."""
    found = runs.find_run(pulls(), *_ids(req))
    return answer(pull_view(found), headers=None if found.ended else retry_after(POLL_SECONDS))


@operation(
    blueprint,
    Operation(
        name="cancel_pull",
        method="POST",
        route="sources/{id}/pulls/{pull_id}/cancel",
        answers={HTTPStatus.OK: PullView},
        problems=(HTTPStatus.CONFLICT,),
    ),
    parse=nothing,
)
def cancel(req: func.HttpRequest, _: None) -> func.HttpResponse:
    """Pull no further hour for this request; an hour that is being pulled finishes."""
    cancelled = runs.cancel_run(pulls(), *_ids(req), now=wiring.now())
    log_change(req, "cancel_pull", kind="source", pull=cancelled.id)
    return answer(pull_view(cancelled))


def pull_view(run: PullRun) -> PullView:
    """Return a requested pull with its progress."""
    return {
        "id": run.id,
        "start": run.start,
        "end": run.end,
        "status": run.status,
        "hours": {
            "total": run.total,
            "done": run.done,
            "empty": run.empty,
            "failed": len(run.failed),
            "left": run.left,
        },
        "failed_hours": [{"hour": each.hour.key, "error": fault_view(each.error)} for each in run.failed],
        "new_rows": run.new_rows,
        "created_at": time_text(run.created_at),
        "started_at": time_or_null(run.started_at),
        "finished_at": time_or_null(run.finished_at),
        "clamped_to": run.last.key if run.clamped else None,
    }
