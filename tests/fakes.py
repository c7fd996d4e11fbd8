"""In-memory twins of every gateway. The contract suite holds them to the same promises as the real ones.

A ``World`` bundles them, and can die before or after any of its writes. What is written is kept in plain
dicts: tests may look at it, and put things there behind the product's back.
"""

import base64
import gzip
import hashlib
import itertools
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from exporter.domain import landing
from exporter.domain.backfill import Backfill, BackfillStep
from exporter.domain.breaker import CLOSED, Breaker
from exporter.domain.connection_test import ConnectionTest
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import (
    Conflict,
    DestinationFault,
    Fault,
    ForeignBlocks,
    LandingArchived,
    LandingChanged,
    LandingMissing,
    Transient,
)
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord, HourTask, Provenance, StreamProgress, unreadable_record
from exporter.domain.landing import Entry, Survey
from exporter.domain.marker import StagedFile
from exporter.domain.notifications import Notification
from exporter.domain.slices import SliceRecord
from exporter.domain.streams import LandingBlob, Stream, StreamKey, is_data
from exporter.domain.verification import Verification, VerifyStep
from exporter.domain.versioned import (
    BlobInfo,
    Rows,
    RowsByKey,
    SmallBlob,
    Unreadable,
    UnreadableRowError,
    Versioned,
)
from exporter.ports import Gateways
from exporter.storage.customer.fault_table import BLOB_ARCHIVED, Action, Place

type Row = dict[str, Any]

READ_BYTES = 4 * 1024 * 1024


# The id of an uncommitted block that another tool has left: ours have another length.
FOREIGN_BLOCK = "another tool's"


class Crash(BaseException):
    """The process died here. Nothing catches it but the test."""


class Writes:
    """Every write that reaches storage, in order, one at a time; dies before or after the chosen one."""

    def __init__(
        self, crash_at: int | None = None, moment: str = "before", error: BaseException | None = None
    ) -> None:
        self.log: list[str] = []
        self.crash_at = crash_at
        self.after: Callable[[], None] | None = None
        self._moment = moment
        self._error = error or Crash()
        self._etags = itertools.count(1)
        self._turn = threading.RLock()

    def new_etag(self) -> str:
        """Return an ETag that no earlier write got."""
        return f'"0x{next(self._etags):016X}"'

    @contextmanager
    def write(self, what: str) -> Iterator[None]:
        """Do one write; ``what`` names it in the log, ``stage a#1.json.gz`` for example."""
        with self._turn:
            self.log.append(what)
            dies = len(self.log) == self.crash_at
            if dies and self._moment == "before":
                raise self._error
            yield
            if self.after is not None:
                self.after()
            if dies:
                raise self._error


@dataclass(frozen=True, slots=True)
class FakeBlob:
    """A committed blob. ``md5`` is what the writer said it is, in base64."""

    body: bytes
    etag: str
    md5: str | None = None
    content_type: str | None = None


