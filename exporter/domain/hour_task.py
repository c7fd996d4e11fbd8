"""Requests to export an hour: what the messages of the hour queues say."""

from dataclasses import dataclass

from exporter.domain.hour import Hour
from exporter.domain.streams import StreamKey

SCHEDULE = "schedule"
"""What ``requested_by`` says of an hour that the schedule asks for; see ``backfill_id`` for backfills."""


@dataclass(frozen=True, slots=True)
class SliceRef:
    """One slice of an hour that several workers stage: its sliced export, and its first part number."""

    sliced_id: str
    number: int


@dataclass(frozen=True, slots=True)
class HourTask:
    """A request to export one hour. It is a hint; the ledger decides.

    With ``late`` it asks to compare landing with what was exported; with a ``slice_ref``, to stage one slice.
    ``round`` counts how often a backfill was begun: 0 at first, one more at each retry. With ``allow_loss`` a
    person accepts that the hour is replaced by less than it holds.
    """

    key: StreamKey
    hour: Hour
    requested_by: str = SCHEDULE
    late: bool = False
    slice_ref: SliceRef | None = None
    round: int = 0
    allow_loss: bool = False

    @property
    def day(self) -> tuple[str, int, StreamKey, str]:
        """What hours of one day have in common that one backfill requests in one round."""
        return (self.requested_by, self.round, self.key, self.hour.date)
