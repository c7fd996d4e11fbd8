"""Moving jobs on, step by step: the one way in which backfills and verifications run.

A step does a bounded amount of work, writes the job's row by compare-and-swap, and sends the next step.

* A step that is taken twice moves the row once: the second compare-and-swap is a conflict.
* If the worker dies before it sends the next step, the queue delivers its message again, and the second
  delivery sends that step.
* If a message is lost, a tick sends the step again (``resend_stalled``).
* A step that fails with a transient error is counted and tried again (``Job.broken_off``). Another error
  is a bug: it ends the job, which would otherwise be tried for ever.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from exporter.domain.clocks import stalled
from exporter.domain.errors import Conflict, ExportError, Transient
from exporter.domain.job import Job
from exporter.domain.versioned import Rows, Versioned
from exporter.notify.log_events import log_unreadable

AT_ONCE = timedelta()

_log = logging.getLogger(__name__)


class JobTable[J](Protocol):
    """The table of the jobs of one kind."""

    def unfinished(self) -> Rows[J]:
        """Return the jobs that have not ended."""
        ...

    def put(self, job: J, etag: str | None, /) -> str:
        """Write a job over the one of that ETag, and return its new ETag."""
        ...


@dataclass(frozen=True, slots=True)
class JobSteps[J: Job[Any]]:
    """The steps of the jobs of one kind.

    ``send`` queues the next step of a job after a delay. ``finish`` does what remains when a job has ended;
    it may be called more than once.
    """

    table: JobTable[J]
    send: Callable[[J, timedelta], None]
    finish: Callable[[J], None]

    def take(
        self,
        step: object,
        found: Versioned[J] | None,
        advance: Callable[[J], tuple[J, timedelta]],
        clock: Callable[[], datetime],
        *,
        redelivered: bool,
    ) -> J | None:
        """Take a step of the job that was ``found``, and send the next one; return the job if it moved.

        ``advance`` does the step's work; it returns the moved job and when to take the next step.
        ``redelivered`` says that the step's message was delivered before. ``Transient`` if the step has to be
        tried again.
        """
        if found is None:
            return None
        job = found.value
        if job.ended or job.next_step != step:
            if redelivered and job.follows(step):
                self._follow(job)
            return None
        try:
            moved, delay = advance(job)
        except Transient as reason:
            with suppress(Conflict, Transient):
                self._break_off(found, str(reason), clock())
            raise
        except ExportError:
            raise
        except Exception:  # noqa: BLE001  shown in the job's row
            _log.exception("%s %s: a step failed unexpectedly", job.NOUN, job.id)
            moved, delay = job.failed_unexpectedly(clock()), AT_ONCE
        try:
            self.table.put(moved, found.etag)
        except Conflict:
            # The job was cancelled, or another worker took the same step and sends the next one.
            return None
        self._follow(moved, delay)
        return moved

    def start(self, job: J) -> None:
        """Send the first step of a job that was stored; after a transient error, a tick sends it."""
        with suppress(Transient):
            self.send(job, AT_ONCE)

    def _break_off(self, found: Versioned[J], reason: str, now: datetime) -> None:
        broken_off = found.value.broken_off(reason, now)
        self.table.put(broken_off, found.etag)
        if broken_off.ended:
            self.finish(broken_off)

    def _follow(self, job: J, delay: timedelta = AT_ONCE) -> None:
        """Do what follows a step: finish a job that has ended, or send the next step."""
        if job.ended:
            self.finish(job)
        else:
            self.send(job, delay)

    def resend_stalled(self, now: datetime, after: timedelta) -> int:
        """Send the next step of every job that has not moved for that long; return how many."""
        unfinished = self.table.unfinished()
        log_unreadable(unfinished.unreadable)
        found = [job for job in unfinished if stalled(job.moved_at, now, after)]
        for job in found:
            self.send(job, AT_ONCE)
        return len(found)
