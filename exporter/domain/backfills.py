"""Backfills: a past range of hours that a person asks to have exported again."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from exporter.domain.hours import Hour
from exporter.domain.streams import DataType

REQUESTED_BY = "backfill:"


class BackfillStatus(StrEnum):
    """Where a backfill is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({BackfillStatus.SUCCEEDED, BackfillStatus.FAILED, BackfillStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class Backfill:
    """A range of hours, both ends included, of some data types of a destination.

    ``since`` is when it was asked for: an hour is done for it if it was written whole by an attempt that
    began then or later, whoever asked for that.
    """

    id: str
    destination_id: str
    first: Hour
    last: Hour
    data_types: tuple[DataType, ...]
    created_at: datetime
    since: datetime
    status: BackfillStatus = BackfillStatus.QUEUED

    @property
    def ended(self) -> bool:
        """Whether nothing more is done for it."""
        return self.status in ENDED

    @property
    def requested_by(self) -> str:
        """How the ledger names it."""
        return f"{REQUESTED_BY}{self.id}"


def backfill_id(requested_by: str) -> str | None:
    """Return the backfill that asked for an hour, or None if it was the schedule."""
    return requested_by.removeprefix(REQUESTED_BY) if requested_by.startswith(REQUESTED_BY) else None
