"""Runs: hours of a source that a person asks to have pulled again. A run is a row; ``plan`` moves it on."""

from dataclasses import dataclass, replace
from datetime import datetime

from exporter.domain.errors import Conflict, Invalid, NotFound, NotPossible, Problem
from exporter.domain.hour import Hour
from exporter.domain.pulls import PullRun, RunStatus
from exporter.domain.source import SourceStatus
from exporter.domain.versioned import Versioned
from exporter.ports import PullGateways

# Each conflict shows that a tick has moved the run on.
TRIES_MAX = 5


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
    """Create a run. Hours that are not due yet are left out; a run without any hour has ended at once.

    ``NotFound`` if there is no such source, ``Invalid`` if the range is reversed. The run of a paused source
    waits until the source is resumed.
    """
    found = pulls.sources.get(source_id)
    if found is None or found.value.status is SourceStatus.DELETED:
        raise NotFound("source_not_found", f"There is no source {source_id}.")
    if request.first > request.last:
        raise Invalid(Problem("end", "must not be before start"))
    last_due = found.value.last_due(now)
    run = PullRun(
        source_id=source_id,
        id=new_id,
        start=request.start,
        end=request.end,
        first=request.first,
        last=min(request.last, last_due),
        created_at=now,
        done_before=request.first,
        clamped=request.last > last_due,
    )
    if run.total == 0:
        run = replace(run, status=RunStatus.SUCCEEDED, finished_at=now)
    pulls.runs.put(run, None)
    return run


def find_run(pulls: PullGateways, source_id: str, run_id: str) -> Versioned[PullRun]:
    """Return a run; ``NotFound`` if there is none of that id."""
    found = pulls.runs.get(source_id, run_id)
    if found is None:
        raise NotFound("pull_not_found", f"The source {source_id} has no pull {run_id}.")
    return found


def cancel_run(pulls: PullGateways, source_id: str, run_id: str, *, now: datetime) -> PullRun:
    """End a run; an hour that is being pulled is finished. A cancelled run stays as it is.

    ``NotPossible`` if the run has ended in another way.
    """
    for _ in range(TRIES_MAX):
        found = find_run(pulls, source_id, run_id)
        if found.value.status is RunStatus.CANCELLED:
            return found.value
        if found.value.ended:
            raise NotPossible("pull_ended", f"The pull {run_id} has ended: it is {found.value.status}.")
        cancelled = replace(found.value, status=RunStatus.CANCELLED, finished_at=now)
        try:
            pulls.runs.put(cancelled, found.etag)
        except Conflict:
            continue
        return cancelled
    raise Conflict(f"the pull {run_id} is being moved on")
