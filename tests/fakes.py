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
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from exporter.actions.ports import Gateways
from exporter.domain.backfills import Backfill, BackfillStep
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict, DestinationFault, Fault, Transient
from exporter.domain.hours import Hour
from exporter.domain.ledger import HourRecord, HourTask, Progress
from exporter.domain.notices import Notice
from exporter.domain.slices import Sent, SliceRecord
from exporter.domain.standing import GOOD, Standing
from exporter.domain.stored import Content, StoredBlob, Versioned
from exporter.domain.streams import LandingBlob, Stream, StreamKey, is_data
from exporter.domain.trial import Trial
from exporter.domain.verification import Verification, VerifyStep

type Row = dict[str, Any]

READ_BYTES = 4 * 1024 * 1024


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
    """What arrived."""

    def __init__(self, blobs: FakeBlobs) -> None:
        self._blobs = blobs

    def blobs(self, stream: Stream, hour: Hour) -> Iterator[LandingBlob]:
        """Yield the hour's blobs by name."""
        for name in self._blobs.names(stream.landing_folder(hour)):
            blob = self._blobs.committed[name]
            if is_data(name):
                yield LandingBlob(name, blob.etag, len(blob.body))

    def read(self, blob: LandingBlob) -> Iterator[bytes]:
        """Yield the content in pieces."""
        if self._blobs.etag(blob.name) != blob.etag:
            raise Transient(f"the landing blob {blob.name} is not as it was listed")
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
        """Return the oldest hour that has a blob."""
        return min(filter(None, map(_folder_hour, self._blobs.names(stream.landing_prefix))), default=None)


def _folder_hour(name: str) -> Hour | None:
    """Return the hour of ``events/187520/2020/01/25/17/any/name``; None for anything else."""
    match name.split("/", 6):
        case [_, _, year, month, day, hour, _]:
            try:
                return Hour.parse(f"{year}-{month}-{day}T{hour}")
            except ValueError:
                return None
    return None


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
        block_id = f"{self._attempt}-{len(self._ids)}"
        with self._blobs.writes.write(f"stage {self._name}"):
            self._blobs.staged.setdefault(self._name, {})[block_id] = block
        self._ids.append(block_id)

    def arrived(self) -> int:
        """Return how many blocks there are: each arrives at once."""
        return len(self._ids)


class FakeRejectedUpload(FakeBlocks):
    """An hour's rejected rows on their way."""

    def commit(self, *, md5: str) -> None:
        """Replace what is there: the last attempt wins."""
        with self._blobs.writes.write(f"commit {self._name}"):
            self._blobs.commit(self._name, self._ids, md5, allowed=True)


class FakeContainer:
    """A customer's container."""

    def __init__(self, blobs: FakeBlobs) -> None:
        self._blobs = blobs

    def sign_in(self) -> None:
        """Sign in, unless a test has set a fault for ``sign_in``."""
        self._blobs.refuse("sign_in")

    def find(self, prefix: str) -> list[StoredBlob]:
        """Return the blobs whose names begin so, in name order."""
        self._blobs.refuse("list")
        found = ((name, self._blobs.committed[name]) for name in self._blobs.names(prefix))
        return [StoredBlob(name, blob.etag, len(blob.body), blob.md5) for name, blob in found]

    def read(self, name: str) -> Content | None:
        """Return a small blob."""
        self._blobs.refuse("read")
        found = self._blobs.committed.get(name)
        return Content(found.etag, found.body) if found else None

    @contextmanager
    def upload(self, name: str, *, attempt: str) -> Iterator[FakeBlocks]:
        """Begin a blob."""
        yield FakeBlocks(self._blobs, name, attempt)

    def commit(self, sent: Sent, *, etag: str | None, content_type: str = "application/gzip") -> None:
        """Make the blocks that an attempt has sent the blob's content, if it is the one that was seen."""
        self._blobs.refuse("write")
        name, ids = sent.part.name, [f"{sent.attempt}-{number}" for number in range(sent.blocks)]
        with self._blobs.writes.write(f"commit {name}"):
            allowed = self._blobs.etag(name) == etag
            self._blobs.commit(name, ids, sent.part.md5, allowed=allowed, content_type=content_type)

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
    def upload(
        self, key: StreamKey, hour: Hour, *, number: int, attempt: str
    ) -> Iterator[FakeRejectedUpload]:
        """Begin a blob."""
        yield FakeRejectedUpload(self._blobs, rejected_name(key, hour, number), attempt)

    def keep(self, key: StreamKey, hour: Hour, numbers: Collection[int]) -> None:
        """Delete the hour's other blobs."""
        kept = {rejected_name(key, hour, number) for number in numbers}
        beginning = rejected_name(key, hour).removesuffix(".ndjson.gz")
        for name in self._blobs.names(beginning):
            if name not in kept:
                with self._blobs.writes.write(f"discard {name}"):
                    self._blobs.committed.pop(name, None)


