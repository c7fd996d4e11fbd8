"""In-memory twins of our tables."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exporter.domain.backfill import Backfill
from exporter.domain.breaker import CLOSED, Breaker
from exporter.domain.connection_test import ConnectionTest
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict
from exporter.domain.hour import Hour
from exporter.domain.hour_content import HourFigures
from exporter.domain.hour_record import HourRecord, unreadable_record
from exporter.domain.hour_task import HourTask
from exporter.domain.last_tick import LastTick
from exporter.domain.pulls import (
    HEALTHY,
    FolderTurn,
    LateLanding,
    PulledHour,
    PullProgress,
    PullRun,
    PullSlots,
    SourceHealth,
)
from exporter.domain.slices import SliceRecord
from exporter.domain.source import Source
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import StreamKey
from exporter.domain.verification import Verification
from exporter.domain.versioned import Page, Rows, RowsByKey, Unreadable, UnreadableRowError, Versioned
from tests.support.fakes.writes import Writes


@dataclass(frozen=True, slots=True)
class Naming[*Key]:
    """How a table is called, in the log of writes (``word``) and otherwise; ``keys`` are a row's two keys."""

    word: str
    table: str
    keys: Callable[[*Key], tuple[str, str]]

    def written(self, key: tuple[*Key]) -> str:
        """Return how the log names a write."""
        return " ".join([self.word, *map(str, key)])


class FakeRows[*Key, Value]:
    """Rows by key, with their ETags. A test may change them, and make some of them unreadable."""

    def __init__(self, writes: Writes, naming: Naming[*Key]) -> None:
        self.rows: dict[tuple[*Key], Versioned[Value]] = {}
        self._writes = writes
        self._naming = naming
        self.spoiled: set[tuple[str, str]] = set()

    def spoil(self, *key: *Key) -> None:
        """Make a row unreadable."""
        self.spoiled.add(self._naming.keys(*key))

    def mend(self) -> None:
        """Make every row readable again."""
        self.spoiled.clear()

    def lose(self, *key: *Key) -> None:
        """Lose a row."""
        del self.rows[key]

    def clear(self) -> None:
        """Lose every row, as if the table were deleted."""
        self.rows.clear()

    def unreadable(self, *key: *Key) -> Unreadable | None:
        """Return what is reported of a row if it is unreadable."""
        if not self.spoiled:
            return None
        keys = self._naming.keys(*key)
        return (
            Unreadable(self._naming.table, " / ".join(keys), "v", "spoiled") if keys in self.spoiled else None
        )

    def found(self, *key: *Key) -> Versioned[Value] | None:
        """Return a row; ``UnreadableRowError`` if a test made it unreadable."""
        row = self.rows.get(key)
        if row is not None and (bad := self.unreadable(*key)) is not None:
            raise UnreadableRowError(bad)
        return row

    def split(self) -> RowsByKey[tuple[*Key], Versioned[Value]]:
        """Return the rows in the order of their keys, and the unreadable ones apart."""
        ordered = sorted(self.rows, key=lambda key: self._naming.keys(*key))
        bad = {key: row for key in ordered if (row := self.unreadable(*key)) is not None}
        return RowsByKey({key: self.rows[key] for key in ordered if key not in bad}, bad.values())

    def overwrite(self, key: tuple[*Key], value: Value) -> str:
        """Write a row, whatever is stored, and return its new ETag."""
        with self._writes.write(self._naming.written(key)):
            self.rows[key] = Versioned(value, self._writes.new_etag())
            return self.rows[key].etag

    def delete(self, key: tuple[*Key], etag: str | None = None) -> None:
        """Delete a row; with an ETag, only if it is its own."""
        with self._writes.write(f"forget {self._naming.written(key)}"):
            if key in self.rows and etag in {None, self.rows[key].etag}:
                del self.rows[key]


