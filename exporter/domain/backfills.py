"""Backfills: a past range of hours that a person asks to have exported again.

How far one is, is derived from the ledger: an hour is *done* for a backfill if it was written whole by an
attempt that began after the backfill was asked for, whoever asked for that attempt. It *failed* if its latest
attempt since then did; everything else is *left*. What is kept with a backfill only spares reading the ledger
from its first hour on every time.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from exporter.domain.errors import Fault
from exporter.domain.hours import Hour
from exporter.domain.ledger import HourRecord, HourStatus
from exporter.domain.standing import Standing
from exporter.domain.streams import Stream, StreamKey

REQUESTED_BY = "backfill:"
# A backfill that has so many failed hours stops: it is not about single hours any more.
FAILED_MAX = 100
# A step comes every few seconds, or every minute where there is nothing to do yet.
STALLED = timedelta(minutes=5)


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
            rows=self.rows + record.rows.exported,
            bytes=self.bytes + sum(part.bytes for part in record.parts),
            fresh=self.fresh + (record.finished_at is not None and record.finished_at >= begun_at),
        )


@dataclass(frozen=True, slots=True)
class Backfill:
    """Hours of some streams of a destination; the hours of different streams count one by one.

    They are all from ``first`` to ``last``, both included, or those that a blob of our own lists
    (``chosen``). ``start`` and ``end`` are the range as it was asked for; ``clamped`` if its end was not
    closed yet.
    ``since`` is when it was asked for, ``tried_since`` when it was last begun, or begun again: an hour that
    failed before that is tried once more.

    ``settled`` and ``planned`` are how far it is: every hour before ``settled`` is in ``tally`` or in
    ``failed``, every hour before ``planned`` has been queued.
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
    tried_since: datetime
    moved_at: datetime
    resent_at: datetime
    settled: Hour
    planned: Hour
    clamped: bool = False
    chosen: str | None = None
    status: BackfillStatus = BackfillStatus.QUEUED
    step: int = 0
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

    def came(self, record: HourRecord | None, standing: Standing) -> Came:
        """Return what has come of an hour.

        A failure does not count that is forgiven: the storage it was about has recovered since.
        """
        if record is None:
            return Came.LEFT
        if record.satisfies(self.since):
            return Came.DONE
        tried = record.started_at is not None and record.started_at >= self.tried_since
        if record.status is HourStatus.FAILED and tried and not record.forgiven(standing.healed_at):
            return Came.FAILED
        return Came.LEFT

    def end_as(self, status: BackfillStatus, now: datetime, error: Fault | None = None) -> "Backfill":
        """Return the backfill as ended."""
        return replace(self, status=status, finished_at=now, moved_at=now, error=error, step=self.step + 1)

    def begun_again(self, now: datetime) -> "Backfill":
        """Return the backfill with everything that is not done to be tried again; what is done stays done."""
        return replace(
            self,
            status=BackfillStatus.QUEUED,
            tried_since=now,
            moved_at=now,
            resent_at=now,
            settled=self.first,
            planned=self.first,
            tally=Tally(),
            failed=(),
            step=self.step + 1,
            started_at=None,
            finished_at=None,
            error=None,
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
