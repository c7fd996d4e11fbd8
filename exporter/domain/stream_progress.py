"""The progress of a stream's schedule: up to which hour all of its hours are done."""

from dataclasses import dataclass, replace
from datetime import datetime

from exporter.domain.allowed_hosts import same_container
from exporter.domain.hour import Hour
from exporter.domain.streams import StreamKey


@dataclass(frozen=True, slots=True)
class StreamProgress:
    """How far a stream's schedule is. Every hour from ``first`` up to before ``next`` is done.

    ``next`` only spares the tick from reading old rows: it is derived from the ledger, may lag behind it,
    and is not to be ahead of it. Since a ledger can be lost behind its back, it says what it was derived
    from: progress that names another ``ledger`` than there is counts for nothing. A single lost row is found
    by the review of each day, which reads the stream's whole ledger.
    """

    key: StreamKey
    first: Hour
    watermark: Hour
    late: tuple[Hour, ...] = ()
    """For each distance at which late blobs are looked for: the first hour not known to be looked at."""
    ledger: str = ""
    """The ledger that it was derived from, as ``Ledger.identity`` calls it; empty before the first tick."""
    reviewed_at: datetime | None = None
    """When the stream's first hour was last looked for, and its whole ledger read."""
    place: str = ""
    """The account and container that it is about (``account|container``); empty if that was not kept."""

    def derived_from(self, ledger: str) -> "StreamProgress":
        """Return the progress as far as it holds for a ledger: from the first hour on, if it is another."""
        if self.ledger == ledger:
            return self
        return replace(self, watermark=self.first, late=(), ledger=ledger, reviewed_at=None)

    def back_to(self, hour: Hour) -> "StreamProgress":
        """Return the progress with that hour not known to be done, which may be before the first."""
        return replace(
            self,
            first=min(self.first, hour),
            watermark=min(self.watermark, hour),
            late=tuple(min(each, hour) for each in self.late),
        )

    def at(self, place: str) -> "StreamProgress":
        """Return it as it is for another account and container: there, it is at its beginning."""
        if self.place == place:
            return self
        known = self if same_container(self.place, place) else replace(self, watermark=self.first, late=())
        return replace(known, place=place)
