"""What the app needs of storage and webhooks, as protocols. ``exporter.storage`` implements them on Azure.

Rules for every method:

* It raises ``Transient`` if a call failed and the same call may succeed later. Methods of a customer's
  container also raise ``DestinationFault``; the others raise nothing else but what they name.
* A write with an ``etag`` happens only if the stored ETag is that one; ``None`` means "only if nothing is
  stored yet". If the condition fails, the method raises ``Conflict`` and has changed nothing. If the answer
  to a write is lost, the implementation reads what is stored before it reports a conflict.
* A single row that cannot be read raises ``UnreadableRowError``; a list of rows leaves it out (``Rows``).
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from exporter.domain.backfill import Backfill, BackfillStep
from exporter.domain.breaker import Breaker
from exporter.domain.connection_test import ConnectionTest
from exporter.domain.destination import Destination
from exporter.domain.hour import Hour
from exporter.domain.hour_content import HourFigures
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import SCHEDULE, HourTask
from exporter.domain.landing import Survey
from exporter.domain.last_tick import LastTick
from exporter.domain.marker import StagedFile
from exporter.domain.notifications import Delivery, WebhookAnswer
from exporter.domain.pulls import (
    ExportAnswer,
    FolderTurn,
    LateLanding,
    PulledHour,
    PullProgress,
    PullRun,
    PullSlots,
    PullTask,
    SourceHealth,
)
from exporter.domain.slices import SliceRecord
from exporter.domain.source import Source
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import LandingBlob, Stream, StreamKey
from exporter.domain.verification import Verification, VerifyStep
from exporter.domain.versioned import BlobInfo, Page, Rows, RowsByKey, SmallBlob, Versioned

type Clock = Callable[[], datetime]
type NewId = Callable[[], str]
type Pause = Callable[[float], None]
"""Waits that many seconds."""


class Table[*Key, Value](Protocol):
    """A table of values by key, changed by compare-and-swap; the value contains its key."""

    def get(self, *key: *Key) -> Versioned[Value] | None:
        """Return the value of a key, or None if there is none."""
        ...

    def put(self, value: Value, etag: str | None) -> str:
        """Write a value over the one of that ETag (None: where none is), and return its new ETag."""
        ...


class LastWrite[Key, Value, Default = None](Protocol):
    """A table of values by key in which the last write wins: what it holds can be derived again."""

    def get(self, key: Key) -> Value | Default:
        """Return the value of a key, or the table's default."""
        ...

    def all(self) -> RowsByKey[Key, Value]:
        """Return every value by its key."""
        ...

    def between(self, first: Key, last: Key) -> RowsByKey[Key, Value]:
        """Return the values from the first to the last key, both included, by the texts of the keys."""
        ...

    def put(self, key: Key, value: Value) -> None:
        """Write a value, whatever is stored."""
        ...

    def put_all(self, values: Mapping[Key, Value]) -> None:
        """Write values, whatever is stored; if a call fails, some of them may be written."""
        ...

    def forget(self, key: Key) -> None:
        """Delete the value of a key, if there is one."""
        ...


class Queue[Message](Protocol):
    """A queue of messages. Messages are hints: they may be lost, delivered twice and reordered."""

    def send(self, messages: Iterable[Message], *, delay: timedelta = timedelta()) -> None:
        """Send messages in their order; none is delivered before the delay is over."""
        ...

    def waiting(self) -> int:
        """Return about how many messages are in the queue."""
        ...

    def oldest(self) -> datetime | None:
        """Return about when the oldest message was sent that a worker could take now, or None."""
        ...


class BlobUpload(Protocol):
    """A blob of our own that is sent block by block."""

    def stage(self, block: bytes) -> None:
        """Send a block of a few MiB at most."""
        ...

    def commit(self, *, md5: str) -> None:
        """Make the blocks the blob's content, in their order; ``md5`` is its MD5 in base64."""
        ...