class FakeTable[*Key, Value](FakeRows[*Key, Value]):
    """A table that is changed by compare-and-swap; ``key_of`` returns the key that a value contains."""

    def __init__(self, writes: Writes, naming: Naming[*Key], key_of: Callable[[Value], tuple[*Key]]) -> None:
        super().__init__(writes, naming)
        self._key_of = key_of

    def get(self, *key: *Key) -> Versioned[Value] | None:
        """Return the value of a key."""
        return self.found(*key)

    def put(self, value: Value, etag: str | None) -> str:
        """Write a value over the one of that ETag; writing the stored value again is no conflict."""
        key = self._key_of(value)
        with self._writes.write(self._naming.written(key)):
            return self.swap(key, value, etag)

    def swap(self, key: tuple[*Key], value: Value, etag: str | None) -> str:
        """Replace a row, as ``put`` does."""
        found = self.rows.get(key)
        if (found.etag if found else None) == etag:
            found = self.rows[key] = Versioned(value, self._writes.new_etag())
        elif found is None or found.value != value:
            word, *parts = self._naming.written(key).split(" ", 1)
            raise Conflict(f"the {word} row {parts[0]} was changed by another writer")
        return found.etag


class FakeLastWrite[Key, Value, Default = None](FakeRows[Key, Value]):
    """A table in which the last write wins."""

    def __init__(self, writes: Writes, naming: Naming[Key], default: Default) -> None:
        super().__init__(writes, naming)
        self._default = default

    def get(self, key: Key) -> Value | Default:
        """Return the value of a key, or the default."""
        found = self.found(key)
        return found.value if found else self._default

    def all(self) -> RowsByKey[Key, Value]:
        """Return every value by its key."""
        found = self.split()
        return RowsByKey({key: row.value for (key,), row in found.items()}, found.unreadable)

    def between(self, first: Key, last: Key) -> RowsByKey[Key, Value]:
        """Return the values from the first to the last key."""
        low, high = self._naming.keys(first), self._naming.keys(last)
        every = self.all()
        within = {key: value for key, value in every.items() if low <= self._naming.keys(key) <= high}
        bad = [row for row in every.unreadable if low[1] <= row.row_key <= high[1]]
        return RowsByKey(within, bad)

    def put(self, key: Key, value: Value) -> None:
        """Write a value, whatever is stored."""
        self.overwrite((key,), value)

    def put_all(self, values: Mapping[Key, Value]) -> None:
        """Write values, whatever is stored, one after the other."""
        for key, value in values.items():
            self.put(key, value)

    def forget(self, key: Key) -> None:
        """Delete the value of a key."""
        self.delete((key,))


