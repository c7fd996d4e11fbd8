"""The schedule's table: one small row for each stream."""

from exporter.domain.hour import Hour
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import StreamKey
from exporter.domain.versioned import RowsByKey
from exporter.storage.clients import Account
from exporter.storage.own.entities import (
    Entity,
    moment_text,
    new_row,
    parse_moment,
    parse_stream_key,
    readable,
)
from exporter.storage.own.tables import Table

_PARTITION = "stream"


class ScheduleTable:
    """How far each stream is."""

    def __init__(self, account: Account, table: str = "schedule") -> None:
        self._table = Table(account, table)

    def all(self) -> RowsByKey[StreamKey, StreamProgress]:
        """Return every stream's progress."""
        found = self._table.find("PartitionKey eq @partition", {"partition": _PARTITION})
        rows = readable(found, _progress)
        return RowsByKey({progress.key: progress for progress in rows}, rows.unreadable)

    def get(self, key: StreamKey) -> StreamProgress | None:
        """Return one stream's progress, or None before it was first planned."""
        found = self._table.get(_PARTITION, str(key))
        return found[0].parsed(_progress) if found else None

    def put(self, progress: StreamProgress) -> None:
        """Write a stream's progress, whatever was there."""
        row = new_row(
            _PARTITION,
            str(progress.key),
            first_hour=progress.first.key,
            next_hour=progress.watermark.key,
            late_hours=" ".join(hour.key for hour in progress.late),
            ledger=progress.ledger,
            reviewed_at=moment_text(progress.reviewed_at),
            place=progress.place,
        )
        self._table.put_any(row)

    def forget(self, key: StreamKey) -> None:
        """Forget how far a stream was: it begins anew."""
        self._table.delete(_PARTITION, str(key))


def _progress(row: Entity) -> StreamProgress:
    row.check_version()
    return StreamProgress(
        key=row.read("RowKey", parse_stream_key),
        first=row.read("first_hour", Hour.parse),
        watermark=row.read("next_hour", Hour.parse),
        late=row.read_newer("late_hours", _hours) or (),
        ledger=row.read_newer("ledger", str) or "",
        reviewed_at=row.read_newer("reviewed_at", parse_moment),
        place=row.read_newer("place", str) or "",
    )


def _hours(text: str) -> tuple[Hour, ...]:
    return tuple(map(Hour.parse, text.split()))