class BlobStore(Protocol):
    """A container of our own for values too large for a table. No two attempts write the same name."""

    def put(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write a blob, whatever is stored; readers see all of it or nothing."""
        ...

    def upload(self, name: str) -> AbstractContextManager[BlobUpload]:
        """Begin a blob that is sent block by block; nothing of it is readable before it is committed."""
        ...

    def read(self, name: str) -> Iterator[bytes] | None:
        """Return the content in pieces of a few MiB at most, or None if there is no such blob."""
        ...

    def size(self, name: str) -> int | None:
        """Return the size of a blob in bytes, or None if there is no such blob."""
        ...

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Return ``length`` bytes (one at least) from ``start`` on, fewer at the end of the blob.

        ``Transient`` if there is no such blob any more.
        """
        ...

    def names(self, folder: str) -> list[str]:
        """Return the names of the blobs of a folder (``a/b/``), in order."""
        ...

    def delete(self, name: str) -> None:
        """Delete a blob; a missing one is no error."""
        ...


class Landing(Protocol):
    """The landing container, hour by hour; read only.

    If the container does not exist, every method but ``read`` and ``create`` raises ``LandingMissing``.
    """

    def blobs(self, stream: Stream, hour: Hour) -> Iterator[LandingBlob]:
        """Yield the hour's data blobs in landing order: by name, byte by byte."""
        ...

    def blobs_of_day(self, stream: Stream, hour: Hour, *, most: int) -> list[LandingBlob]:
        """Return the data blobs of the hour's day, in landing order: the first ``most`` at most."""
        ...

    def read(self, blob: LandingBlob) -> Iterator[bytes]:
        """Yield the content in pieces of a few MiB; ``LandingChanged`` if it changed after the listing."""
        ...

    def reading(self, blobs: Iterable[LandingBlob]) -> Callable[[LandingBlob], Iterator[bytes]]:
        """Return a ``read`` for these blobs that prefetches; it must be called in this order."""
        ...

    def earliest_hour(self, stream: Stream) -> Hour | None:
        """Return the oldest hour that holds data, or None.

        Folders that fit no layout are skipped, and so are those before ``EARLIEST``. The hour may lie in the
        future.
        """
        ...

    def sources(self) -> frozenset[Stream]:
        """Return the streams that have a folder, even an empty one."""
        ...

    def survey(self, now: datetime) -> Survey:
        """Return the streams with their first and last hours, and the folders that fit no layout."""
        ...

    def check(self) -> None:
        """Raise ``LandingMissing`` if the container does not exist."""
        ...

    def create(self) -> None:
        """Create the container if it does not exist."""
        ...


class Upload(Protocol):
    """A blob of a customer's container that is sent block by block; readers see it once it is committed."""

    def stage(self, block: bytes) -> None:
        """Queue a block for sending; wait while too many are in flight.

        A failure of an earlier block is raised here or by ``arrived``. ``ForeignBlocks`` means that another
        program has uncommitted blocks with ids of another length, which the service does not mix with ours;
        ``Container.fence`` discards them.
        """
        ...

    def arrived(self) -> int:
        """Wait until every block has arrived, and return their number."""
        ...


class Container(Protocol):
    """A customer's container. The rights to read, write, list and delete blobs are enough."""

    def sign_in(self) -> None:
        """Get the token for the other calls; credentials without a token need no call."""
        ...

    def find(self, prefix: str, *, most: int | None = None) -> list[BlobInfo]:
        """Return the blobs whose names begin with the prefix, in name order: the first ``most`` at most."""
        ...

    def read(self, name: str) -> SmallBlob | None:
        """Return a small blob, or None if there is no such blob."""
        ...

    def stream(self, blob: BlobInfo) -> Iterator[bytes]:
        """Yield a blob's content in pieces of a few MiB; ``Conflict`` if it changed after the listing."""
        ...

    def upload(self, name: str, *, attempt: str) -> AbstractContextManager[Upload]:
        """Begin a blob. The block ids contain ``attempt``, so that rivals' blocks stay apart.

        Leaving the context waits for the blocks in flight. All uploads share one limit of blocks in flight.
        """
        ...

    def commit(self, sent: StagedFile, *, etag: str | None, content_type: str) -> None:
        """Make the blocks that an attempt has staged the blob's content, in their order.

        If the condition fails but the blob already has exactly this content, there is no conflict. The
        service discards every other block staged for the blob, so a rival's later commit is a conflict.
        """
        ...

    def fence(self, name: str, *, etag: str | None) -> None:
        """Make sure that no file has this name, and that no upload begun so far can give it one.

        ``etag`` is the file as it was seen, None if there was none. Every uncommitted block of the name is
        discarded, no matter which program sent it. A crash in the middle may leave a file of 0 bytes.
        """
        ...

    def put(self, name: str, body: bytes, *, content_type: str, etag: str | None) -> str:
        """Write a small blob, and return its ETag; no conflict if it has this content already."""
        ...

    def delete(self, name: str, *, etag: str) -> None:
        """Delete the blob of that ETag; a missing blob is no conflict."""
        ...

    def refresh(self, name: str, *, etag: str) -> None:
        """Give a blob a new ETag and keep its content: writes with the old ETag then fail."""
        ...


class Containers(Protocol):
    """The containers of all destinations."""

    def open(self, destination: Destination) -> Container:
        """Return a destination's container: decrypts its credentials now, connects when first used."""
        ...

    def anew(self, destination: Destination) -> Container:
        """Return the container without cached clients or tokens, as a new process would open it."""
        ...


class Ledger(Table[StreamKey, Hour, HourRecord], Protocol):
    """The export record of each hour. An hour that was never touched has none."""

    def between(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[HourRecord]:
        """Yield the records from ``first`` to ``last``, both included, oldest first; lazily, page by page.

        An unreadable record is replaced by one that says so: ``HourRecord.unreadable``.
        """
        ...

    def states(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[HourRecord]:
        """Yield the same records with only the fields that ``due`` and ``done`` use."""
        ...

    def figures(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[tuple[HourRecord, HourFigures]]:
        """Yield the ``HourRecord.outline`` of the same records, each with the figures of its content.

        An unreadable record has none.
        """
        ...

    def identity(self, now: datetime) -> str:
        """Return the identity of this ledger, which a ledger made in its place does not have.

        The first call creates it.
        """
        ...


class Slices(Table[StreamKey, Hour, str, int, SliceRecord], Protocol):
    """The progress of the slices of large hours, by stream, hour, sliced export and first part number."""

    def all(self, key: StreamKey, hour: Hour, sliced_id: str) -> list[Versioned[SliceRecord]]:
        """Return the records of a sliced export in slice order; a slice that was never begun has none."""
        ...

    def discard(self, key: StreamKey, hour: Hour, sliced_id: str) -> None:
        """Delete the records of a sliced export that is over."""
        ...


class Reopened(Protocol):
    """Notes of hours that were done and were claimed again, before the schedule's watermark.

    An hour is noted before it is claimed, so that the schedule completes it if its worker dies. Several notes
    of one hour are one; the last one counts.
    """

    def remember(self, task: HourTask) -> str:
        """Note an hour that is about to be claimed, and return the note's ETag: each note has a new one."""
        ...

    def all(self) -> Rows[Versioned[HourTask]]:
        """Return all notes."""
        ...

    def forget(self, key: StreamKey, hour: Hour, etag: str) -> None:
        """Delete the note of an hour that is done again, unless it was noted again meanwhile."""
        ...


class Jobs[Job](Table[str, str, Job], Protocol):
    """Background jobs by destination and id: backfills, or verifications."""

    def of(self, destination_id: str) -> Rows[Job]:
        """Return the jobs of a destination."""
        ...

    def unfinished(self) -> Rows[Job]:
        """Return the jobs of all destinations that have not ended."""
        ...


class Destinations(Table[str, Destination], Protocol):
    """The destinations by id, their connection tests, and who takes names in which container."""

    def all(self) -> Rows[Versioned[Destination]]:
        """Return every destination, by id."""
        ...

    def active(self) -> Rows[Destination]:
        """Return the active destinations, by id."""
        ...

    def page(self, after: str, size: int, *, deleted: bool) -> Page[Destination]:
        """Return up to ``size`` destinations after an id, by id: the deleted ones, or the others.

        Unreadable rows count as destinations that are not deleted.
        """
        ...

    def names_version(self, place: str) -> str | None:
        """Return the version of the names in a container (``account|container``); None before the first."""
        ...

    def put_with_names(
        self, destination: Destination, etag: str | None, versions: Mapping[str, str | None]
    ) -> str:
        """Write a destination that takes names, and new versions of its containers' names; all or nothing.

        ``versions`` are the versions that were read, by container. ``Conflict`` if the destination or one of
        the versions has changed.
        """
        ...

    def last_test(self, destination_id: str) -> ConnectionTest | None:
        """Return a destination's last connection test."""
        ...

    def last_tests(self, first: str, last: str) -> RowsByKey[str, ConnectionTest]:
        """Return the last connection tests of the destinations from the first to the last id, by id."""
        ...

    def record_test(self, destination_id: str, test: ConnectionTest | None) -> None:
        """Replace a destination's last connection test; None deletes it.

        The destination and its ETag stay as they are.
        """
        ...


class Cipher(Protocol):
    """Encrypts secrets for storage. A secret sealed for one field of one destination opens for no other."""

    def seal(self, secret: str, *, destination_id: str, field: str) -> str:
        """Return the encrypted secret, as text."""
        ...

    def renew(self, sealed: str, *, destination_id: str, field: str) -> str:
        """Return the secret encrypted with the current key; unchanged if it is already, or is unreadable."""
        ...

    def is_current(self, sealed: str) -> bool:
        """Whether a secret is encrypted with the current key."""
        ...

    def open(self, sealed: str, *, destination_id: str, field: str) -> str:
        """Return the secret."""
        ...


class Webhooks(Protocol):
    """Calls webhooks."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> WebhookAnswer:
        """Send a request, and return the answer; ``Transient`` if there is none."""
        ...


class Sources(Table[str, Source], Protocol):
    """The sources by id."""

    def all(self) -> Rows[Versioned[Source]]:
        """Return every source by id, deleted ones included."""
        ...

    def states(self) -> tuple[Rows[Source], Rows[PullProgress]]:
        """Return every source, deleted ones included, and the progress of each that has any."""
        ...


class PulledHours(Table[str, Hour, PulledHour], Protocol):
    """The record of each hour of each source. An hour that was never claimed has none."""

    def between(self, source_id: str, first: Hour, last: Hour) -> Rows[PulledHour]:
        """Return the records from ``first`` to ``last``, both included, oldest first."""
        ...

    def due(self, source_id: str, now: datetime) -> Rows[PulledHour]:
        """Return the records that are due by their ``next_pull_at``, oldest hour first."""
        ...


class FolderTurns(Table[int, Hour, FolderTurn], Protocol):
    """Whose turn it is to land rows in the folder of an hour, by project and hour; none if it is free."""

    def discard(self, turn: FolderTurn, etag: str) -> None:
        """Delete the turn of that ETag; another one, or none, is left as it is."""
        ...

    def of(self, project_id: int) -> Rows[Versioned[FolderTurn]]:
        """Return the turns in the folders of a project, by hour."""
        ...


class LateLandings(Protocol):
    """Notes of rows that have landed in hours which may have been exported: the schedule looks at these.

    Several notes of one hour are one; the last one counts.
    """

    def remember(self, note: LateLanding) -> None:
        """Note that rows land in a folder."""
        ...

    def all(self) -> Rows[Versioned[LateLanding]]:
        """Return all notes."""
        ...

    def forget(self, note: Versioned[LateLanding]) -> None:
        """Delete a note, unless the hour was noted again meanwhile."""
        ...


class LandingUpload(Protocol):
    """A new blob of landing that is sent block by block."""

    def stage(self, block: bytes) -> None:
        """Send a block of a few MiB at most."""
        ...

    def create(self, *, md5: str) -> None:
        """Make the blocks a new blob; ``md5`` is its MD5 in base64.

        It is no conflict if a blob of that name has exactly this content already.
        """
        ...


class LandingWriter(Protocol):
    """Puts blobs into landing. It creates blobs and never replaces one."""

    def upload(self, name: str, *, attempt: str) -> AbstractContextManager[LandingUpload]:
        """Begin a blob. The block ids contain ``attempt``, so that rivals' blocks stay apart."""
        ...


class ExportApi(Protocol):
    """The Export API of all sources."""

    def ask(self, source: Source, hour: Hour) -> AbstractContextManager[ExportAnswer]:
        """Ask for the rows of one hour. Leaving the context ends the connection.

        ``Transient`` if there is no answer. ``SourceFault`` if the source may not be asked: its host, or one
        that it redirects to, is not allowed, or its stored secret cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PullGateways:
    """The gateways of the puller."""

    sources: Sources
    hours: PulledHours
    progress: LastWrite[str, PullProgress]
    health: LastWrite[str, SourceHealth, SourceHealth]
    slots: Table[str, PullSlots]
    turns: FolderTurns
    late: LateLandings
    runs: Jobs[PullRun]
    answers: BlobStore
    landing: LandingWriter
    api: ExportApi
    queue: Queue[PullTask]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateways:
    """All gateways. ``exporter.wiring`` builds them, or a test does."""

    landing: Landing
    containers: Containers
    rejected: BlobStore
    """Rows that were not exported as they landed."""
    state: BlobStore
    """Plans of sliced exports, key indexes, spooled files, findings."""
    ledger: Ledger
    slices: Slices
    schedule: LastWrite[StreamKey, StreamProgress]
    breakers: LastWrite[str, Breaker, Breaker]
    ticks: LastWrite[str, LastTick]
    """The note of the last tick, by the key ``LAST``."""
    reopened: Reopened
    destinations: Destinations
    backfills: Jobs[Backfill]
    verifications: Jobs[Verification]
    hours: Queue[HourTask]
    backfill_hours: Queue[HourTask]
    backfill_steps: Queue[BackfillStep]
    verify_steps: Queue[VerifyStep]
    webhook_calls: Queue[Delivery]
    notifications: Queue[Delivery]
    """The queue of the setting NOTICE_QUEUE; other programs read it."""
    webhooks: Webhooks
    cipher: Cipher
    pulls: PullGateways
    pause: Pause = time.sleep

    def queue_of(self, task: HourTask) -> Queue[HourTask]:
        """Return the queue of a task: live hours do not wait behind hours of backfills."""
        return self.hours if task.requested_by == SCHEDULE else self.backfill_hours