class FakeLedger(FakeTable[StreamKey, Hour, HourRecord]):
    """The export record of each hour."""

    def __init__(self, writes: Writes) -> None:
        naming = Naming[StreamKey, Hour]("ledger", "ledger", lambda key, hour: (str(key), hour.key))
        super().__init__(writes, naming, lambda record: (record.key, record.hour))
        self._begun: datetime | None = None

    def between(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[HourRecord]:
        """Yield the records from the first to the last hour, oldest first."""
        for hour in sorted(hour for of, hour in self.rows if of == key and first <= hour <= last):
            bad = self.unreadable(key, hour)
            yield self.rows[key, hour].value if bad is None else unreadable_record(key, hour, bad)

    def states(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[HourRecord]:
        """Yield only what ``due`` and ``done`` use."""
        for full in self.between(key, first, last):
            yield full if full.unreadable else full.state()

    def figures(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[tuple[HourRecord, HourFigures]]:
        """Yield outlines, each with the figures of its content."""
        for full in self.between(key, first, last):
            yield (full, HourFigures()) if full.unreadable else (full.outline(), full.content.figures)

    def identity(self, now: datetime) -> str:
        """Return when this ledger was first asked."""
        self._begun = self._begun or now
        return self._begun.isoformat()

    def clear(self) -> None:
        """Lose every record, and the identity."""
        super().clear()
        self._begun = None

    def everything(self) -> list[HourRecord]:
        """Return every record, even one that is unreadable to the product."""
        return [row.value for row in self.rows.values()]


class FakeSlices(FakeTable[StreamKey, Hour, str, int, SliceRecord]):
    """The progress of slices."""

    def __init__(self, writes: Writes) -> None:
        naming = Naming[StreamKey, Hour, str, int](
            "slice",
            "slices",
            lambda key, hour, sliced_id, number: (f"{key}:{hour}", f"{sliced_id}-{number:06}"),
        )
        super().__init__(writes, naming, lambda each: (each.key, each.hour, each.sliced_id, each.number))

    def all(self, key: StreamKey, hour: Hour, sliced_id: str) -> list[Versioned[SliceRecord]]:
        """Return the records of a sliced export, in order."""
        return [row for of, row in self.split().items() if of[:3] == (key, hour, sliced_id)]

    def discard(self, key: StreamKey, hour: Hour, sliced_id: str) -> None:
        """Delete the records of a sliced export."""
        for each in self.all(key, hour, sliced_id):
            self.delete((key, hour, sliced_id, each.value.number))


class FakeReopened(FakeRows[StreamKey, Hour, HourTask]):
    """Notes of hours that were claimed again."""

    def __init__(self, writes: Writes) -> None:
        super().__init__(writes, Naming("note", "schedule", lambda key, hour: ("reopened", f"{key}:{hour}")))

    def remember(self, task: HourTask) -> str:
        """Note an hour."""
        noted = HourTask(task.key, task.hour, task.requested_by)
        return self.overwrite((task.key, task.hour), noted)

    def all(self) -> Rows[Versioned[HourTask]]:
        """Return all notes."""
        found = self.split()
        return Rows(found.values(), found.unreadable)

    def forget(self, key: StreamKey, hour: Hour, etag: str) -> None:
        """Delete a note, unless the hour was noted again meanwhile."""
        self.delete((key, hour), etag)


class FakeJobs[Job: (Backfill, Verification)](FakeTable[str, str, Job]):
    """Background jobs."""

    def __init__(self, writes: Writes, word: str) -> None:
        naming = Naming[str, str](word, f"{word}s", lambda destination_id, job_id: (destination_id, job_id))
        super().__init__(writes, naming, lambda job: (job.destination_id, job.id))

    def of(self, destination_id: str) -> Rows[Job]:
        """Return the jobs of a destination."""
        found = self.split()
        mine = [row.value for row in found.values() if row.value.destination_id == destination_id]
        return Rows(mine, (row for row in found.unreadable if row.key.startswith(f"{destination_id} /")))

    def unfinished(self) -> Rows[Job]:
        """Return the jobs that have not ended."""
        found = self.split()
        return Rows([row.value for row in found.values() if not row.value.ended], found.unreadable)


class FakeDestinations(FakeTable[str, Destination]):
    """The destinations."""

    def __init__(self, writes: Writes) -> None:
        super().__init__(writes, one("destination", "destinations", "destination"), lambda each: (each.id,))
        self._tests: FakeLastWrite[str, ConnectionTest] = FakeLastWrite(
            writes, one("connection test", "destinations", "trial"), None
        )
        self._versions: dict[str, str] = {}

    def all(self) -> Rows[Versioned[Destination]]:
        """Return every destination, by id."""
        found = self.split()
        return Rows(found.values(), found.unreadable)

    def active(self) -> Rows[Destination]:
        """Return the active destinations, by id."""
        found = self.all()
        active = (each.value for each in found if each.value.status is Status.ACTIVE)
        return Rows(active, found.unreadable)

    def page(self, after: str, size: int, *, deleted: bool) -> Page[Destination]:
        """Return up to ``size`` destinations after an id: the deleted ones or the others."""
        ids = [
            key
            for (key,), row in sorted(self.rows.items())
            if key > after and (row.value.status is Status.DELETED) == deleted
        ]
        kept = set(ids[:size])
        found = self.all()
        rows = [each.value for each in found if each.value.id in kept]
        bad = [row for row in found.unreadable if row.row_key in kept]
        return Page(rows, bad, ids[size - 1] if len(ids) > size else None)

    def names_version(self, place: str) -> str | None:
        """Return the version of the names in a container."""
        return self._versions.get(place)

    def put_with_names(
        self, destination: Destination, etag: str | None, versions: Mapping[str, str | None]
    ) -> str:
        """Write a destination, and new versions of the names."""
        key, current = (destination.id,), {place: self._versions.get(place) for place in versions}
        with self._writes.write(f"{self._naming.written(key)} with its names"):
            found = self.rows.get(key)
            if (found.etag if found else None, current) == (etag, versions):
                found = self.rows[key] = Versioned(destination, self._writes.new_etag())
                self._versions |= {place: self._writes.new_etag() for place in versions}
            elif found is None or found.value != destination:
                raise Conflict(
                    f"the destination {destination.id} or the names were changed by another writer"
                )
            return found.etag

    def last_test(self, destination_id: str) -> ConnectionTest | None:
        """Return a destination's last connection test."""
        return self._tests.get(destination_id)

    def last_tests(self, first: str, last: str) -> RowsByKey[str, ConnectionTest]:
        """Return the last connection tests of the destinations from the first to the last id."""
        return self._tests.between(first, last)

    def record_test(self, destination_id: str, test: ConnectionTest | None) -> None:
        """Replace a destination's last connection test; None deletes it."""
        if test is None:
            self._tests.forget(destination_id)
        else:
            self._tests.put(destination_id, test)


def one(word: str, table: str, partition: str) -> Naming[Any]:
    """Return the naming of rows in one partition."""
    return Naming(word, table, lambda key: (partition, str(key)))


def schedule(writes: Writes) -> FakeLastWrite[StreamKey, StreamProgress]:
    """Return the schedule's twin."""
    return FakeLastWrite(writes, one("schedule", "schedule", "stream"), None)


def breakers(writes: Writes) -> FakeLastWrite[str, Breaker, Breaker]:
    """Return the breakers' twin."""
    return FakeLastWrite(writes, one("breaker", "breakers", "destination"), CLOSED)


def ticks(writes: Writes) -> FakeLastWrite[str, LastTick]:
    """Return the twin of the note of the last tick."""
    return FakeLastWrite(writes, one("tick", "schedule", "tick"), None)


class FakeSources(FakeTable[str, Source]):
    """The sources' twin."""

    def __init__(self, writes: Writes, progress: FakeLastWrite[str, PullProgress]) -> None:
        super().__init__(writes, one("source", "pullsources", "source"), lambda source: (source.id,))
        self._progress = progress

    def states(self) -> tuple[Rows[Source], Rows[PullProgress]]:
        """Return every source, and the progress of each."""
        found, progress = self.split(), self._progress.all()
        sources = Rows((row.value for row in found.values()), found.unreadable)
        return sources, Rows(progress.values(), progress.unreadable)

    def all(self) -> Rows[Versioned[Source]]:
        """Return every source by id."""
        found = self.split()
        return Rows(found.values(), found.unreadable)


class FakePulledHours(FakeTable[str, Hour, PulledHour]):
    """The twin of the puller's ledger."""

    def __init__(self, writes: Writes) -> None:
        naming = Naming("pulled hour", "pullhours", lambda source_id, hour: (source_id, str(hour)))
        super().__init__(writes, naming, lambda record: (record.source_id, record.hour))

    def between(self, source_id: str, first: Hour, last: Hour) -> Rows[PulledHour]:
        """Return the records from ``first`` to ``last``, both included, oldest first."""
        return self._of(source_id, lambda record: first <= record.hour <= last)

    def due(self, source_id: str, now: datetime) -> Rows[PulledHour]:
        """Return the records that are due, oldest hour first."""
        return self._of(source_id, lambda record: record.due(now))

    def _of(self, source_id: str, chosen: Callable[[PulledHour], bool]) -> Rows[PulledHour]:
        own = sorted((hour for each, hour in self.rows if each == source_id), key=lambda hour: hour.start)
        bad = {hour: row for hour in own if (row := self.unreadable(source_id, hour)) is not None}
        values = (self.rows[source_id, hour].value for hour in own if hour not in bad)
        return Rows(filter(chosen, values), bad.values())


class FakeFolderTurns(FakeTable[int, Hour, FolderTurn]):
    """The twin of the turns in folders of landing."""

    def __init__(self, writes: Writes) -> None:
        naming = Naming("turn", "pullhours", lambda project_id, hour: (f"~turns:{project_id}", str(hour)))
        super().__init__(writes, naming, lambda turn: (turn.project_id, turn.hour))

    def discard(self, turn: FolderTurn, etag: str) -> None:
        """Delete the turn of that ETag."""
        self.delete((turn.project_id, turn.hour), etag)

    def of(self, project_id: int) -> Rows[Versioned[FolderTurn]]:
        """Return the turns in the folders of a project, by hour."""
        found = self.split()
        own = (row.key.startswith(f"~turns:{project_id} / ") for row in found.unreadable)
        return Rows(
            (row for row in found.values() if row.value.project_id == project_id),
            (row for row, is_own in zip(found.unreadable, own, strict=True) if is_own),
        )


class FakeLateLandings(FakeRows[int, Hour, LateLanding]):
    """The twin of the notes of rows that have landed late."""

    def __init__(self, writes: Writes) -> None:
        naming = Naming(
            "late landing", "pullsources", lambda project_id, hour: ("late", f"{project_id}:{hour}")
        )
        super().__init__(writes, naming)

    def remember(self, note: LateLanding) -> None:
        """Note that rows land in a folder."""
        self.overwrite((note.project_id, note.hour), note)

    def all(self) -> Rows[Versioned[LateLanding]]:
        """Return all notes."""
        found = self.split()
        return Rows(found.values(), found.unreadable)

    def forget(self, note: Versioned[LateLanding]) -> None:
        """Delete a note, unless it was noted again."""
        self.delete((note.value.project_id, note.value.hour), note.etag)


class FakeRuns(FakeTable[str, str, PullRun]):
    """The runs' twin."""

    def __init__(self, writes: Writes) -> None:
        naming = Naming("run", "pullruns", lambda source_id, run_id: (source_id, run_id))
        super().__init__(writes, naming, lambda run: (run.source_id, run.id))

    def of(self, source_id: str) -> Rows[PullRun]:
        """Return the runs of a source."""
        found = self.split()
        return Rows(
            (row.value for row in found.values() if row.value.source_id == source_id), found.unreadable
        )

    def unfinished(self) -> Rows[PullRun]:
        """Return the runs that have not ended."""
        found = self.split()
        return Rows((row.value for row in found.values() if not row.value.ended), found.unreadable)


def pull_progress(writes: Writes) -> FakeLastWrite[str, PullProgress]:
    """Return the twin of the sources' progress."""
    return FakeLastWrite(writes, one("pull progress", "pullsources", "progress"), None)


def source_health(writes: Writes) -> FakeLastWrite[str, SourceHealth, SourceHealth]:
    """Return the twin of the sources' health."""
    return FakeLastWrite(writes, one("health", "pullsources", "health"), HEALTHY)


def pull_slots(writes: Writes) -> FakeTable[str, PullSlots]:
    """Return the twin of the sources' slots."""
    return FakeTable(writes, one("slots", "pullsources", "slots"), lambda slots: (slots.source_id,))
