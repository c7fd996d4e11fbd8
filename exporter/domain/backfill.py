"""Backfills: past hours of a destination that a person asks to have exported again.

Progress is derived from the ledger. For a backfill an hour is

* *done* if its record names the backfill among the requests that its files fulfil, or if an attempt exported
  the whole hour that certainly began after the backfill was requested, no matter who requested that attempt;
* *failed* if its record shows a failure of the backfill's own round, or one that certainly happened since;
* *left* otherwise.

"Certainly" means by more than ``CLOCKS_APART_MAX``: times in the ledger were written by other hosts.

What the backfill's own row keeps saves each step from reading the ledger from the first hour on.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from exporter.domain import transient_failures
from exporter.domain.allowed_hosts import same_container
from exporter.domain.breaker import Breaker
from exporter.domain.clocks import CLOCKS_APART_MAX
from exporter.domain.errors import Fault
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord, HourStatus
from exporter.domain.hour_task import HourTask
from exporter.domain.job import Job
from exporter.domain.streams import Stream, StreamKey

REQUESTED_BY = "backfill:"
# A backfill stops when so many of its hours have failed: the cause is not in single hours.
FAILED_MAX = 100
HOURS_LOST = Fault(
    code="hours_lost",
    message="The list of the hours of this backfill is lost.",
    fix="Verify the same range again with repair: this starts a backfill of the hours that are wrong now.",
)
# A step follows after seconds, or after a minute if there is nothing to do yet. A step that is sent again
# while it runs changes nothing.
STALLED = timedelta(minutes=3)


class BackfillStatus(StrEnum):
    """The state of a backfill."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({BackfillStatus.SUCCEEDED, BackfillStatus.FAILED, BackfillStatus.CANCELLED})


