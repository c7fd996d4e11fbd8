"""Late landings: rows that a source has landed in hours which were exported before.

The late checks look at an hour at fixed times after its end. A source may land rows at any time, so it notes
the hours. A note is kept until every destination was compared with landing after it.
"""

from collections.abc import Iterable

from exporter.domain.clocks import CLOCKS_APART_MAX
from exporter.domain.data_types import DataType
from exporter.domain.destination import Destination, Status
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.pulls import LateLanding
from exporter.domain.streams import Stream, StreamKey
from exporter.domain.versioned import UnreadableRowError
from exporter.notify.log_events import log_unreadable
from exporter.ports import Gateways
from exporter.schedule.failures import Failures

# Notes that one tick reads: usually there are a few a day.
NOTES_MAX = 200


def late_tasks(gateways: Gateways, failures: Failures) -> list[HourTask]:
    """Return the hours to compare with landing, for active destinations; forget the notes that are over."""
    notes = gateways.pulls.late.all()
    log_unreadable(notes.unreadable)
    if not notes:
        return []
    destinations = [found.value for found in gateways.destinations.all()]
    tasks = list[HourTask]()
    for note in sorted(notes, key=lambda each: each.value.landed_at)[:NOTES_MAX]:
        with failures.guard(f"looking at late rows of {note.value.hour}"):
            found = _unchecked(gateways, note.value, destinations)
            if found:
                tasks += [HourTask(key, note.value.hour, late=True) for key, active in found if active]
            else:
                gateways.pulls.late.forget(note)
    return tasks


def _unchecked(
    gateways: Gateways, note: LateLanding, destinations: Iterable[Destination]
) -> list[tuple[StreamKey, bool]]:
    """Return the streams whose container may lack the rows, and whether their destination is active.

    An hour that was never exported lacks nothing: its export reads all rows.
    """
    stream, found = Stream(DataType.EVENTS, note.project_id), list[tuple[StreamKey, bool]]()
    for destination in destinations:
        key = StreamKey(destination.id, stream)
        if destination.status not in {Status.ACTIVE, Status.PAUSED} or key not in destination.streams:
            continue
        try:
            record = gateways.ledger.get(key, note.hour)
        except UnreadableRowError as error:
            log_unreadable([error.row])
            found.append((key, False))
            continue
        if record is not None and not _checked(record.value, note):
            found.append((key, destination.status is Status.ACTIVE and record.value.done))
    return found


def _checked(record: HourRecord, note: LateLanding) -> bool:
    """Whether landing was certainly compared with the hour after the rows had landed."""
    checked_at = record.late_checked_at
    return record.done and checked_at is not None and checked_at >= note.landed_at + CLOCKS_APART_MAX
