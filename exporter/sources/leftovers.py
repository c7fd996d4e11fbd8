"""What is left over of pulls: answers that no worker will unpack, and what deleted sources have left.

A worker deletes an answer after its hour is settled; one that dies between the two leaves it. What belongs to
an hour that a worker has at this moment is left to it.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from exporter.domain.errors import Conflict
from exporter.domain.pulls import SETTLED, LateLanding, PulledHour, RunStatus
from exporter.domain.source import Source, SourceStatus
from exporter.notify.log_events import log_unreadable
from exporter.ports import PullGateways
from exporter.schedule.failures import Failures
from exporter.sources.answers import pull_of, task_of


def remove_leftovers(
    pulls: PullGateways, sources: Iterable[Source], *, now: datetime, failures: Failures
) -> None:
    """Delete answers that no worker will unpack, and end what deleted sources have begun.

    Errors are added to ``failures``: one hour does not keep the others.
    """
    by_id = {source.id: source for source in sources}
    with failures.guard("looking for answers that are left over"):
        for name in pulls.answers.names(""):
            source = by_id.get(name.partition("/")[0])
            if source is not None:
                with failures.guard(f"looking at the answer {name}"):
                    _look_at(pulls, source, name, now)
    deleted = {source.id for source in by_id.values() if source.status is SourceStatus.DELETED}
    if deleted:
        with failures.guard("ending the runs of deleted sources"):
            _cancel_runs(pulls, deleted, now)


def _look_at(pulls: PullGateways, source: Source, name: str, now: datetime) -> None:
    """Delete an answer if no worker will unpack it."""
    # The name is read before the record: what was stored since then is not looked at.
    found = pulls.hours.get(source.id, task_of(name).hour)
    record = found.value if found else PulledHour(source.id, task_of(name).hour)
    if record.claimed(now):
        return
    if source.status is SourceStatus.DELETED:
        _give_up_turns(pulls, source, name, now)
        pulls.answers.delete(name)
    elif pull_of(name) < record.pulls or (pull_of(name) > record.pulls and record.status in SETTLED):
        # The second is of a ledger that was lost.
        pulls.answers.delete(name)


def _give_up_turns(pulls: PullGateways, source: Source, name: str, now: datetime) -> None:
    """Free the folders in which an answer was being landed, and let the schedule look at their hours."""
    turns = pulls.turns.of(source.project_id)
    log_unreadable(turns.unreadable)
    for turn in turns:
        if turn.value.answer == name:
            pulls.late.remember(LateLanding(source.project_id, turn.value.hour, now))
            pulls.turns.discard(turn.value, turn.etag)


def _cancel_runs(pulls: PullGateways, deleted: set[str], now: datetime) -> None:
    unfinished = pulls.runs.unfinished()
    log_unreadable(unfinished.unreadable)
    for run in unfinished:
        found = pulls.runs.get(run.source_id, run.id) if run.source_id in deleted else None
        if found is not None and not found.value.ended:
            # A request that changes it meanwhile is no error: the next tick looks again.
            with suppress(Conflict):
                pulls.runs.put(replace(found.value, status=RunStatus.CANCELLED, finished_at=now), found.etag)