class HourOutcome(StrEnum):
    """The result of an hour for a backfill."""

    DONE = "done"
    FAILED = "failed"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class FailedHour:
    """An hour that failed, and why."""

    stream: Stream
    hour: Hour
    error: Fault


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of hours that are done: ``done`` with rows, ``empty`` without rows.

    ``rows`` and ``bytes`` (compressed) are their totals. ``fresh`` hours were finished since the backfill
    last started: its pace is measured by them.
    """

    done: int = 0
    empty: int = 0
    rows: int = 0
    bytes: int = 0
    fresh: int = 0

    @property
    def hours(self) -> int:
        """All hours that are done, with rows or without."""
        return self.done + self.empty

    def plus(self, record: HourRecord, started_at: datetime) -> "Tally":
        """Return the tally with one more hour that is done."""
        empty = record.status is HourStatus.EMPTY
        return Tally(
            done=self.done + (not empty),
            empty=self.empty + empty,
            rows=self.rows + record.content.rows.exported,
            bytes=self.bytes + sum(part.bytes for part in record.content.parts),
            fresh=self.fresh + (record.finished_at is not None and record.finished_at >= started_at),
        )


@dataclass(frozen=True, slots=True)
class BackfillStep:
    """One step of a backfill, as a queue message names it; void unless it is the backfill's next step."""

    destination_id: str
    backfill_id: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill(Job[BackfillStep]):
    """Hours of some streams of a destination; each hour of each stream counts as one.

    The hours are all from ``first`` to ``last``, both included, or those in the blob ``hour_list`` of our own
    storage. ``begins`` holds the first hour of each stream; it is empty if all streams begin with ``first``.
    ``start`` and ``end`` are the range as requested. ``clamped`` says that its end was not closed yet,
    ``clamped_start`` that nothing of these streams is known before ``first``. With ``allow_loss`` a person
    accepts that an hour is replaced by fewer rows than it holds.

    ``since`` is when the backfill was requested, ``retry_since`` when it was requested or last retried;
    ``round`` counts the retries. An hour that failed in an earlier round is tried once more.

    Progress: every hour before ``done_before`` is in ``tally`` or in ``failed``, every hour before
    ``queued_before`` has been queued. ``step`` counts the steps, and ``resent_step`` is the step that last
    queued hours again whose messages may be lost.
    """

    NOUN: ClassVar[str] = "backfill"
    AGAIN: ClassVar[str] = "retry the backfill"
    FAILED: ClassVar[StrEnum] = BackfillStatus.FAILED
    ENDED: ClassVar[frozenset[StrEnum]] = ENDED

    start: str
    end: str
    first: Hour
    last: Hour
    streams: tuple[Stream, ...]
    total: int
    since: datetime
    retry_since: datetime
    done_before: Hour
    queued_before: Hour
    begins: tuple[Hour, ...] = ()
    clamped: bool = False
    clamped_start: bool = False
    allow_loss: bool = False
    round: int = 0
    hour_list: str | None = None
    status: BackfillStatus = BackfillStatus.QUEUED
    step: int = 0
    resent_step: int = 0
    tally: Tally = field(default_factory=Tally)
    failed: tuple[FailedHour, ...] = ()
    started_at: datetime | None = None

    @property
    def requested_by(self) -> str:
        """The name of the backfill in the ledger."""
        return f"{REQUESTED_BY}{self.id}"

    @property
    def next_step(self) -> BackfillStep:
        """The step that is to be taken next."""
        return BackfillStep(self.destination_id, self.id, self.step)

    def follows(self, step: BackfillStep) -> bool:
        """Whether that step was the latest one taken."""
        return self.step == step.number + 1

    @property
    def keys(self) -> tuple[StreamKey, ...]:
        """The ledger's keys of its streams."""
        return tuple(StreamKey(self.destination_id, stream) for stream in self.streams)

    def covers(self, stream: Stream, hour: Hour) -> bool:
        """Whether an hour up to ``last`` is not before the first one of its stream."""
        begins = dict(zip(self.streams, self.begins, strict=True)) if self.begins else {}
        return hour >= begins.get(stream, self.first)

    def task(self, stream: Stream, hour: Hour) -> HourTask:
        """Return the request to export one of its hours."""
        return HourTask(
            StreamKey(self.destination_id, stream),
            hour,
            self.requested_by,
            round=self.round,
            allow_loss=self.allow_loss,
        )

    def fulfilled(self, record: HourRecord, target: str = "") -> bool:
        """Whether the container of a target holds the hour as the backfill requests it; empty: any container.

        Its files were written for this backfill, or for a later request on top of them, or by an attempt that
        certainly began after the backfill was requested.
        """
        if not (record.done and same_container(record.content.origin.target, target)):
            return False
        return self.requested_by in record.written_for or record.satisfies(self.since + CLOCKS_APART_MAX)

    def refused(self, record: HourRecord) -> bool:
        """Whether the hour was refused to this round of the backfill, and has not changed since."""
        return (
            record.work.refused is not None
            and (self.requested_by, self.round) in record.work.refused.requests
        )

    def outcome(
        self, record: HourRecord | None, breaker: Breaker, now: datetime, *, target: str = ""
    ) -> HourOutcome:
        """Return the result of an hour in the container of a target; empty: any container.

        A failure from before the destination's storage recovered does not count.
        """
        if record is None:
            return HourOutcome.LEFT
        if self.fulfilled(record, target):
            return HourOutcome.DONE
        if self.refused(record):
            return HourOutcome.FAILED
        if record.status is HourStatus.FAILED and self._attempted(record):
            return HourOutcome.LEFT if record.forgiven(breaker.healed_at) else HourOutcome.FAILED
        return HourOutcome.FAILED if self._given_up(record, now) else HourOutcome.LEFT

    def _attempted(self, record: HourRecord) -> bool:
        """Whether the latest attempt at the hour is one of this round, or certainly began after it did."""
        if (record.work.requested_by, record.work.round) == (self.requested_by, self.round):
            return True
        return (
            record.work.started_at is not None
            and record.work.started_at >= self.retry_since + CLOCKS_APART_MAX
        )

    def _given_up(self, record: HourRecord, now: datetime) -> bool:
        """Whether so many attempts at the hour had transient errors that the backfill stops waiting."""
        return transient_failures.failed(
            record.work.transient_failures, self.started_at or self.retry_since, now
        )

    def fault_of(self, record: HourRecord) -> Fault:
        """Return why an hour has failed, or is not finished."""
        if self.refused(record) and record.work.refused is not None:
            return record.work.refused.fault
        return record.work.error or Fault(
            code="internal_error",
            message="The export of this hour was interrupted several times; the reason is not known.",
            fix="Retry the backfill. If the hour fails again, ask the operator of this exporter.",
        )

    def moved(self, now: datetime) -> "Backfill":
        """Return the backfill with one more step taken."""
        return replace(Job.moved(self, now), step=self.step + 1)

    def retried(self, now: datetime) -> "Backfill":
        """Return the backfill at the beginning of a new round; hours that are done stay done."""
        return replace(
            self.moved(now),
            status=BackfillStatus.QUEUED,
            round=self.round + 1,
            retry_since=now,
            done_before=self.first,
            queued_before=self.first,
            tally=Tally(),
            failed=(),
            started_at=None,
            finished_at=None,
        )


def backfill_id(requested_by: str) -> str | None:
    """Return the id of the backfill that requested an hour; None if the schedule did."""
    return requested_by.removeprefix(REQUESTED_BY) if requested_by.startswith(REQUESTED_BY) else None
