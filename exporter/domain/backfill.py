"""Backfills: a past range of hours that a person asks to have exported again.

How far one is, is derived from the ledger. An hour is *done* for a backfill if its record names the backfill
among those that its files fulfil, or if it was written whole by an attempt that certainly began after the
backfill was asked for, whoever asked for that attempt. It *failed* if its record shows a failure of the
backfill's own round, or one that certainly happened since. Everything else is *left*. "Certainly" means by
more than clocks may be apart: times in the ledger are those of other hosts.

What is kept with a backfill only spares reading the ledger from its first hour on every time.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from exporter.domain import transient_failures
from exporter.domain.allowed_hosts import same_container
from exporter.domain.breaker import Breaker
from exporter.domain.clocks import CLOCKS_APART_MAX
from exporter.domain.errors import Fault
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord, HourStatus
from exporter.domain.hour_task import HourTask
from exporter.domain.streams import Stream, StreamKey

REQUESTED_BY = "backfill:"
# A backfill that has so many failed hours stops: it is not about single hours any more.
FAILED_MAX = 100
HOURS_LOST = Fault(
    code="hours_lost",
    message="The list of the hours that this backfill is about is lost.",
    fix="Verify the same range again with repair: that asks for a backfill of what is wrong now.",
)
# A step comes every few seconds, or every minute where there is nothing to do yet. A step that is sent again
# although it is under way changes nothing.
STALLED = timedelta(minutes=3)


class BackfillStatus(StrEnum):
    """Where a backfill is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({BackfillStatus.SUCCEEDED, BackfillStatus.FAILED, BackfillStatus.CANCELLED})


class Came(StrEnum):
    """What has come of an hour for a backfill."""

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
    """Hours that are done: ``done`` with rows, ``empty`` without; their rows, and bytes as they were sent.

    ``fresh`` of them were finished since the backfill was last begun: its pace is measured by those.
    """

    done: int = 0
    empty: int = 0
    rows: int = 0
    bytes: int = 0
    fresh: int = 0

    @property
    def hours(self) -> int:
        """How many hours are done, rows or not."""
        return self.done + self.empty

    def plus(self, record: HourRecord, begun_at: datetime) -> "Tally":
        """Return the tally with one more hour that is done."""
        empty = record.status is HourStatus.EMPTY
        return Tally(
            done=self.done + (not empty),
            empty=self.empty + empty,
            rows=self.rows + record.content.rows.exported,
            bytes=self.bytes + sum(part.bytes for part in record.content.parts),
            fresh=self.fresh + (record.finished_at is not None and record.finished_at >= begun_at),
        )


