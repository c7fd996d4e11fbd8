"""What became of a destination's rows lately: there a change of what a source sends is seen first."""

from dataclasses import dataclass

from exporter.domain.destination import Destination, Status
from exporter.domain.hour import last_closed_hour
from exporter.domain.hour_content import RowCounts
from exporter.domain.hour_record import HourRecord
from exporter.domain.streams import StreamKey
from exporter.ports import Gateways
from exporter.schedule.ledger_view import AsOf

# A day shows what a source does at any time of it; it is one page of a stream's ledger.
RECENT_HOURS = 24


@dataclass(frozen=True, slots=True)
class RecentRows:
    """The counts of a stream's last closed hours together, and the newest one that lost all of its rows."""

    key: StreamKey
    rows: RowCounts
    lost: HourRecord | None = None


def recent_rows(gateways: Gateways, destination: Destination, as_of: AsOf) -> list[RecentRows]:
    """Return what became of the rows of the last ``RECENT_HOURS`` closed hours, stream by stream.

    Hours that are not done count nothing: what became of their rows is not known yet.
    """
    if destination.status is Status.DRAFT:
        return [RecentRows(key, RowCounts()) for key in destination.streams]
    last = last_closed_hour(as_of.now, as_of.settle)
    found = []
    for key in destination.streams:
        total, lost = RowCounts(), None
        for record in gateways.ledger.between(key, last.plus(1 - RECENT_HOURS), last):
            if record.done:
                total += record.content.rows
                lost = record if record.content.rows.lost else lost
        found.append(RecentRows(key, total, lost))
    return found