def rejected_name(key: StreamKey, hour: Hour, number: int = 1) -> str:
    """Return where the rejected rows of a slice are."""
    further = "" if number == 1 else f"-{number}"
    day = f"{hour.start:%Y/%m/%d/%H}"
    return f"{key.destination_id}/{key.stream.data_type}/{key.stream.source_id}/{day}{further}.ndjson.gz"


class FakeTable[Key, Value]:
    """Rows that are changed by compare-and-swap."""

    def __init__(self, writes: Writes, name: str) -> None:
        self._writes = writes
        self._name = name
        self.rows: dict[Key, Versioned[Value]] = {}

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
        self._table: FakeTable[str, HourRecord] = FakeTable(writes, "ledger")

    def get(self, key: StreamKey, hour: Hour) -> Versioned[HourRecord] | None:
        """Return the record of one hour."""
        return self._table.rows.get(f"{key} {hour}")

    def between(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[HourRecord]:
        """Yield the records from the first to the last hour, oldest first."""
        records = [row.value for row in self._table.rows.values() if row.value.key == key]
        inside = (record for record in records if first <= record.hour <= last)
        yield from sorted(inside, key=lambda record: record.hour)

    def states(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[HourRecord]:
        """Yield what ``due`` and ``done`` look at, and nothing else."""
        for full in self.between(key, first, last):
            yield HourRecord(
                key,
                full.hour,
                full.status,
                claim=full.claim,
                retry_at=full.retry_at,
                finished_at=full.finished_at,
                looked_at=full.looked_at,
            )

    def put(self, record: HourRecord, etag: str | None) -> str:
        """Write a record over the one of that ETag."""
        return self._table.put(f"{record.key} {record.hour}", record, etag)

    def forget(self) -> None:
        """Lose every record, as if the table were gone."""
        self._table.rows.clear()


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

    def note(self, task: HourTask) -> str:
        """Note an hour that is about to be taken."""
        with self._writes.write(f"note {task.key} {task.hour}"):
            noted = HourTask(task.key, task.hour, task.requested_by)
            etag = self._writes.new_etag()
            self.tasks[task.key, task.hour] = Versioned(noted, etag)
            return etag

    def all(self) -> list[Versioned[HourTask]]:
        """Return what is noted."""
        return [self.tasks[each] for each in sorted(self.tasks, key=lambda each: (str(each[0]), each[1]))]

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

    def discard(self, folder: str, keep: Collection[str] = ()) -> None:
        """Delete the blobs of a folder but for those to keep."""
        for name in self._blobs.names(folder):
            if name not in keep:
                with self._blobs.writes.write(f"discard {name}"):
                    self._blobs.committed.pop(name, None)


class FakeBackfills:
    """The backfills that were asked for."""

    def __init__(self, writes: Writes) -> None:
        self._table: FakeTable[tuple[str, str], Backfill] = FakeTable(writes, "backfill")

    def get(self, destination_id: str, backfill_id: str) -> Versioned[Backfill] | None:
        """Return a backfill."""
        return self._table.rows.get((destination_id, backfill_id))

    def of(self, destination_id: str) -> list[Backfill]:
        """Return the backfills of a destination."""
        return [row.value for key, row in sorted(self._table.rows.items()) if key[0] == destination_id]

    def unfinished(self) -> list[Backfill]:
        """Return those that have not ended."""
        found = (self._table.rows[key].value for key in sorted(self._table.rows))
        return [each for each in found if not each.ended]

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
        self._table: FakeTable[tuple[str, str], Verification] = FakeTable(writes, "verification")

    def get(self, destination_id: str, verification_id: str) -> Versioned[Verification] | None:
        """Return a verification."""
        return self._table.rows.get((destination_id, verification_id))

    def unfinished(self) -> list[Verification]:
        """Return those that have not ended."""
        found = (self._table.rows[key].value for key in sorted(self._table.rows))
        return [each for each in found if not each.ended]

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
        self.rows: dict[StreamKey, Progress] = {}

    def all(self) -> dict[StreamKey, Progress]:
        """Return every stream's progress."""
        return dict(self.rows)

    def get(self, key: StreamKey) -> Progress | None:
        """Return one stream's progress."""
        return self.rows.get(key)

    def put(self, progress: Progress) -> None:
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
        self.rows: dict[str, Standing] = {}

    def all(self) -> dict[str, Standing]:
        """Return what is remembered, by destination."""
        return dict(self.rows)

    def get(self, destination_id: str) -> Standing:
        """Return one destination's standing."""
        return self.rows.get(destination_id, GOOD)

    def put(self, destination_id: str, standing: Standing) -> None:
        """Write a destination's standing, whatever was there."""
        with self._writes.write(f"standing {destination_id}"):
            self.rows[destination_id] = standing


class FakeDestinations:
    """The destinations."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes
        self._table: FakeTable[str, Destination] = FakeTable(writes, "destination")
        self._trials: dict[str, Trial] = {}

    def get(self, destination_id: str) -> Versioned[Destination] | None:
        """Return a destination."""
        return self._table.rows.get(destination_id)

    def all(self) -> list[Versioned[Destination]]:
        """Return every destination, by id."""
        return [self._table.rows[key] for key in sorted(self._table.rows)]

    def active(self) -> list[Destination]:
        """Return the active ones, by id."""
        return [found.value for found in self.all() if found.value.status is Status.ACTIVE]

    def put(self, destination: Destination, etag: str | None) -> str:
        """Write a destination over the one of that ETag."""
        return self._table.put(destination.id, destination, etag)

    def trial(self, destination_id: str) -> Trial | None:
        """Return a destination's last test upload."""
        return self._trials.get(destination_id)

    def trials(self) -> dict[str, Trial]:
        """Return the last test upload of every destination that had one."""
        return dict(self._trials)

    def record_trial(self, destination_id: str, trial: Trial | None) -> None:
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
        self.published: list[Notice] = []
        self.calls: list[tuple[Notice, int, timedelta]] = []

    def publish(self, notice: Notice) -> None:
        """Keep a notice."""
        self.published.append(notice)

    def call(self, notice: Notice, *, tries: int = 0, delay: timedelta = timedelta()) -> None:
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
    rejected: FakeBlobs = field(init=False)
    containers: FakeContainers = field(init=False)
    ledger: FakeLedger = field(init=False)
    schedule: FakeSchedule = field(init=False)
    standings: FakeStandings = field(init=False)
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
        self.containers = FakeContainers(self.writes)
        self.ledger, self.schedule = FakeLedger(self.writes), FakeSchedule(self.writes)
        self.destinations, self.hours = FakeDestinations(self.writes), FakeHourQueue(self.writes)
        self.backfill_steps = FakeBackfillSteps(self.writes)
        self.backfills, self.backfill_hours = FakeBackfills(self.writes), FakeHourQueue(self.writes)
        self.verifications, self.verify_steps = FakeVerifications(self.writes), FakeVerifySteps(self.writes)
        self.slices, self.reopened = FakeSlices(self.writes), FakeReopened(self.writes)
        self.own = FakeBlobs(self.writes)
        self.notices, self.webhooks = FakeNotices(), FakeWebhooks()
        self.cipher, self.standings = FakeCipher(), FakeStandings(self.writes)
        self.gateways = Gateways(
            landing=FakeLanding(self.landed),
            containers=self.containers,
            rejected=FakeRejectedRows(self.rejected),
            ledger=self.ledger,
            schedule=self.schedule,
            standings=self.standings,
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
        """Return the completion markers in a customer's container by name."""
        blobs = self.reader(container)
        names = (name for name in blobs.names(prefix) if name.endswith("_complete"))
        return {name: json.loads(blobs.committed[name].body) for name in names}

    def rejected_rows(self, prefix: str = "") -> list[Row]:
        """Return the rows kept aside, as our own container holds them."""
        return self.rejected.rows(prefix)


def _line(row: Row) -> bytes:
    return json.dumps(row).encode() + b"\n"


def md5_base64(body: bytes) -> str:
    """Return the base64 of the MD5, as storage keeps it."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