class FakeBlobs:
    """One blob container: what is committed, and what is staged and not to be seen."""

    def __init__(self, writes: Writes) -> None:
        self.writes = writes
        self.committed: dict[str, FakeBlob] = {}
        self.staged: dict[str, dict[str, bytes]] = {}
        self.faults: dict[str, Fault] = {}
        self.archived: set[str] = set()

    def refuse(self, action: str) -> None:
        """Raise the fault that a test has set for ``list``, ``read``, ``write`` or ``delete``, if any."""
        if action in self.faults:
            raise DestinationFault(self.faults[action])

    def set(self, name: str, body: bytes, content_type: str | None = None) -> str:
        """Write a blob whole, as anyone may, and return its ETag; discards what was staged for it."""
        etag = self.writes.new_etag()
        self.staged.pop(name, None)
        self.committed[name] = FakeBlob(body, etag, md5_base64(body), content_type)
        return etag

    def touch(self, name: str) -> None:
        """Give a blob another ETag; what is staged for it stays."""
        self.committed[name] = replace(self.committed[name], etag=self.writes.new_etag())

    def etag(self, name: str) -> str | None:
        """Return the ETag of a blob, or None if there is none."""
        found = self.committed.get(name)
        return found.etag if found else None

    def commit(
        self, name: str, ids: list[str], md5: str, *, allowed: bool, content_type: str = "application/gzip"
    ) -> None:
        """Make blocks the blob's content, unless a rival's commit has discarded them.

        The service believes the MD5; a test had better not.
        """
        staged = self.staged.get(name, {})
        if allowed and set(ids) <= staged.keys():
            body = b"".join(staged[block_id] for block_id in ids)
            assert md5 == md5_base64(body), f"the MD5 of {name} is not that of its content"
            self.set(name, body, content_type)
        elif (found := self.committed.get(name)) is None or found.md5 != md5:
            raise Conflict(f"the blob {name} was changed by another writer")

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of the committed blobs that begin so, byte by byte in order."""
        return sorted((name for name in self.committed if name.startswith(prefix)), key=str.encode)

    def rows(self, prefix: str = "") -> list[Row]:
        """Return the rows of all gzip files whose names begin so, file by file in name order."""
        files = [self.committed[name].body for name in self.names(prefix) if name.endswith(".gz")]
        return [json.loads(line) for body in files for line in gzip.decompress(body).splitlines()]


class FakeLanding:
    """What arrived. A test makes it vanish with ``there``."""

    def __init__(self, blobs: FakeBlobs) -> None:
        self._blobs = blobs
        self.there = True

    def blobs(self, stream: Stream, hour: Hour) -> Iterator[LandingBlob]:
        """Yield the hour's blobs by name."""
        self.check()
        for name in filter(is_data, self._blobs.names(stream.landing_folder(hour))):
            blob = self._blobs.committed[name]
            yield LandingBlob(name, blob.etag, len(blob.body), blob.md5)

    def read(self, blob: LandingBlob) -> Iterator[bytes]:
        """Yield the content in pieces."""
        if blob.name in self._blobs.archived:
            raise LandingArchived("landing", blob.name)
        if self._blobs.etag(blob.name) != blob.etag:
            raise LandingChanged(f"the landing blob {blob.name} is not as it was listed")
        body = self._blobs.committed[blob.name].body
        for start in range(0, len(body), READ_BYTES):
            yield body[start : start + READ_BYTES]

    def reading(self, blobs: Iterable[LandingBlob]) -> Callable[[LandingBlob], Iterator[bytes]]:
        """Return what reads these blobs."""
        left = iter(blobs)

        def read(blob: LandingBlob) -> Iterator[bytes]:
            assert blob == next(left), "blobs are asked for in another order than was said"
            return self.read(blob)

        return read

    def earliest_hour(self, stream: Stream) -> Hour | None:
        """Return the oldest hour that holds data."""
        return landing.earliest_hour(self._list, stream)

    def sources(self) -> frozenset[Stream]:
        """Return the streams that have a folder."""
        return frozenset(landing.sources(self._list))

    def survey(self, now: datetime) -> Survey:
        """Return what landing holds."""
        return landing.survey(self._list, now)

    def check(self) -> None:
        """Raise if it is not there."""
        if not self.there:
            raise LandingMissing("landing")

    def create(self) -> None:
        """Make it."""
        self.there = True

    def _list(self, folder: str) -> list[Entry]:
        self.check()
        below = (name.removeprefix(folder).partition("/") for name in self._blobs.names(folder))
        return [Entry(folder + name) for name in dict.fromkeys(first + slash for first, slash, _ in below)]


class FakeBlocks:
    """Blocks of one blob on their way; they are put aside at once."""

    def __init__(self, blobs: FakeBlobs, name: str, attempt: str) -> None:
        self._blobs = blobs
        self._name = name
        self._attempt = attempt
        self._ids: list[str] = []

    def stage(self, block: bytes) -> None:
        """Put a block aside."""
        self._blobs.refuse("write")
        block_id = _block_id(self._attempt, len(self._ids))
        with self._blobs.writes.write(f"stage {self._name}"):
            staged = self._blobs.staged.setdefault(self._name, {})
            # All ids of a blob's uncommitted blocks have one length, whoever sent them.
            if staged and len(next(iter(staged))) != len(block_id):
                raise ForeignBlocks(self._name)
            staged[block_id] = block
        self._ids.append(block_id)

    def arrived(self) -> int:
        """Return how many blocks there are: each arrives at once."""
        return len(self._ids)


def _block_id(attempt: str, number: int) -> str:
    """Return a block id; those of all attempts have one length."""
    return f"{hashlib.sha256(attempt.encode()).hexdigest()[:40]}-{number:06}"


class FakeRejectedUpload(FakeBlocks):
    """An hour's rejected rows on their way."""

    def commit(self, *, md5: str) -> str:
        """Make the blocks readable."""
        with self._blobs.writes.write(f"commit {self._name}"):
            self._blobs.commit(self._name, self._ids, md5, allowed=True)
        return self._name