@dataclass(frozen=True, slots=True)
class Backfill:
    """Hours of some streams of a destination; the hours of different streams count one by one.

    They are all from ``first`` to ``last``, both included, or those that a blob of our own lists
    (``chosen``). ``begins`` are the first hours of its streams, one for each; empty if all begin with
    ``first``. ``start`` and ``end`` are the range as it was asked for; ``clamped`` if its end was not closed
    yet, ``clamped_start`` if nothing of these streams is known before ``first``.

    ``since`` is when it was asked for, ``tried_since`` when it was last begun, or begun again; ``round``
    counts how often it was begun again. An hour that failed in an earlier round is tried once more.
    With ``allow_loss`` a person accepts that hours are replaced by less than they hold.

    ``settled`` and ``planned`` are how far it is: every hour before ``settled`` is in ``tally`` or in
    ``failed``, every hour before ``planned`` has been queued. ``resent_step`` is the step that last queued
    hours again whose messages may be lost. ``setbacks`` is how many attempts at its next step in a row were
    broken off by something that should have passed.
    """

    id: str
    destination_id: str
    start: str
    end: str
    first: Hour
    last: Hour
    streams: tuple[Stream, ...]
    total: int
    created_at: datetime
    since: datetime
    retry_since: datetime
    moved_at: datetime
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
    transient_failures: int = 0
    tally: Tally = field(default_factory=Tally)
    failed: tuple[FailedHour, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: Fault | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more is done for it."""
        return self.status in ENDED

    @property
    def requested_by(self) -> str:
        """How the ledger names it."""
        return f"{REQUESTED_BY}{self.id}"

    @property
    def next_step(self) -> "BackfillStep":
        """The step that is to be taken next."""
        return BackfillStep(self.destination_id, self.id, self.step)

    @property
    def keys(self) -> tuple[StreamKey, ...]:
        """The ledger's streams that it is about."""
        return tuple(StreamKey(self.destination_id, stream) for stream in self.streams)

    def covers(self, stream: Stream, hour: Hour) -> bool:
        """Whether an hour of one of its streams, up to its last, is not before the stream's first."""
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

    def fulfilled(self, record: HourRecord, here: str = "") -> bool:
        """Whether the hour is in the container of the target ``here`` as the backfill wants it.

        Either its files were written for this backfill, or for a later request on top of them; or by an
        attempt that began after it was asked for, by more than clocks may be apart.
        """
        if not (record.done and same_container(record.content.origin.target, here)):
            return False
        return self.requested_by in record.written_for or record.satisfies(self.since + CLOCKS_APART_MAX)

    def refused(self, record: HourRecord) -> bool:
        """Whether the hour was refused to this backfill, as it is now, and stands as it was."""
        return (
            record.work.refused is not None
            and (self.requested_by, self.round) in record.work.refused.requests
        )

    def came(self, record: HourRecord | None, breaker: Breaker, now: datetime, *, here: str = "") -> Came:
        """Return what has come of an hour, for the container of the target ``here``; empty: any.

        A failure does not count that is forgiven: the storage it was about has recovered since.
        """
        if record is None:
            return Came.LEFT
        if self.fulfilled(record, here):
            return Came.DONE
        if self.refused(record):
            return Came.FAILED
        if record.status is HourStatus.FAILED and self._tried(record):
            return Came.LEFT if record.forgiven(breaker.healed_at) else Came.FAILED
        return Came.FAILED if self._given_up(record, now) else Came.LEFT

    def _tried(self, record: HourRecord) -> bool:
        """Whether the latest attempt at the hour is one of this round, or began after it for certain."""
        if (record.work.requested_by, record.work.round) == (self.requested_by, self.round):
            return True
        return (
            record.work.started_at is not None
            and record.work.started_at >= self.retry_since + CLOCKS_APART_MAX
        )

    def _given_up(self, record: HourRecord, now: datetime) -> bool:
        """Whether the hour was broken off in passing so often that it is not waited for any longer."""
        return transient_failures.failed(
            record.work.transient_failures, self.started_at or self.retry_since, now
        )

    def fault_of(self, record: HourRecord) -> Fault:
        """Return why an hour has failed, or does not come to its end."""
        if self.refused(record) and record.work.refused is not None:
            return record.work.refused.fault
        return record.work.error or Fault(
            code="internal_error",
            message="The export of this hour was broken off again and again, and the reason was not kept.",
            fix="Retry the backfill; if that does not help, ask the operator of this exporter.",
        )

    def moved(self, now: datetime) -> "Backfill":
        """Return the backfill with one more step taken."""
        return replace(self, step=self.step + 1, moved_at=now, transient_failures=0, error=None)

    def end_as(self, status: BackfillStatus, now: datetime, error: Fault | None = None) -> "Backfill":
        """Return the backfill as ended."""
        return replace(self, status=status, finished_at=now, error=error)

    def set_back(self, reason: str, now: datetime) -> "Backfill":
        """Return the backfill after its next step was broken off by something that should have passed.

        From a few times on the reason is shown; after many, and a long time, that is the end.
        """
        count = self.transient_failures + 1
        fault = transient_failures.keeps_failing("The backfill", reason, "Then retry the backfill.")
        if transient_failures.failed(count, self.moved_at, now):
            return self.moved(now).end_as(BackfillStatus.FAILED, now, fault)
        return replace(
            self, transient_failures=count, error=fault if transient_failures.shown(count) else None
        )

    def begun_again(self, now: datetime) -> "Backfill":
        """Return the backfill with everything that is not done to be tried again; what is done stays done."""
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


@dataclass(frozen=True, slots=True)
class BackfillStep:
    """A step of a backfill, as its message names it; one of another number was taken already."""

    destination_id: str
    backfill_id: str
    number: int


def backfill_id(requested_by: str) -> str | None:
    """Return the backfill that asked for an hour, or None if it was the schedule."""
    return requested_by.removeprefix(REQUESTED_BY) if requested_by.startswith(REQUESTED_BY) else None
