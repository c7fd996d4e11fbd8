"""The tables of the puller: its sources, their hours, and whose turn it is in a folder of landing."""

from datetime import datetime

from exporter.domain.hour import Hour
from exporter.domain.pulls import FolderTurn, LateLanding, PulledHour, PullProgress
from exporter.domain.source import Source
from exporter.domain.versioned import Rows, Versioned
from exporter.storage.clients import Account
from exporter.storage.own.columns import moment_text
from exporter.storage.own.entities import Entity, unversioned, versioned
from exporter.storage.own.specs import (
    FOLDER_TURNS,
    LATE_LANDINGS,
    PULL_PROGRESS,
    PULLED_HOURS,
    SOURCES,
    turns_of,
)
from exporter.storage.own.tables import Table


class SourcesTable(Table[str, Source]):
    """The sources by id."""

    def __init__(self, account: Account, name: str | None = None) -> None:
        super().__init__(account, SOURCES, name)

    def all(self) -> Rows[Versioned[Source]]:
        """Return every source by id, deleted ones included."""
        return self.find("PartitionKey eq @partition", partition=SOURCES.partition)

    def states(self) -> tuple[Rows[Source], Rows[PullProgress]]:
        """Return every source with the progress of each: one query."""
        condition = "PartitionKey eq @sources or PartitionKey eq @progress"
        names = {"sources": SOURCES.partition, "progress": PULL_PROGRESS.partition}
        sources, progress = list[tuple[Entity, str]](), list[tuple[Entity, str]]()
        for row, etag in self.entities.find(condition, names):
            of_source = row.columns["PartitionKey"] == SOURCES.partition
            (sources if of_source else progress).append((row, etag))
        found = unversioned(versioned(sources, lambda row: SOURCES.decode(row)[1]))
        known = unversioned(versioned(progress, lambda row: PULL_PROGRESS.decode(row)[1]))
        return found, known


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

    def of(self, project_id: int) -> Rows[Versioned[FolderTurn]]:
        """Return the turns in the folders of a project, by hour."""
        return self.find("PartitionKey eq @partition", partition=turns_of(project_id))


class LateLandingsTable:
    """Notes of rows that have landed in hours which may have been exported, in rows beside the sources."""

    def __init__(self, account: Account, name: str | None = None) -> None:
        self._table = Table(account, LATE_LANDINGS, name)

    def remember(self, note: LateLanding) -> None:
        """Note that rows land in a folder."""
        self._table.entities.put_any(LATE_LANDINGS.encode((note.project_id, note.hour), note))

    def all(self) -> Rows[Versioned[LateLanding]]:
        """Return all notes."""
        return self._table.find("PartitionKey eq @partition", partition=LATE_LANDINGS.partition)

    def forget(self, note: Versioned[LateLanding]) -> None:
        """Delete a note, unless the hour was noted again meanwhile."""
        keys = LATE_LANDINGS.keys(note.value.project_id, note.value.hour)
        self._table.entities.delete_if(*keys, note.etag)