class FakeContainer:
    """A customer's container."""

    def __init__(self, blobs: FakeBlobs) -> None:
        self._blobs = blobs

    def sign_in(self) -> None:
        """Sign in, unless a test has set a fault for ``sign_in``."""
        self._blobs.refuse("sign_in")

    def find(self, prefix: str) -> list[BlobInfo]:
        """Return the blobs whose names begin so, in name order."""
        self._blobs.refuse("list")
        found = ((name, self._blobs.committed[name]) for name in self._blobs.names(prefix))
        return [BlobInfo(name, blob.etag, len(blob.body), blob.md5) for name, blob in found]

    def read(self, name: str) -> SmallBlob | None:
        """Return a small blob."""
        self._blobs.refuse("read")
        if name in self._blobs.archived:
            raise DestinationFault(
                BLOB_ARCHIVED.fault(Place("acme", "raw", name), Action.READ, "HTTP 409 BlobArchived")
            )
        found = self._blobs.committed.get(name)
        return SmallBlob(found.etag, found.body) if found else None

    def stream(self, blob: BlobInfo) -> Iterator[bytes]:
        """Yield a blob's content in pieces."""
        self._blobs.refuse("read")
        for start in range(0, max(blob.size, 1), READ_BYTES):
            if self._blobs.etag(blob.name) != blob.etag:
                raise Conflict(f"the blob {blob.name} was changed by another writer")
            yield self._blobs.committed[blob.name].body[start : start + READ_BYTES]

    @contextmanager
    def upload(self, name: str, *, attempt: str) -> Iterator[FakeBlocks]:
        """Begin a blob."""
        yield FakeBlocks(self._blobs, name, attempt)

    def commit(self, sent: StagedFile, *, etag: str | None, content_type: str = "application/gzip") -> None:
        """Make the blocks that an attempt has sent the blob's content, if it is the one that was seen."""
        self._blobs.refuse("write")
        name, ids = sent.part.name, [_block_id(sent.attempt, number) for number in range(sent.blocks)]
        with self._blobs.writes.write(f"commit {name}"):
            allowed = self._blobs.etag(name) == etag
            self._blobs.commit(name, ids, sent.part.md5, allowed=allowed, content_type=content_type)

    def fence(self, name: str, *, etag: str | None) -> None:
        """Empty the blob, then delete it: two writes, between which a worker may die."""
        self.delete(name, etag=self.empty(name, etag=etag))

    def empty(self, name: str, *, etag: str | None) -> str:
        """Write a blob of 0 bytes; the port has no such method, ``fence`` uses it."""
        return self.put(name, b"", content_type="application/gzip", etag=etag)

    def put(self, name: str, body: bytes, *, content_type: str, etag: str | None) -> str:
        """Write a small blob whole."""
        self._blobs.refuse("write")
        with self._blobs.writes.write(f"put {name}"):
            found = self._blobs.committed.get(name)
            if (found.etag if found else None) == etag:
                return self._blobs.set(name, body, content_type)
            if found is None or found.body != body:
                raise Conflict(f"the blob {name} was changed by another writer")
            return found.etag

    def delete(self, name: str, *, etag: str) -> None:
        """Delete the blob that was seen."""
        self._blobs.refuse("delete")
        with self._blobs.writes.write(f"delete {name}"):
            if self._blobs.etag(name) not in (etag, None):
                raise Conflict(f"the blob {name} was changed by another writer")
            self._blobs.committed.pop(name, None)

    def refresh(self, name: str, *, etag: str) -> None:
        """Give a blob another ETag."""
        self._blobs.refuse("write")
        with self._blobs.writes.write(f"refresh {name}"):
            if self._blobs.etag(name) != etag:
                raise Conflict(f"the blob {name} was changed by another writer")
            self._blobs.touch(name)


class FakeContainers:
    """Customers' containers by name, each there as soon as somebody asks; destinations may share one."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self.blobs: dict[str, FakeBlobs] = {}

    def open(self, destination: Destination) -> FakeContainer:
        """Return the container as a writer sees it."""
        return FakeContainer(self.reader(destination.storage.container))

    def anew(self, destination: Destination) -> FakeContainer:
        """Return the container as a writer sees it: nothing is remembered here."""
        return FakeContainer(self.reader(destination.storage.container))

    def reader(self, name: str) -> FakeBlobs:
        """Return the container as its owner sees it."""
        return self.blobs.setdefault(name, FakeBlobs(self._writes))


class FakeRejectedRows:
    """Rows that were not exported."""

    def __init__(self, blobs: FakeBlobs) -> None:
        self._blobs = blobs

    @contextmanager
    def upload(self, key: StreamKey, hour: Hour, name: str) -> Iterator[FakeRejectedUpload]:
        """Begin a blob."""
        full_name = f"{rejected_folder(key, hour)}{name}"
        yield FakeRejectedUpload(self._blobs, full_name, full_name)

    def names(self, key: StreamKey, hour: Hour) -> list[str]:
        """Return the full names of the hour's blobs."""
        return self._blobs.names(rejected_folder(key, hour))

    def delete(self, name: str) -> None:
        """Delete a blob."""
        with self._blobs.writes.write(f"discard {name}"):
            self._blobs.committed.pop(name, None)


def rejected_folder(key: StreamKey, hour: Hour) -> str:
    """Return where the rejected rows of an hour are."""
    day = f"{hour.start:%Y/%m/%d/%H}"
    return f"{key.destination_id}/{key.stream.data_type}/{key.stream.source_id}/{day}/"


