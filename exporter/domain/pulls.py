"""The puller's records: one for each hour of a source, one for each requested run, and those of the source.

The record of an hour moves like this; every arrow is one compare-and-swap on its ETag:

    (absent) ──claim──▶ pulling ──settle──▶ pulled | empty | failed
                          │ ▲
          release, put off│ │claim, when due or when the lease ran out
                          ▼ │
                     owed | waiting

An hour that was closed once (``closed_at``) stays closed: a later pull of it adds rows, or changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from exporter.domain.claims import Claim
from exporter.domain.errors import Fault
from exporter.domain.hour import Hour, count_between
from exporter.domain.source import Source

# After the n-th answer in a row that was none: 1, 2, 4, ... minutes, then every hour.
BACK_OFF_FIRST = timedelta(minutes=1)
BACK_OFF_MAX = timedelta(hours=1)
# From so many failures in a row on, the source is failing.
FAILING_MIN = 5
# "No data" may mean "not ready yet": the hour is asked for again, and counts as empty in the end.
WAIT_EVERY = timedelta(minutes=30)
EMPTY_AFTER = timedelta(hours=4)


def back_off(failures: int) -> timedelta:
    """Return how long to wait after that many failures in a row, one at least: doubling, up to an hour."""
    return min(BACK_OFF_FIRST * (1 << min(max(failures, 1) - 1, 10)), BACK_OFF_MAX)


class PullStatus(StrEnum):
    """What has become of an hour of a source so far."""

    OWED = "owed"
    PULLING = "pulling"
    WAITING = "waiting"
    PULLED = "pulled"
    EMPTY = "empty"
    FAILED = "failed"


SETTLED = frozenset({PullStatus.PULLED, PullStatus.EMPTY, PullStatus.FAILED})


@dataclass(frozen=True, slots=True)
class ExportAnswer:
    """An answer of the Export API: its HTTP status, and its body in pieces.

    ``retry_after`` is what the answer says about the next request. ``Transient`` is raised while the body is
    read if it is cut off.
    """

    status: int
    retry_after: timedelta | None
    body: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer with data: the zip in our container ``pulled`` that is to be unpacked.

    ``asked_at`` is when it was asked for; ``bytes`` is its size.
    """

    name: str
    bytes: int
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Landed:
    """What the puller has put into the landing folder of an hour: rows, blobs, and their compressed bytes."""

    rows: int = 0
    blobs: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class PulledHour:
    """One row of the puller's ledger. An hour that no worker ever claimed has none.

    ``next_pull_at`` says when the hour is due: None for never, and for a claimed hour the end of its lease.
    """

    source_id: str
    hour: Hour
    status: PullStatus = PullStatus.OWED
    next_pull_at: datetime | None = None
    claim: Claim | None = None
    pulls: int = 0
    """How many answers were settled: with data, without any, or refused for good."""
    failures: int = 0
    """How many requests in a row had no answer that counts."""
    asked_at: datetime | None = None
    """When the latest answer that was settled was asked for."""
    closed_at: datetime | None = None
    """When the hour was pulled, or found empty, for the first time."""
    rows: int = 0
    """The rows that its landing folder held after its latest pull; ``blobs`` and ``bytes`` go with them."""
    new_rows: int = 0
    """How many rows more these were than after the pull before."""
    blobs: int = 0
    bytes: int = 0
    ignored: int = 0
    """How many files of its latest answer hold no events, and were left out."""
    error: Fault | None = None
    answer: StoredAnswer | None = None
    """The answer that is being unpacked."""

    @property
    def holder(self) -> str | None:
        """The id of the claim, or None if the hour is free."""
        return self.claim.id if self.claim else None

    @property
    def closed(self) -> bool:
        """Whether the hour is whole in landing, as far as the API has told."""
        return self.closed_at is not None

    def claimed(self, now: datetime) -> bool:
        """Whether a worker has the hour and its lease has not run out."""
        return self.claim is not None and now < self.claim.until

    def due(self, now: datetime) -> bool:
        """Whether the hour is to be pulled now, by the schedule."""
        return self.next_pull_at is not None and self.next_pull_at <= now

    def shown_status(self, now: datetime) -> PullStatus:
        """Return the status as people see it: an hour whose worker died is as it was before."""
        if self.status is not PullStatus.PULLING or self.claimed(now):
            return self.status
        return self._unsettled(PullStatus.OWED)

    def claimed_by(self, claim_id: str, now: datetime) -> "PulledHour":
        """Return the record of a new attempt."""
        return self._held(Claim.begun(claim_id, now), PullStatus.PULLING)

    def renewed(self, now: datetime) -> "PulledHour":
        """Return the record with its lease to end one lease from now."""
        return self if self.claim is None else self._held(self.claim.renewed(now), self.status)

    def _held(self, claim: Claim, status: PullStatus) -> "PulledHour":
        return replace(self, status=status, claim=claim, next_pull_at=claim.until)

    def answered(self, answer: StoredAnswer) -> "PulledHour":
        """Return the record with an answer that is to be unpacked."""
        return replace(self, answer=answer)

    def released(self, next_pull_at: datetime) -> "PulledHour":
        """Return the record without a holder, to be continued at that time."""
        return replace(self, status=self._unsettled(PullStatus.OWED), claim=None, next_pull_at=next_pull_at)

    def interrupted(self, fault: Fault, next_pull_at: datetime) -> "PulledHour":
        """Return the record after an unexpected error; a stored answer is tried again."""
        return replace(self.put_off(fault, next_pull_at), answer=self.answer)

    def put_off(self, fault: Fault, next_pull_at: datetime) -> "PulledHour":
        """Return the record after a request that had no answer that counts; a stored answer is void."""
        return replace(self.released(next_pull_at), failures=self.failures + 1, error=fault, answer=None)

    def waiting(self, next_pull_at: datetime) -> "PulledHour":
        """Return the record of an hour for which there is no data yet."""
        return replace(
            self.released(next_pull_at), status=PullStatus.WAITING, failures=0, error=None, answer=None
        )

    def settled(
        self,
        source: Source,
        asked_at: datetime,
        now: datetime,
        landed: Landed | None = None,
        *,
        ignored: int = 0,
    ) -> "PulledHour":
        """Return the record after an answer that has landed; None: it had no row of the hour."""
        closed_at, after = self.closed_at or now, landed or Landed(self.rows, self.blobs, self.bytes)
        return replace(
            self._ended(asked_at),
            status=PullStatus.PULLED if after.rows else PullStatus.EMPTY,
            next_pull_at=source.repull_after(closed_at, asked_at),
            closed_at=closed_at,
            rows=after.rows,
            new_rows=max(0, after.rows - self.rows),
            blobs=after.blobs,
            bytes=after.bytes,
            ignored=ignored,
        )

    def failed(self, fault: Fault, source: Source, asked_at: datetime) -> "PulledHour":
        """Return the record after an answer that is refused for good; a closed hour stays as it was."""
        status = self._unsettled(PullStatus.FAILED)
        next_pull_at = source.repull_after(self.closed_at, asked_at) if self.closed_at else None
        ended = replace(self._ended(asked_at), new_rows=0)
        return replace(ended, status=status, next_pull_at=next_pull_at, error=fault)

    def _ended(self, asked_at: datetime) -> "PulledHour":
        return replace(
            self, claim=None, answer=None, error=None, failures=0, pulls=self.pulls + 1, asked_at=asked_at
        )

    def _unsettled(self, otherwise: PullStatus) -> PullStatus:
        """Return the status of an hour that no answer has settled: as before, if it was closed."""
        if not self.closed:
            return otherwise
        return PullStatus.PULLED if self.rows else PullStatus.EMPTY


