"""Row counts of the last day: they show first that a source sends other data."""

from dataclasses import dataclass

from exporter.domain.destination import Destination, Status
from exporter.domain.hour import last_closed_hour
from exporter.domain.hour_record import HourRecord, RowCounts
from exporter.domain.streams import StreamKey
from exporter.ports import Ledger
from exporter.schedule.ledger_view import AsOf

# A day covers every time of day, and is one page of a stream's ledger.
RECENT_HOURS = 24


@dataclass(frozen=True, slots=True)
class RecentRows:
    """The summed row counts of recent hours; ``lost`` is the newest hour of which all rows were rejected."""

    key: StreamKey
    rows: RowCounts
    lost: HourRecord | None = None


def recent_rows(ledger: Ledger, destination: Destination, as_of: AsOf) -> list[RecentRows]:
    """Return the row counts of the last ``RECENT_HOURS`` closed hours, for each stream.

    Hours that are not done do not count.
    """
    if destination.status is Status.DRAFT:
        return [RecentRows(key, RowCounts()) for key in destination.streams]
    last = last_closed_hour(as_of.now, as_of.settle)
    found = []
    for key in destination.streams:
        total, lost = RowCounts(), None
        for record in ledger.between(key, last.plus(1 - RECENT_HOURS), last):
            if record.done:
                total += record.rows
                lost = record if record.rows.lost else lost
        found.append(RecentRows(key, total, lost))
    return found