class Spoiled[Key]:
    """Rows of a table that a test has made unreadable, by the ``label`` of their keys."""

    def __init__(self, table: str, label: Callable[[Key], str]) -> None:
        self._table = table
        self._label = label
        self.labels: set[str] = set()

    def spoil(self, key: Key) -> None:
        """Make a row unreadable."""
        self.labels.add(self._label(key))

    def mend(self) -> None:
        """Make every row readable again."""
        self.labels.clear()

    def row(self, key: Key) -> Unreadable | None:
        """Return what is told of a row that cannot be read."""
        label = self._label(key)
        return Unreadable(self._table, label, "v", "spoiled") if label in self.labels else None

    def check(self, key: Key) -> None:
        """Raise if the row cannot be read."""
        if (row := self.row(key)) is not None:
            raise UnreadableRowError(row)

    def split[Value](self, rows: Mapping[Key, Value]) -> RowsByKey[Key, Value]:
        """Return the rows that can be read, and the others."""
        bad = {key: row for key in rows if (row := self.row(key)) is not None}
        return RowsByKey({key: row for key, row in rows.items() if key not in bad}, bad.values())


class FakeTable[Key, Value]:
    """Rows that are changed by compare-and-swap; ``label`` says how a row's keys are told."""

    def __init__(self, writes: Writes, name: str, label: Callable[[Key], str] = str) -> None:
        self._writes = writes
        self._name = name
        self.rows: dict[Key, Versioned[Value]] = {}
        self.spoiled = Spoiled(f"{name}s" if name != "ledger" else name, label)

    def get(self, key: Key) -> Versioned[Value] | None:
        """Return a row."""
        if key in self.rows:
            self.spoiled.check(key)
        return self.rows.get(key)

    def readable(self, key_order: Callable[[Key], Any] | None = None) -> Rows[Versioned[Value]]:
        """Return the rows that can be read, in the order of their keys, and the others."""
        found = self.spoiled.split(self.rows)
        return Rows([found[key] for key in sorted(found, key=key_order or str)], found.unreadable)

    def put(self, key: Key, value: Value, etag: str | None) -> str:
        """Write a value over the one of that ETag; writing what is there already is no conflict."""
        with self._writes.write(f"{self._name} {key}"):
            found = self.rows.get(key)
            if (found.etag if found else None) == etag:
                found = self.rows[key] = Versioned(value, self._writes.new_etag())
            elif found is None or found.value != value:
                raise Conflict(f"the {self._name} row {key} was changed by another writer")
            return found.etag

    def delete(self, key: Key) -> None:
        """Delete a row, whatever is in it."""
        with self._writes.write(f"delete {self._name} {key}"):
            self.rows.pop(key, None)


