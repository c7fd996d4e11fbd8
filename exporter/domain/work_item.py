"""The work item of an hour: which worker has the hour, and how the attempts at it went."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from exporter.domain import transient_failures
from exporter.domain.claims import Claim
from exporter.domain.errors import Fault
from exporter.domain.hour_task import SCHEDULE

# After the n-th attempt, if it failed: 5, 10, 20, 40 minutes, then every hour.
BACK_OFF_FIRST = timedelta(minutes=5)
BACK_OFF_MAX = timedelta(hours=1)
# Requests that the record of an hour names as fulfilled, or as refused: hardly more backfills of one hour run
# at the same time, and a request that falls out of the list costs one further attempt at the hour.
WRITTEN_FOR_MAX = 32


@dataclass(frozen=True, slots=True)
class Refusal:
    """The latest request that was refused and left the hour as it was: by whom, in which round, and why.

    ``others`` are requests before it that were refused too, while the hour stayed the same.
    """

    requested_by: str
    round: int
    fault: Fault
    others: tuple[tuple[str, int], ...] = ()

    @property
    def requests(self) -> tuple[tuple[str, int], ...]:
        """All refused requests, the newest last: by whom, and in which round."""
        return (*self.others, (self.requested_by, self.round))


@dataclass(frozen=True, slots=True)
class WorkItem:
    """Who has an hour, and how its attempts went; the latest attempt unless it says otherwise."""

    attempts: int = 0
    """How many attempts there were, of all workers and for all requests."""
    requested_by: str = SCHEDULE
    round: int = 0
    """The round of the backfill that asked for the latest attempt."""
    started_at: datetime | None = None
    claim: Claim | None = None
    retry_at: datetime | None = None
    """When the back-off of a failed hour ends."""
    error: Fault | None = None
    """Why the hour failed, or keeps being broken off."""
    transient_failures: int = 0
    """How many attempts in a row were broken off by an error that should have passed."""
    refused: Refusal | None = None
    """The latest request that was refused while the hour stayed as it was."""

    def claimed(self, now: datetime) -> bool:
        """Whether a worker has the hour and its lease has not run out."""
        return self.claim is not None and now < self.claim.until

    def begun(
        self, claim: Claim, requested_by: str, now: datetime, *, round_: int, abandoned: bool
    ) -> "WorkItem":
        """Return the work item of a new attempt; ``abandoned``: the one before did not release the hour."""
        return replace(
            self,
            attempts=self.attempts + 1,
            requested_by=requested_by,
            round=round_,
            started_at=now,
            retry_at=None,
            claim=claim,
            transient_failures=self.transient_failures + abandoned,
        )

    def released(self) -> "WorkItem":
        """Return the work item without a holder."""
        return replace(self, claim=None)

    def finished(self) -> "WorkItem":
        """Return the work item of an hour that is done."""
        return replace(self, claim=None, error=None, transient_failures=0)

    def failed(self, fault: Fault, now: datetime) -> "WorkItem":
        """Return the work item of a failed attempt, to be tried again after a back-off."""
        retry_at = now + back_off(self.attempts)
        return replace(self, claim=None, error=fault, retry_at=retry_at, transient_failures=0)

    def broken_off(self, why: str) -> "WorkItem":
        """Return the work item of an attempt that an error ended which should have passed.

        From the third time in a row on, the error is shown.
        """
        count, error = self.transient_failures + 1, self.error
        if transient_failures.shown(count):
            error = transient_failures.keeps_failing(
                "The export of this hour", why, "It is tried again automatically."
            )
        return replace(self, claim=None, transient_failures=count, error=error)

    def refuse(self, fault: Fault) -> "WorkItem":
        """Return the work item of an hour that its latest request cannot have."""
        before = self.refused.requests if self.refused else ()
        others = tuple(each for each in before if each != (self.requested_by, self.round))
        refusal = Refusal(self.requested_by, self.round, fault, others[1 - WRITTEN_FOR_MAX :])
        return replace(self, claim=None, refused=refusal, transient_failures=0)


def back_off(attempts: int) -> timedelta:
    """Return how long to wait after that many attempts: doubling, up to an hour."""
    doublings = min(max(attempts, 1) - 1, 10)
    return min(BACK_OFF_FIRST * (1 << doublings), BACK_OFF_MAX)
