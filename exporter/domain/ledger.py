"""The ledger: for each hour of a stream, what was done, by whom, and what came of it.

A record moves like this; every arrow is one compare-and-swap on its ETag:

    (absent) ──claim──▶ running ──finish──▶ exported | empty
                          │ ▲
             fail, release│ │claim, when due or when the lease ran out
                          ▼ │
                     failed | owed
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from exporter.domain.destination import Output
from exporter.domain.errors import Fault
from exporter.domain.hours import Hour
from exporter.domain.marker import Part
from exporter.domain.streams import StreamKey

SCHEDULE = "schedule"
# A dead worker's hour is free again after this time at the latest; a living one renews it three times over.
LEASE = timedelta(seconds=90)
RENEW_EVERY = timedelta(seconds=30)
# After the n-th attempt, if it failed: 5, 10, 20, 40 minutes, then every hour.
BACK_OFF_FIRST = timedelta(minutes=5)
BACK_OFF_MAX = timedelta(hours=1)


class HourStatus(StrEnum):
    """What became of an hour so far."""

    OWED = "owed"
    RUNNING = "running"
    EXPORTED = "exported"
    EMPTY = "empty"
    FAILED = "failed"


DONE = frozenset({HourStatus.EXPORTED, HourStatus.EMPTY})


@dataclass(frozen=True, slots=True)
class RowCounts:
    """What became of the rows of an hour; every row read is in exactly one of the counts."""

    exported: int = 0
    filtered: int = 0
    duplicate: int = 0
    rejected: int = 0

    @property
    def read(self) -> int:
        """All rows that the hour's landing blobs hold."""
        return self.exported + self.filtered + self.duplicate + self.rejected


@dataclass(frozen=True, slots=True)
class Claim:
    """Who is exporting the hour, and until when nobody else may. ``id`` is unique to one attempt."""

    id: str
    until: datetime


@dataclass(frozen=True, slots=True)
class HourTask:
    """A request to export one hour: what a queue message says. It is a hint; the ledger decides."""

    key: StreamKey
    hour: Hour
    requested_by: str = SCHEDULE


@dataclass(frozen=True, slots=True)
class HourRecord:
    """One row of the ledger.

    ``parts`` and ``rows`` are what is in the container once the hour is done; before that, what the latest
    attempt was about to commit. ``filter_sha256`` and ``output`` are the settings they were made with, which
    may have been changed since; ``output`` is None if it is not known any more.
    """

    key: StreamKey
    hour: Hour
    status: HourStatus = HourStatus.OWED
    rows: RowCounts = field(default_factory=RowCounts)
    parts: tuple[Part, ...] = ()
    filter_sha256: str | None = None
    output: Output | None = None
    attempts: int = 0
    requested_by: str = SCHEDULE
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: Fault | None = None
    claim: Claim | None = None
    retry_at: datetime | None = None

    @property
    def done(self) -> bool:
        """Whether the hour is in the customer's container."""
        return self.status in DONE

    def claimed(self, now: datetime) -> bool:
        """Whether some worker holds the hour and its lease has not run out."""
        return self.claim is not None and now < self.claim.until

    def due(self, now: datetime, healed_at: datetime | None = None) -> bool:
        """Whether the schedule may ask for it: not done, nobody has it, and a failure's back-off is over.

        A failure from before ``healed_at`` has none: what caused it is repaired.
        """
        forgiven = healed_at is not None and self.finished_at is not None and self.finished_at <= healed_at
        waiting = self.retry_at is not None and now < self.retry_at and not forgiven
        return not (self.done or self.claimed(now) or waiting)

    def take(self, claim_id: str, requested_by: str, now: datetime) -> "HourRecord":
        """Return the record as claimed for a new attempt."""
        return replace(
            self,
            status=HourStatus.RUNNING,
            attempts=self.attempts + 1,
            requested_by=requested_by,
            started_at=now,
            finished_at=None,
            retry_at=None,
            claim=Claim(claim_id, now + LEASE),
        )

    def renewed(self, now: datetime) -> "HourRecord":
        """Return the record with its lease extended."""
        if self.claim is None:
            raise ValueError(f"nobody holds {self.key} {self.hour}")
        return replace(self, claim=replace(self.claim, until=now + LEASE))

    def staged(
        self,
        rows: RowCounts,
        parts: tuple[Part, ...],
        filter_sha256: str | None,
        output: Output | None = None,
    ) -> "HourRecord":
        """Return the record with what is about to be committed: whoever finds the marker knows the counts."""
        return replace(self, rows=rows, parts=parts, filter_sha256=filter_sha256, output=output)

    def finished(self, now: datetime) -> "HourRecord":
        """Return the record of an hour that is whole in the customer's container."""
        status = HourStatus.EXPORTED if self.parts else HourStatus.EMPTY
        return replace(self, status=status, finished_at=now, claim=None, error=None)

    def failed(self, fault: Fault, now: datetime) -> "HourRecord":
        """Return the record of a failed attempt, to be tried again after a back-off."""
        return replace(
            self,
            status=HourStatus.FAILED,
            finished_at=now,
            error=fault,
            claim=None,
            retry_at=now + back_off(self.attempts),
        )

    def released(self) -> "HourRecord":
        """Return the record of an attempt that was broken off by a passing failure: owed, at once."""
        return replace(self, status=HourStatus.OWED, claim=None)


def back_off(attempts: int) -> timedelta:
    """Return how long to wait after that many attempts: doubling, up to an hour."""
    doublings = min(max(attempts, 1) - 1, 10)
    return min(BACK_OFF_FIRST * (1 << doublings), BACK_OFF_MAX)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stream's schedule is. Every hour from ``first`` up to before ``next`` is done.

    ``next`` only spares the tick from reading old rows: it is derived from the ledger, may lag behind it,
    and is never ahead of it.
    """

    key: StreamKey
    first: Hour
    next: Hour