class FakeLedger:
    """Hour by hour, what was exported."""

    def __init__(self, writes: Writes) -> None:
        self._table: FakeTable[str, HourRecord] = FakeTable(
            writes, "ledger", lambda key: key.replace(" ", " / ")
        )
        self._begun: datetime | None = None

    def get(self, key: StreamKey, hour: Hour) -> Versioned[HourRecord] | None:
        """Return the record of one hour."""
        return self._table.get(f"{key} {hour}")

    def between(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[HourRecord]:
        """Yield the records from the first to the last hour, oldest first."""
        records = [row.value for row in self._table.rows.values() if row.value.key == key]
        inside = (record for record in records if first <= record.hour <= last)
        for record in sorted(inside, key=lambda record: record.hour):
            row = self._table.spoiled.row(f"{key} {record.hour}")
            yield record if row is None else unreadable_record(key, record.hour, row)

    def identity(self, now: datetime) -> str:
        """Return when this ledger was first asked."""
        self._begun = self._begun or now
        return self._begun.isoformat()

    def spoil(self, key: StreamKey, hour: Hour) -> None:
        """Make a record unreadable."""
        self._table.spoiled.spoil(f"{key} {hour}")

    def everything(self) -> list[HourRecord]:
        """Return every record, even one that is unreadable: what a test may know, and the product not."""
        return [row.value for row in self._table.rows.values()]

    def mend(self) -> None:
        """Make every record readable again."""
        self._table.spoiled.mend()

    def lose(self, key: StreamKey, hour: Hour) -> None:
        """Lose one record."""
        del self._table.rows[f"{key} {hour}"]

    def states(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[HourRecord]:
        """Yield what ``due`` and ``done`` look at, and nothing else."""
        for full in self.between(key, first, last):
            yield HourRecord(
                key,
                full.hour,
                full.status,
                error=full.error if full.unreadable else None,
                claim=full.claim,
                retry_at=full.retry_at,
                finished_at=full.finished_at,
                late_checked_at=full.late_checked_at,
                origin=Provenance(full.origin.target),
                not_moved_to=full.not_moved_to,
            )

    def put(self, record: HourRecord, etag: str | None) -> str:
        """Write a record over the one of that ETag."""
        return self._table.put(f"{record.key} {record.hour}", record, etag)

    def forget(self) -> None:
        """Lose every record, as if the table were gone."""
        self._table.rows.clear()
        self._begun = None


class FakeSlices:
    """How far slices are."""

    def __init__(self, writes: Writes) -> None:
        self._table: FakeTable[tuple[str, int], SliceRecord] = FakeTable(writes, "slice")

    def get(self, key: StreamKey, hour: Hour, run: str, number: int) -> Versioned[SliceRecord] | None:
        """Return the record of one slice."""
        return self._table.rows.get((f"{key} {hour} {run}", number))

    def all(self, key: StreamKey, hour: Hour, run: str) -> list[Versioned[SliceRecord]]:
        """Return the records of a run's slices, in order."""
        keys = sorted(each for each in self._table.rows if each[0] == f"{key} {hour} {run}")
        return [self._table.rows[each] for each in keys]

    def put(self, record: SliceRecord, etag: str | None) -> str:
        """Write a record over the one of that ETag."""
        return self._table.put((f"{record.key} {record.hour} {record.run}", record.number), record, etag)

    def discard(self, key: StreamKey, hour: Hour, run: str) -> None:
        """Delete the records of a run that is over."""
        for each in self.all(key, hour, run):
            self._table.delete((f"{key} {hour} {run}", each.value.number))

    def forget(self) -> None:
        """Lose every record, as if the table were gone."""
        self._table.rows.clear()


class FakeReopened:
    """Hours that were done and were taken again."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self.tasks: dict[tuple[StreamKey, Hour], Versioned[HourTask]] = {}
        self.spoiled: Spoiled[tuple[StreamKey, Hour]] = Spoiled(
            "schedule", lambda key: f"reopened / {key[0]}:{key[1]}"
        )

    def remember(self, task: HourTask) -> str:
        """Note an hour that is about to be taken."""
        with self._writes.write(f"note {task.key} {task.hour}"):
            noted = HourTask(task.key, task.hour, task.requested_by)
            etag = self._writes.new_etag()
            self.tasks[task.key, task.hour] = Versioned(noted, etag)
            return etag

    def all(self) -> Rows[Versioned[HourTask]]:
        """Return what is noted."""
        found = self.spoiled.split(self.tasks)
        keys = sorted(found, key=lambda each: (str(each[0]), each[1]))
        return Rows([found[each] for each in keys], found.unreadable)

    def forget(self, key: StreamKey, hour: Hour, etag: str) -> None:
        """Forget an hour that is done again, unless it was noted again meanwhile."""
        with self._writes.write(f"forget {key} {hour}"):
            if (key, hour) in self.tasks and self.tasks[key, hour].etag == etag:
                del self.tasks[key, hour]


class FakeState:
    """Blobs of our own."""

    def __init__(self, blobs: FakeBlobs) -> None:
        self._blobs = blobs

    def put(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write a blob, whatever was there."""
        body = b"".join(pieces)
        with self._blobs.writes.write(f"put {name}"):
            self._blobs.set(name, body)

    def read(self, name: str) -> Iterator[bytes] | None:
        """Return the content in pieces, or None if there is no such blob."""
        found = self._blobs.committed.get(name)
        if found is None:
            return None
        body = found.body
        return (body[start : start + READ_BYTES] for start in range(0, len(body), READ_BYTES))

    @contextmanager
    def upload(self, name: str) -> Iterator["FakeStateUpload"]:
        """Begin a blob."""
        yield FakeStateUpload(self, name)

    def names(self, folder: str) -> list[str]:
        """Return the names of the blobs of a folder."""
        return self._blobs.names(folder)

    def delete(self, name: str) -> None:
        """Delete a blob."""
        with self._blobs.writes.write(f"discard {name}"):
            self._blobs.committed.pop(name, None)


class FakeStateUpload:
    """A blob of our own on its way."""

    def __init__(self, state: FakeState, name: str) -> None:
        self._state = state
        self._name = name
        self._blocks: list[bytes] = []

    def stage(self, block: bytes) -> None:
        """Keep a block."""
        self._blocks.append(block)

    def commit(self) -> None:
        """Make the blocks readable."""
        self._state.put(self._name, self._blocks)


class FakeBackfills:
    """The backfills that were asked for."""

    def __init__(self, writes: Writes) -> None:
        self._table: FakeTable[tuple[str, str], Backfill] = FakeTable(writes, "backfill", " / ".join)

    def get(self, destination_id: str, backfill_id: str) -> Versioned[Backfill] | None:
        """Return a backfill."""
        return self._table.get((destination_id, backfill_id))

    def of(self, destination_id: str) -> Rows[Backfill]:
        """Return the backfills of a destination."""
        found = self._table.readable()
        mine = [row.value for row in found if row.value.destination_id == destination_id]
        return Rows(mine, (row for row in found.unreadable if row.key.startswith(f"{destination_id} /")))

    def unfinished(self) -> Rows[Backfill]:
        """Return those that have not ended."""
        found = self._table.readable()
        return Rows((row.value for row in found if not row.value.ended), found.unreadable)

    def spoil(self, destination_id: str, backfill_id: str) -> None:
        """Make a backfill unreadable."""
        self._table.spoiled.spoil((destination_id, backfill_id))

    def put(self, backfill: Backfill, etag: str | None) -> str:
        """Write a backfill over the one of that ETag."""
        return self._table.put((backfill.destination_id, backfill.id), backfill, etag)

    def forget(self) -> None:
        """Lose every record, as if the table were gone."""
        self._table.rows.clear()


class FakeBackfillSteps:
    """The queue of steps of backfills; what waits in it is in ``steps``, however long it is to wait."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self.steps: list[BackfillStep] = []

    def send(self, step: BackfillStep, *, delay: timedelta = timedelta()) -> None:
        """Queue a step."""
        with self._writes.write(f"send {step.backfill_id} {step.number} in {delay}"):
            self.steps.append(step)

    def take(self) -> list[BackfillStep]:
        """Take everything out."""
        taken, self.steps = self.steps, []
        return taken


class FakeVerifications:
    """The verifications that run in the background."""

    def __init__(self, writes: Writes) -> None:
        self._table: FakeTable[tuple[str, str], Verification] = FakeTable(writes, "verification", " / ".join)

    def get(self, destination_id: str, verification_id: str) -> Versioned[Verification] | None:
        """Return a verification."""
        return self._table.get((destination_id, verification_id))

    def unfinished(self) -> Rows[Verification]:
        """Return those that have not ended."""
        found = self._table.readable()
        return Rows((row.value for row in found if not row.value.ended), found.unreadable)

    def spoil(self, destination_id: str, verification_id: str) -> None:
        """Make a verification unreadable."""
        self._table.spoiled.spoil((destination_id, verification_id))

    def put(self, verification: Verification, etag: str | None) -> str:
        """Write a verification over the one of that ETag."""
        return self._table.put((verification.destination_id, verification.id), verification, etag)


class FakeVerifySteps:
    """The queue of steps; what waits in it is in ``steps``."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self.steps: list[VerifyStep] = []

    def send(self, step: VerifyStep) -> None:
        """Queue a step."""
        with self._writes.write(f"send {step.verification_id} {step.next}"):
            self.steps.append(step)


class FakeSchedule:
    """How far each stream is."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self.rows: dict[StreamKey, StreamProgress] = {}
        self.spoiled: Spoiled[StreamKey] = Spoiled("schedule", lambda key: f"stream / {key}")

    def all(self) -> RowsByKey[StreamKey, StreamProgress]:
        """Return every stream's progress."""
        return self.spoiled.split(self.rows)

    def get(self, key: StreamKey) -> StreamProgress | None:
        """Return one stream's progress."""
        if key in self.rows:
            self.spoiled.check(key)
        return self.rows.get(key)

    def put(self, progress: StreamProgress) -> None:
        """Write a stream's progress, whatever was there."""
        with self._writes.write(f"schedule {progress.key}"):
            self.rows[progress.key] = progress

    def forget(self, key: StreamKey) -> None:
        """Forget how far a stream was."""
        with self._writes.write(f"forget {key}"):
            self.rows.pop(key, None)


class FakeStandings:
    """How destinations fare."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self.rows: dict[str, Breaker] = {}
        self.spoiled: Spoiled[str] = Spoiled("breakers", lambda name: f"destination / {name}")

    def all(self) -> RowsByKey[str, Breaker]:
        """Return what is remembered, by destination."""
        return self.spoiled.split(self.rows)

    def get(self, destination_id: str) -> Breaker:
        """Return one destination's standing."""
        if destination_id in self.rows:
            self.spoiled.check(destination_id)
        return self.rows.get(destination_id, CLOSED)

    def put(self, destination_id: str, breaker: Breaker) -> None:
        """Write a destination's standing, whatever was there."""
        with self._writes.write(f"standing {destination_id}"):
            self.rows[destination_id] = breaker


class FakeDestinations:
    """The destinations."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self._table: FakeTable[str, Destination] = FakeTable(
            writes, "destination", lambda name: f"destination / {name}"
        )
        self._trials: dict[str, ConnectionTest] = {}
        self._versions: dict[str, str] = {}

    def get(self, destination_id: str) -> Versioned[Destination] | None:
        """Return a destination."""
        return self._table.get(destination_id)

    def all(self) -> Rows[Versioned[Destination]]:
        """Return every destination, by id."""
        return self._table.readable()

    def active(self) -> Rows[Destination]:
        """Return the active ones, by id."""
        found = self.all()
        active = (each.value for each in found if each.value.status is Status.ACTIVE)
        return Rows(active, found.unreadable)

    def spoil(self, destination_id: str) -> None:
        """Make a destination unreadable."""
        self._table.spoiled.spoil(destination_id)

    def mend(self) -> None:
        """Make every destination readable again."""
        self._table.spoiled.mend()

    def put(self, destination: Destination, etag: str | None) -> str:
        """Write a destination over the one of that ETag."""
        return self._table.put(destination.id, destination, etag)

    def names_version(self, place: str) -> str | None:
        """Return the version of the names in a container."""
        return self._versions.get(place)

    def put_with_names(
        self, destination: Destination, etag: str | None, versions: Mapping[str, str | None]
    ) -> str:
        """Write a destination, and new versions of the names."""
        with self._writes.write(f"destination {destination.id} with its names"):
            found = self._table.rows.get(destination.id)
            seen = {place: self._versions.get(place) for place in versions}
            if (found.etag if found else None, seen) == (etag, versions):
                found = self._table.rows[destination.id] = Versioned(destination, self._writes.new_etag())
                self._versions |= {place: self._writes.new_etag() for place in versions}
            elif found is None or found.value != destination:
                raise Conflict(
                    f"the destination {destination.id} or the names were changed by another writer"
                )
            return found.etag

    def last_test(self, destination_id: str) -> ConnectionTest | None:
        """Return a destination's last test upload."""
        return self._trials.get(destination_id)

    def last_tests(self) -> RowsByKey[str, ConnectionTest]:
        """Return the last test upload of every destination that had one."""
        return RowsByKey(self._trials)

    def record_test(self, destination_id: str, trial: ConnectionTest | None) -> None:
        """Keep a destination's last test upload; None forgets it."""
        with self._writes.write(f"trial {destination_id}"):
            self._trials.pop(destination_id, None)
            if trial is not None:
                self._trials[destination_id] = trial


class FakeHourQueue:
    """The queue; what waits in it is in ``tasks``."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self.tasks: list[HourTask] = []
        self.delayed: list[tuple[HourTask, timedelta]] = []

    def send(self, tasks: Iterable[HourTask], *, delay: timedelta = timedelta()) -> None:
        """Queue tasks, in their order; those with a delay wait apart, for good."""
        for task in tasks:
            with self._writes.write(f"send {task.key} {task.hour}"):
                if delay:
                    self.delayed.append((task, delay))
                else:
                    self.tasks.append(task)

    def waiting(self) -> int:
        """Return how many wait."""
        return len(self.tasks) + len(self.delayed)

    def take(self) -> list[HourTask]:
        """Take everything out, as the queue's triggers would one by one."""
        taken, self.tasks = self.tasks, []
        return taken


class FakeNotices:
    """Notices: those published, and the calls that wait, each with how often it was tried and its delay."""

    def __init__(self) -> None:
        self.published: list[Notification] = []
        self.calls: list[tuple[Notification, int, timedelta]] = []

    def publish(self, notice: Notification) -> None:
        """Keep a notice."""
        self.published.append(notice)

    def call(self, notice: Notification, *, tries: int = 0, delay: timedelta = timedelta()) -> None:
        """Keep a call."""
        self.calls.append((notice, tries, delay))


class FakeWebhooks:
    """Answers calls with ``status``, or not at all if that is None, and remembers them."""

    def __init__(self) -> None:
        self.status: int | None = 200
        self.requests: list[tuple[str, bytes, Mapping[str, str]]] = []

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Take a call."""
        self.requests.append((url, body, headers))
        if self.status is None:
            raise Transient("the webhook cannot be reached")
        return self.status


class FakeCipher:
    """Keeps secrets to itself and hands out what nobody can read them from."""

    def __init__(self) -> None:
        self._sealed: dict[tuple[str, str, str], str] = {}

    def seal(self, secret: str, *, destination_id: str, field: str) -> str:
        """Return something in place of the secret, other each time."""
        count = len(self._sealed)
        sealed = f"sealed-{count}-{hashlib.sha256(f'{count}:{secret}'.encode()).hexdigest()}"
        self._sealed[sealed, destination_id, field] = secret
        return sealed

    def renew(self, sealed: str, *, destination_id: str, field: str) -> str:  # noqa: ARG002  one key for ever
        """Return what was sealed: there is no other key."""
        return sealed

    def open(self, sealed: str, *, destination_id: str, field: str) -> str:
        """Return the secret; ValueError if it was sealed for anything else."""
        try:
            return self._sealed[sealed, destination_id, field]
        except KeyError:
            raise ValueError("the secret cannot be decrypted") from None


@dataclass(slots=True)
class World:
    """Everything outside of the product, in memory.

    ``World(crash_at=3, moment="after")`` dies right after its third write, ``moment="before"`` right before
    it; ``error`` is what is raised then (``Crash`` unless it is given: ``Transient("lost")`` is an answer
    that did not arrive). Later writes succeed: that is the next process.
    """

    crash_at: int | None = None
    moment: str = "before"
    error: BaseException | None = None
    writes: Writes = field(init=False)
    landed: FakeBlobs = field(init=False)
    landing: FakeLanding = field(init=False)
    rejected: FakeBlobs = field(init=False)
    containers: FakeContainers = field(init=False)
    ledger: FakeLedger = field(init=False)
    schedule: FakeSchedule = field(init=False)
    breakers: FakeStandings = field(init=False)
    destinations: FakeDestinations = field(init=False)
    slices: FakeSlices = field(init=False)
    reopened: FakeReopened = field(init=False)
    own: FakeBlobs = field(init=False)
    backfills: FakeBackfills = field(init=False)
    backfill_steps: FakeBackfillSteps = field(init=False)
    verifications: FakeVerifications = field(init=False)
    verify_steps: FakeVerifySteps = field(init=False)
    hours: FakeHourQueue = field(init=False)
    backfill_hours: FakeHourQueue = field(init=False)
    notices: FakeNotices = field(init=False)
    webhooks: FakeWebhooks = field(init=False)
    cipher: FakeCipher = field(init=False)
    pauses: list[float] = field(init=False, default_factory=list)
    gateways: Gateways = field(init=False)

    def __post_init__(self) -> None:
        self.writes = Writes(self.crash_at, self.moment, self.error)
        self.landed, self.rejected = FakeBlobs(self.writes), FakeBlobs(self.writes)
        self.landing, self.containers = FakeLanding(self.landed), FakeContainers(self.writes)
        self.ledger, self.schedule = FakeLedger(self.writes), FakeSchedule(self.writes)
        self.destinations, self.hours = FakeDestinations(self.writes), FakeHourQueue(self.writes)
        self.backfill_steps = FakeBackfillSteps(self.writes)
        self.backfills, self.backfill_hours = FakeBackfills(self.writes), FakeHourQueue(self.writes)
        self.verifications, self.verify_steps = FakeVerifications(self.writes), FakeVerifySteps(self.writes)
        self.slices, self.reopened = FakeSlices(self.writes), FakeReopened(self.writes)
        self.own = FakeBlobs(self.writes)
        self.notices, self.webhooks = FakeNotices(), FakeWebhooks()
        self.cipher, self.breakers = FakeCipher(), FakeStandings(self.writes)
        self.gateways = Gateways(
            landing=self.landing,
            containers=self.containers,
            rejected=FakeRejectedRows(self.rejected),
            ledger=self.ledger,
            schedule=self.schedule,
            breakers=self.breakers,
            destinations=self.destinations,
            slices=self.slices,
            reopened=self.reopened,
            state=FakeState(self.own),
            backfills=self.backfills,
            backfill_steps=self.backfill_steps,
            verifications=self.verifications,
            verify_steps=self.verify_steps,
            hours=self.hours,
            backfill_hours=self.backfill_hours,
            notices=self.notices,
            webhooks=self.webhooks,
            cipher=self.cipher,
            pause=self.pauses.append,
        )

    def land(self, stream: Stream, hour: Hour, content: bytes | Iterable[Row], name: str = "a.json") -> None:
        """Let a blob arrive: bytes as they are, rows as newline-delimited JSON."""
        body = content if isinstance(content, bytes) else b"".join(map(_line, content))
        self.landed.set(f"{stream.landing_folder(hour)}{name}", body)

    def reader(self, container: str = "raw") -> FakeBlobs:
        """Return a customer's container as its owner sees it."""
        return self.containers.reader(container)

    def events_a_reader_sees(self, container: str = "raw", prefix: str = "") -> list[Row]:
        """Return the rows of every gzip file in a customer's container, file by file in name order."""
        return self.reader(container).rows(prefix)

    def markers_a_reader_sees(self, container: str = "raw", prefix: str = "") -> dict[str, Row]:
        """Return the completion markers in a customer's container by name; an empty file is none."""
        blobs = self.reader(container)
        found = (name for name in blobs.names(prefix) if name.endswith("_complete"))
        names = [name for name in found if blobs.committed[name].body]
        return {name: json.loads(blobs.committed[name].body) for name in names}

    def rejected_rows(self, prefix: str = "") -> list[Row]:
        """Return the rows kept aside, as our own container holds them."""
        return self.rejected.rows(prefix)


def _line(row: Row) -> bytes:
    return json.dumps(row).encode() + b"\n"


def md5_base64(body: bytes) -> str:
    """Return the base64 of the MD5, as storage keeps it."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
