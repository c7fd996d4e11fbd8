"""A job in the background: stored as a row, and moved on step by step; each step is one queue message.

Backfills and verifications are jobs. ``exporter.job_steps`` moves them on.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Protocol, Self

from exporter.domain import transient_failures
from exporter.domain.errors import Fault, Invalid, Problem
from exporter.domain.versioned import Page, Rows

# People request jobs by hand: a destination has dozens. For each one on a page its progress is read.
JOBS_DEFAULT = 20
JOBS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Job[Step](ABC):
    """A row that says how far a job is.

    ``moved_at`` is when the job was created, or when its latest step was taken. ``transient_failures`` counts
    the attempts in a row at its next step that failed with a transient error.
    """

    NOUN: ClassVar[str]
    AGAIN: ClassVar[str]
    """What a person does to have the job done again: ``retry the backfill``."""
    FAILED: ClassVar[StrEnum]
    ENDED: ClassVar[frozenset[StrEnum]]

    id: str
    destination_id: str
    status: StrEnum
    created_at: datetime
    moved_at: datetime
    transient_failures: int = 0
    error: Fault | None = None
    finished_at: datetime | None = None

    @property
    @abstractmethod
    def next_step(self) -> Step:
        """The step that is to be taken next."""

    @abstractmethod
    def follows(self, step: Step) -> bool:
        """Whether the job is where that step has brought it."""

    @property
    def ended(self) -> bool:
        """Whether no further step is taken."""
        return self.status in self.ENDED

    def moved(self, now: datetime) -> Self:
        """Return the job with one more step taken."""
        return replace(self, moved_at=now, transient_failures=0, error=None)

    def end_as(self, status: StrEnum, now: datetime, error: Fault | None = None) -> Self:
        """Return the job as ended."""
        return replace(self, status=status, finished_at=now, error=error)

    def fail_with(self, fault: Fault, now: datetime) -> Self:
        """Return the job as ended by a step that cannot be taken; what was done before stays done."""
        return self.moved(now).end_as(self.FAILED, now, fault)

    def failed_unexpectedly(self, now: datetime) -> Self:
        """Return the job as ended by an error that is a bug of this exporter."""
        fault = Fault(
            code="internal_error",
            message=f"An unexpected error stopped the {self.NOUN}. What was done before stays done.",
            fix=(
                f"{self.AGAIN.capitalize()}. If it stops again, ask the operator of this exporter to search"
                f" the logs for {self.id}."
            ),
        )
        return self.fail_with(fault, now)

    def broken_off(self, reason: str, now: datetime) -> Self:
        """Return the job after an attempt at its next step that failed with a transient error.

        The third failure in a row shows the reason; after many failures and a long time the job has failed.
        """
        count = self.transient_failures + 1
        fault = transient_failures.keeps_failing(f"The {self.NOUN}", reason, f"Then {self.AGAIN}.")
        if transient_failures.failed(count, self.moved_at, now):
            return self.fail_with(fault, now)
        shown = fault if transient_failures.shown(count) else None
        return replace(self, transient_failures=count, error=shown)


class Listed(Protocol):
    """What lists of jobs are sorted by."""

    @property
    def id(self) -> str:
        """The id of the job."""

    @property
    def created_at(self) -> datetime:
        """When the job was requested."""


def page_of_jobs[Found: Listed](jobs: Rows[Found], after: str, limit: int) -> Page[Found]:
    """Return up to ``limit`` jobs that were created before the one of the id ``after``, the newest first.

    ``Invalid`` if there is no such job. Jobs that cannot be read are left out.
    """
    newest_first = sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)
    ids = [job.id for job in newest_first]
    if after and after not in ids:
        raise Invalid(Problem("after", "is not in this list"))
    begin = ids.index(after) + 1 if after else 0
    rows = newest_first[begin : begin + limit]
    more = begin + limit < len(newest_first)
    return Page(rows, jobs.unreadable, rows[-1].id if more else None)