@dataclass(frozen=True, slots=True)
class PullTask:
    """A request to pull one hour. It is a hint; the ledger decides. ``run_id`` is empty for the schedule."""

    source_id: str
    hour: Hour
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a source is: every hour from ``first`` to before ``pulled_until`` is closed or has failed.

    ``failed`` are those that have failed: they are not closed. It is derived from the ledger, may lag behind
    it, and must not be ahead of it.
    """

    source_id: str
    first: Hour
    pulled_until: Hour
    failed: tuple[Hour, ...] = ()

    def starting_at(self, start: Hour) -> "PullProgress":
        """Return the progress of a source whose start may have been changed since."""
        if start < self.first:
            return PullProgress(self.source_id, start, start, self.failed)
        return replace(self, first=start, pulled_until=max(start, self.pulled_until))


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """The answers of a source lately: failures in a row, when it may be asked again, and why.

    ``failing`` says that people have to know: after ``FAILING_MIN`` failures, or at once if the credentials
    are refused.
    """

    failures: int = 0
    retry_at: datetime | None = None
    error: Fault | None = None
    failing: bool = False

    def resting(self, now: datetime) -> bool:
        """Whether the source may not be asked yet."""
        return self.retry_at is not None and now < self.retry_at

    def failed(
        self, fault: Fault, now: datetime, retry_after: timedelta | None, *, at_once: bool
    ) -> "SourceHealth":
        """Return the health after a failure; requests that fail together count as one."""
        if self.resting(now):
            return self
        failures = self.failures + 1
        wait = back_off(failures) if retry_after is None else retry_after
        return SourceHealth(failures, now + wait, fault, failing=at_once or failures >= FAILING_MIN)


HEALTHY = SourceHealth()


@dataclass(frozen=True, slots=True)
class PullSlots:
    """The claims of those who ask a source at this moment; as many as PULL_CONCURRENCY at most."""

    source_id: str
    claims: tuple[Claim, ...] = ()

    def taken(self, now: datetime) -> int:
        """Return how many slots are taken."""
        return len(self._living(now))

    def _living(self, now: datetime) -> tuple[Claim, ...]:
        return tuple(claim for claim in self.claims if now < claim.until)

    def with_claim(self, claim: Claim, now: datetime) -> "PullSlots":
        """Return the slots with a claim, new or renewed, and without those that have ended."""
        others = (each for each in self._living(now) if each.id != claim.id)
        return replace(self, claims=(*others, claim))

    def without(self, claim_id: str, now: datetime) -> "PullSlots":
        """Return the slots without a claim."""
        return replace(self, claims=tuple(each for each in self._living(now) if each.id != claim_id))


@dataclass(frozen=True, slots=True)
class FolderTurn:
    """Whose turn it is to land rows in the folder of an hour: ``answer`` is the zip they come from."""

    project_id: int
    hour: Hour
    answer: str


@dataclass(frozen=True, slots=True)
class LateLanding:
    """The note that rows have landed in a folder whose hour may have been exported, and when the last did."""

    project_id: int
    hour: Hour
    landed_at: datetime


class RunStatus(StrEnum):
    """The state of a run."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


