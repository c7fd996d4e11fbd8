"""The tables of the puller: its sources, their hours, and whose turn it is in a folder of landing."""

from datetime import datetime

from exporter.domain.hour import Hour
from exporter.domain.pulls import FolderTurn, PulledHour
from exporter.domain.source import Source
from exporter.domain.versioned import Rows, Versioned
from exporter.storage.clients import Account
from exporter.storage.own.columns import moment_text
from exporter.storage.own.entities import unversioned
from exporter.storage.own.specs import FOLDER_TURNS, PULLED_HOURS, SOURCES
from exporter.storage.own.tables import Table


class SourcesTable(Table[str, Source]):
    """The sources by id."""

    def __init__(self, account: Account, name: str | None = None) -> None:
        super().__init__(account, SOURCES, name)

    def all(self) -> Rows[Versioned[Source]]:
        """Return every source by id, deleted ones included."""
        return self.find("PartitionKey eq @partition", partition=SOURCES.partition)


class PulledHoursTable(Table[str, Hour, PulledHour]):
    """The record of each hour of each source."""

    def __init__(self, account: Account, name: str | None = None) -> None:
        super().__init__(account, PULLED_HOURS, name)

    def between(self, source_id: str, first: Hour, last: Hour) -> Rows[PulledHour]:
        """Return the records from ``first`` to ``last``, both included, oldest first."""
        condition = "PartitionKey eq @source and RowKey ge @first and RowKey le @last"
        return unversioned(self.find(condition, source=source_id, first=first.key, last=last.key))

    def due(self, source_id: str, now: datetime) -> Rows[PulledHour]:
        """Return the records that are due, oldest hour first: the service reads all of the source's rows."""
        # A record that is never due has an empty text there.
        condition = "PartitionKey eq @source and next_pull_at ge @digit and next_pull_at le @now"
        return unversioned(self.find(condition, source=source_id, digit="0", now=moment_text(now)))


class FolderTurnsTable(Table[int, Hour, FolderTurn]):
    """Whose turn it is to land rows in the folder of an hour."""

    def __init__(self, account: Account, name: str | None = None) -> None:
        super().__init__(account, FOLDER_TURNS, name)

    def discard(self, turn: FolderTurn, etag: str) -> None:
        """Delete the turn of that ETag; another one, or none, is left as it is."""
        self.entities.delete_if(*FOLDER_TURNS.keys(turn.project_id, turn.hour), etag)
