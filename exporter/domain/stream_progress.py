"""The progress of a stream's schedule: up to which hour all of its hours are done."""

from dataclasses import dataclass, replace
from datetime import datetime

from exporter.domain.allowed_hosts import same_container
from exporter.domain.hour import Hour
from exporter.domain.streams import StreamKey


@dataclass(frozen=True, slots=True)
class StreamProgress:
    """How far a stream's schedule is: every hour from ``first`` up to before ``watermark`` is done.

    The watermark spares the tick from reading old rows. It is derived from the ledger, may lag behind it, and
    must not be ahead of it. A ledger can be lost and made again, so the progress names the ``ledger`` that it
    was derived from: progress that names another ledger does not count. The daily review, which reads the
    stream's whole ledger, finds a single lost row.
    """

    key: StreamKey
    first: Hour
    watermark: Hour
    late: tuple[Hour, ...] = ()
    """For each distance at which late data is checked: the first hour that is not known to be checked."""
    ledger: str = ""
    """The ``Ledger.identity`` that it was derived from; empty before the first tick."""
    reviewed_at: datetime | None = None
    """When the stream's first hour was last searched, and its whole ledger read."""
    place: str = ""
    """The account and container that it is about (``account|container``); empty if that is not known."""

    def derived_from(self, ledger: str) -> "StreamProgress":
        """Return the progress for a ledger: back at the first hour if it was derived from another one."""
        if self.ledger == ledger:
            return self
        return replace(self, watermark=self.first, late=(), ledger=ledger, reviewed_at=None)

    def back_to(self, hour: Hour) -> "StreamProgress":
        """Return the progress with an hour not known to be done; it may be before the first."""
        return replace(
            self,
            first=min(self.first, hour),
            watermark=min(self.watermark, hour),
            late=tuple(min(each, hour) for each in self.late),
        )

    def at(self, place: str) -> "StreamProgress":
        """Return the progress for an account and container: back at the first hour if it is another one."""
        if self.place == place:
            return self
        known = self if same_container(self.place, place) else replace(self, watermark=self.first, late=())
        return replace(known, place=place)