RUN_ENDED = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class FailedPull:
    """An hour of a run that has failed, and why."""

    hour: Hour
    error: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRun:
    """Hours of a source that a person asks to have pulled again: all from ``first`` to ``last``, inclusive.

    ``start`` and ``end`` are the range as requested; ``clamped`` says that its end was not due yet. Every
    hour before ``done_before`` is counted: ``done`` with rows, ``empty`` without, or in ``failed``.
    ``new_rows`` are the rows that these pulls have landed.
    """

    source_id: str
    id: str
    start: str
    end: str
    first: Hour
    last: Hour
    created_at: datetime
    done_before: Hour
    status: RunStatus = RunStatus.QUEUED
    clamped: bool = False
    done: int = 0
    empty: int = 0
    new_rows: int = 0
    failed: tuple[FailedPull, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether no further hour is pulled for it."""
        return self.status in RUN_ENDED

    @property
    def total(self) -> int:
        """How many hours it has."""
        return count_between(self.first, self.last)

    @property
    def left(self) -> int:
        """How many hours are not counted yet."""
        return self.total - self.done - self.empty - len(self.failed)

    def settles(self, record: PulledHour | None) -> bool:
        """Whether an answer that was asked for after the request has settled an hour."""
        return record is not None and record.asked_at is not None and record.asked_at >= self.created_at

    def wants(self, record: PulledHour | None, now: datetime) -> bool:
        """Whether an hour is to be pulled for it now; one that waits, or was put off, has its own time."""
        if record is None or self.settles(record):
            return record is None
        return record.due(now) or (record.status in SETTLED and not record.failures)
