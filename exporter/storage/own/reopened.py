"""Notes of hours that were done and were claimed again: a row for each, until it is done again."""

from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourTask
from exporter.domain.streams import StreamKey
from exporter.domain.versioned import Rows, Versioned
from exporter.storage.clients import Account
from exporter.storage.own.specs import REOPENED
from exporter.storage.own.tables import Table


class ReopenedTable:
    """The notes, in rows beside those of the schedule."""

    def __init__(self, account: Account, name: str | None = None) -> None:
        self._table = Table(account, REOPENED, name)

    def remember(self, task: HourTask) -> str:
        """Note an hour that is about to be claimed, and return the note's ETag."""
        return self._table.entities.put_any(REOPENED.encode((task.key, task.hour), task))

    def all(self) -> Rows[Versioned[HourTask]]:
        """Return all notes."""
        return self._table.find("PartitionKey eq @partition", partition=REOPENED.partition)

    def forget(self, key: StreamKey, hour: Hour, etag: str) -> None:
        """Delete the note of an hour that is done again, unless it was noted again meanwhile."""
        self._table.entities.delete_if(*REOPENED.keys(key, hour), etag)
