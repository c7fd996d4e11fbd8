"""Hours that were done and were taken again: a row for each, until it is done again."""

from exporter.domain.hour import Hour
from exporter.domain.hour_task import HourTask
from exporter.domain.streams import StreamKey
from exporter.domain.versioned import Rows, Versioned
from exporter.storage.clients import Account
from exporter.storage.own.entities import Entity, new_row, parse_stream_key, versioned
from exporter.storage.own.tables import Table

_PARTITION = "reopened"


class ReopenedTable:
    """Hours that the schedule must see to although it is past them; rows beside those of the schedule."""

    def __init__(self, account: Account, table: str = "schedule") -> None:
        self._table = Table(account, table)

    def remember(self, task: HourTask) -> str:
        """Note an hour that is about to be taken."""
        row = new_row(_PARTITION, _row_key(task.key, task.hour), requested_by=task.requested_by)
        return self._table.put_any(row)

    def all(self) -> Rows[Versioned[HourTask]]:
        """Return what is noted."""
        return versioned(self._table.find("PartitionKey eq @partition", {"partition": _PARTITION}), _task)

    def forget(self, key: StreamKey, hour: Hour, etag: str) -> None:
        """Forget an hour that is done again, unless it was noted again meanwhile."""
        self._table.delete_if(_PARTITION, _row_key(key, hour), etag)


def _row_key(key: StreamKey, hour: Hour) -> str:
    return f"{key}:{hour.key}"


def _task(row: Entity) -> HourTask:
    row.check_version()
    key, hour = row.read("RowKey", _parts_of_key)
    return HourTask(key, hour, row.read("requested_by", str))


def _parts_of_key(text: str) -> tuple[StreamKey, Hour]:
    key, _, hour = text.rpartition(":")
    return parse_stream_key(key), Hour.parse(hour)
