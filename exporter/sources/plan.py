"""Which hours of the sources are due: derived from the ledger, however many ticks were missed.

The live hours come first, then hours that are pulled again by the schedule, then the history and the runs in
turn. Only as many hours are queued as the source has free slots, and a worker that has pulled an hour queues
the next one. So a live hour never waits behind a long history.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, islice, zip_longest

from exporter.domain.errors import Conflict
from exporter.domain.hour import Hour, hours_between
from exporter.domain.pulls import (
    SETTLED,
    FailedPull,
    PulledHour,
    PullProgress,
    PullRun,
    PullStatus,
    PullTask,
    RunStatus,
)
from exporter.domain.source import Source
from exporter.domain.versioned import Rows
from exporter.notify.log_events import log_unreadable
from exporter.ports import PullGateways

LIVE_HOURS = 24
# Of a run, so many hours are looked at in one go: a page of the ledger.
RUN_HOURS = 500


def queue_due(
    pulls: PullGateways, source: Source, now: datetime, slots_max: int, *, look_at_failed: bool = False
) -> int:
    """Queue the hours of an active source that are due and fit into its free slots; return how many.

    The source's progress and its runs are brought up to date. Queueing an hour twice does no harm. Hours that
    have failed are read only if ``look_at_failed`` says so: there may be many.
    """
    planner = _Planner(pulls, source, now)
    progress = planner.advance(look_at_failed=look_at_failed)
    runs = [run for run in (planner.advance_run(each) for each in pulls.runs.of(source.id)) if run]
    health, slots = pulls.health.get(source.id), pulls.slots.get(source.id)
    if health.resting(now):
        return 0
    free = slots_max - (slots.value.taken(now) if slots else 0)
    # A source that has failed to answer is asked for one hour; the others follow when it answers.
    tasks = list(islice(planner.due(progress, runs), max(0, min(free, 1) if health.failures else free)))
    pulls.queue.send(tasks)
    return len(tasks)


@dataclass(slots=True)
class _Planner:
    """One look at the hours of a source."""

    pulls: PullGateways
    source: Source
    now: datetime

    @property
    def last(self) -> Hour:
        """The newest hour that is due."""
        return self.source.last_due(self.now)

    def advance(self, *, look_at_failed: bool) -> PullProgress:
        """Return the progress by the ledger, and store it if it has changed."""
        source, known = self.source, self.pulls.progress.get(self.source.id)
        fresh = PullProgress(source.id, source.start, source.start)
        begun = fresh if known is None else known.starting_at(source.start)
        progress = self._advanced(self._without_healed(begun) if look_at_failed else begun)
        if progress != known:
            self.pulls.progress.put(source.id, progress)
        return progress

    def _without_healed(self, known: PullProgress) -> PullProgress:
        """Return the progress without the failed hours that were closed since."""
        if not known.failed:
            return known
        found = self._read(known.failed[0], known.failed[-1])
        closed = {record.hour for record in found if record.closed}
        return replace(known, failed=tuple(hour for hour in known.failed if hour not in closed))

    def _advanced(self, known: PullProgress) -> PullProgress:
        failed, until = set(known.failed), known.pulled_until
        for hour, record in self._records(until, self.last):
            if record is None or not (record.closed or record.status is PullStatus.FAILED):
                break
            if not record.closed:
                failed.add(hour)
            until = hour.plus(1)
        return replace(known, pulled_until=until, failed=tuple(sorted(failed)))

    def _records(self, first: Hour, last: Hour) -> Iterator[tuple[Hour, PulledHour | None]]:
        """Yield every hour with its record; one that cannot be read is yielded as held by another worker."""
        found = self._read(first, last)
        records = {record.hour: record for record in found}
        unreadable = {row.row_key for row in found.unreadable}
        for hour in hours_between(first, last):
            if hour.key in unreadable:
                yield hour, PulledHour(self.source.id, hour, PullStatus.PULLING)
            else:
                yield hour, records.get(hour)

    def _read(self, first: Hour, last: Hour) -> Rows[PulledHour]:
        found = self.pulls.hours.between(self.source.id, first, last)
        log_unreadable(found.unreadable)
        return found

    def due(self, progress: PullProgress, runs: list[PullRun]) -> Iterator[PullTask]:
        """Yield the hours that are due, in the order in which they are to be pulled; each once."""
        first = min(progress.pulled_until, self.last.plus(1))
        live_from = max(self.source.start, self.last.plus(1 - LIVE_HOURS))
        live = (
            PullTask(self.source.id, hour)
            for hour, record in self._records(live_from, self.last)
            if record is None or (record.due(self.now) and not record.closed)
        )
        history = self._history(first, live_from)
        of_runs = chain.from_iterable(map(self._of_run, runs))
        # A source with one slot takes them in turn by the clock.
        runs_first = self.now.minute % 2
        in_turn = zip_longest(*((of_runs, history) if runs_first else (history, of_runs)))
        rest = (task for pair in in_turn for task in pair if task is not None)
        seen = set[Hour]()
        for task in chain(live, self._again(), rest):
            if task.hour not in seen:
                seen.add(task.hour)
                yield task

    def _again(self) -> Iterator[PullTask]:
        """Yield the hours that were closed and are to be pulled again by the schedule."""
        found = self.pulls.hours.due(self.source.id, self.now)
        for record in found:
            if record.closed:
                yield PullTask(self.source.id, record.hour)

    def _history(self, first: Hour, before: Hour) -> Iterator[PullTask]:
        for hour, record in self._records(first, before.plus(-1)):
            if record is None or (record.due(self.now) and not record.closed):
                yield PullTask(self.source.id, hour)

    def _of_run(self, run: PullRun) -> Iterator[PullTask]:
        last = min(run.last, run.done_before.plus(RUN_HOURS - 1))
        for hour, record in self._records(run.done_before, last):
            if run.wants(record, self.now):
                yield PullTask(self.source.id, hour, run.id)

    def advance_run(self, run: PullRun) -> PullRun | None:
        """Return a run by the ledger, and store it if it has changed; None if it has ended."""
        if run.ended:
            return None
        moved = self._counted(run)
        if moved != run:
            found = self.pulls.runs.get(run.source_id, run.id)
            if found is None or found.value != run:
                return None
            with suppress(Conflict):
                self.pulls.runs.put(moved, found.etag)
        return None if moved.ended else moved

    def _counted(self, run: PullRun) -> PullRun:
        """Return a run with the hours counted that are settled, from its first one that was not."""
        last = min(run.last, run.done_before.plus(RUN_HOURS - 1))
        begun = run
        for hour, record in self._records(run.done_before, last):
            if record is None or not run.settles(record) or record.status not in SETTLED:
                break
            run = replace(run, done_before=hour.plus(1), new_rows=run.new_rows + record.new_rows)
            if record.error is not None:
                run = replace(run, failed=(*run.failed, FailedPull(hour, record.error)))
            elif record.rows:
                run = replace(run, done=run.done + 1)
            else:
                run = replace(run, empty=run.empty + 1)
        if run.started_at is None:
            run = replace(run, status=RunStatus.RUNNING, started_at=self.now)
        if run.done_before > run.last:
            status = RunStatus.FAILED if run.failed else RunStatus.SUCCEEDED
            return replace(run, status=status, finished_at=self.now)
        return run if run != begun else begun
