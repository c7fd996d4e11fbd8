"""Runs: hours of a source that a person asks to have pulled again. A run is a row; ``plan`` moves it on."""

from dataclasses import dataclass, replace
from datetime import datetime

from exporter.domain.errors import Conflict, Invalid, NotFound, NotPossible, Problem, Transient
from exporter.domain.hour import Hour
from exporter.domain.job import page_of_jobs
from exporter.domain.pulls import PullRun, RunStatus
from exporter.domain.versioned import Page, Versioned
from exporter.ports import Jobs, PullGateways
from exporter.sources.find import find_source, find_source_history

# A change that meets another one is tried again: the pull of each hour may move the run on.
CHANGES_MAX = 20


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A requested range, both ends included; ``start`` and ``end`` are as the caller wrote them."""

    start: str
    end: str
    first: Hour
    last: Hour


def create_run(
    pulls: PullGateways, source_id: str, request: RunRequest, *, now: datetime, new_id: str
) -> PullRun:
    """Create a run of a range of hours. ``Invalid`` if none of them is due yet.

    Hours that are not due yet are left out. The run of a paused source waits until the source is resumed.
    """
    source = find_source(pulls.sources, source_id).value
    due = source.last_due(now)
    if request.first > due:
        raise Invalid(Problem("start", f"is not due yet: the last hour that can be pulled is {due}"))
    run = PullRun(
        source_id=source.id,
        id=new_id,
        start=request.start,
        end=request.end,
        first=request.first,
        last=min(request.last, due),
        clamped=request.last > due,
        created_at=now,
        done_before=request.first,
    )
    pulls.runs.put(run, None)
    return run


def find_run(pulls: PullGateways, source_id: str, run_id: str) -> PullRun:
    """Return a run, also of a deleted source, or raise ``NotFound``."""
    find_source_history(pulls.sources, source_id)
    return _find(pulls.runs, source_id, run_id).value


def list_runs(pulls: PullGateways, source_id: str, *, after: str, limit: int) -> Page[PullRun]:
    """Return up to ``limit`` runs of a source, also of a deleted one, the newest first.

    The page begins after the run of the id ``after``; ``Invalid`` if there is no such run.
    """
    find_source_history(pulls.sources, source_id)
    return page_of_jobs(pulls.runs.of(source_id), after, limit)


def cancel_run(pulls: PullGateways, source_id: str, run_id: str, *, now: datetime) -> PullRun:
    """Cancel a run: no further hour is pulled for it; an hour that is being pulled finishes.

    Cancelling twice is the same as once. ``NotPossible`` if the run has ended otherwise.
    """
    find_source_history(pulls.sources, source_id)
    for _ in range(CHANGES_MAX):
        found = _find(pulls.runs, source_id, run_id)
        if found.value.status is RunStatus.CANCELLED:
            return found.value
        if found.value.ended:
            raise NotPossible("pull_ended", f"The pull has ended already: {found.value.status}.")
        cancelled = replace(found.value, status=RunStatus.CANCELLED, finished_at=now)
        try:
            pulls.runs.put(cancelled, found.etag)
        except Conflict:
            continue
        return cancelled
    raise Transient("the row of the run is being changed too often")


def _find(runs: Jobs[PullRun], source_id: str, run_id: str) -> Versioned[PullRun]:
    """Return a run with its ETag, or raise ``NotFound``."""
    found = runs.get(source_id, run_id)
    if found is None:
        raise NotFound("pull_not_found", "This source has no such pull.")
    return found
