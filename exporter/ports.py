"""What the actions need of the world, as small protocols. ``exporter.storage`` fulfils them on Azure Storage.

Every method may raise ``Transient`` when it failed in passing. Methods on our own storage raise nothing else
of their own but what they name; methods on a customer's container also raise ``DestinationFault``.
Conditions (``etag``) are compare-and-swap: ``None`` means "only if it does not exist", and a method whose
condition does not hold raises ``Conflict`` and has changed nothing. An implementation that cannot tell
whether its write landed (an answer got lost) looks before it reports a conflict.
A single row that cannot be read raises ``UnreadableRowError``; a list of rows leaves it out (``Rows``).
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
from exporter.domain.hour_record import SCHEDULE, HourRecord, HourTask, StreamProgress
from exporter.domain.landing import Survey
from exporter.domain.marker import StagedFile
from exporter.domain.notifications import Notification
from exporter.domain.slices import SliceRecord
from exporter.domain.streams import LandingBlob, Stream, StreamKey
from exporter.domain.verification import Verification, VerifyStep
from exporter.domain.versioned import BlobInfo, Rows, RowsByKey, SmallBlob, Versioned

type Clock = Callable[[], datetime]
type NewId = Callable[[], str]
type Pause = Callable[[float], None]
"""Waits for that many seconds."""


class Landing(Protocol):
    """The landing container: what arrived, hour by hour. Read only.

    A container that is not there is no empty one: every method but ``read`` and ``create`` raises
    ``LandingMissing``.
    """

    def blobs(self, stream: Stream, hour: Hour) -> Iterator[LandingBlob]:
        """Yield the hour's blobs that hold data in landing order, that is by name, byte by byte."""
        ...

    def read(self, blob: LandingBlob) -> Iterator[bytes]:
        """Yield the content in pieces of a few MiB; ``LandingChanged`` if it is not what was listed."""
        ...

    def reading(self, blobs: Iterable[LandingBlob]) -> Callable[[LandingBlob], Iterator[bytes]]:
        """Return what reads these blobs as ``read`` does, to be asked for them in this order.

        While one is worked on, the next ones are on their way.
        """
        ...

    def earliest_hour(self, stream: Stream) -> Hour | None:
        """Return the oldest hour that holds data, or None if none does.

        Folders that fit no layout are passed over, and so are those before ``EARLIEST``. It may lie in the
        future.
        """
        ...

    def sources(self) -> frozenset[Stream]:
        """Return the streams that have a folder, whether there is an hour in it or not."""
        ...

    def survey(self, now: datetime) -> Survey:
        """Return which streams there are, from when to when, and what fits no layout."""
        ...

    def check(self) -> None:
        """Only raise ``LandingMissing``, if it is not there."""
        ...

    def create(self) -> None:
        """Make the container; one that is there is fine."""
        ...


class Upload(Protocol):
    """One blob on its way: nothing of it is visible before its blocks are committed."""

    def stage(self, block: bytes) -> None:
        """Send a block; returns before it arrived, and waits while too many are under way.

        A failure of an earlier block is raised here or by ``arrived``: ``ForeignBlocks`` if uncommitted
        blocks of another program refuse ours, until ``Container.fence`` discards them.
        """
        ...

    def arrived(self) -> int:
        """Wait until every block has arrived, and return how many they are."""
        ...


class Container(Protocol):
    """A customer's container, with exactly the rights to read, write and delete blobs."""

    def sign_in(self) -> None:
        """Sign in, where that is a step of its own: get the token that the other calls need."""
        ...

    def find(self, prefix: str) -> list[BlobInfo]:
        """Return the blobs whose names begin so, in name order."""
        ...

    def read(self, name: str) -> SmallBlob | None:
        """Return a small blob, or None if there is none of that name."""
        ...

    def stream(self, blob: BlobInfo) -> Iterator[bytes]:
        """Yield a blob's content in pieces of a few MiB; ``Conflict`` if it is not what was listed."""
        ...

    def upload(self, name: str, *, attempt: str) -> AbstractContextManager[Upload]:
        """Begin a blob. ``attempt`` keeps its blocks apart from a rival's.

        Leaving waits for blocks that are under way. The bound on those is one for all uploads.
        """
        ...

    def commit(self, sent: StagedFile, *, etag: str | None, content_type: str) -> None:
        """Make the blocks that an attempt has sent the blob's content, in their order.

        ``etag`` is the blob as it was seen before. If the condition fails but the blob already has exactly
        this content, that is no conflict. Every other block that was ever sent for the blob is thrown away,
        so that a rival's later commit is a conflict.
        """
        ...

    def fence(self, name: str, *, etag: str | None) -> None:
        """Make sure that no file has this name, and that no upload begun so far can give it one.

        ``etag`` is the file as it was seen, None if there was none. Every uncommitted block of the name is
        discarded, no matter which program sent it. A crash in the middle may leave a file of 0 bytes.
        """
        ...

    def put(self, name: str, body: bytes, *, content_type: str, etag: str | None) -> str:
        """Write a small blob whole, and return its ETag; no conflict if it already has this content."""
        ...

    def delete(self, name: str, *, etag: str) -> None:
        """Delete the blob if it is still the one that was seen; one that is gone already is no conflict."""
        ...

    def refresh(self, name: str, *, etag: str) -> None:
        """Give a blob that stays as it is another ETag: whoever saw the old one cannot write over it."""
        ...


class Containers(Protocol):
    """Customers' containers by destination."""

    def open(self, destination: Destination) -> Container:
        """Return the destination's container; decrypts its credentials, and connects on first use."""
        ...

    def anew(self, destination: Destination) -> Container:
        """Return it with nothing remembered from before, as another process would open it."""
        ...


class RejectedRows(Protocol):
    """Our own container of rows that were not exported as they landed.

    Each attempt writes blobs of its own, one for each slice; ``name`` is what follows the hour's folder.
    """

    def upload(self, key: StreamKey, hour: Hour, name: str) -> AbstractContextManager["RejectedUpload"]:
        """Begin a blob; nothing is written unless a block is staged."""
        ...

    def names(self, key: StreamKey, hour: Hour) -> list[str]:
        """Return the full names of the hour's blobs."""
        ...

    def delete(self, name: str) -> None:
        """Delete a blob by its full name; one that is gone already is as good."""
        ...


class RejectedUpload(Protocol):
    """An attempt's rejected rows on their way."""

    def stage(self, block: bytes) -> None:
        """Send a block of gzip."""
        ...

    def commit(self, *, md5: str) -> str:
        """Make the blocks readable, and return the blob's full name."""
        ...


class Ledger(Protocol):
    """Hour by hour, what was exported. Hours never touched have no record."""

    def get(self, key: StreamKey, hour: Hour) -> Versioned[HourRecord] | None:
        """Return the record of one hour."""
        ...

    def between(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[HourRecord]:
        """Yield the records from ``first`` to ``last``, both included, oldest first; lazily, page by page.

        In place of a record that cannot be read comes one that says so: ``HourRecord.unreadable``.
        """
        ...

    def states(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[HourRecord]:
        """Like ``between``, but reads only what ``due`` and ``done`` look at."""
        ...

    def put(self, record: HourRecord, etag: str | None) -> str:
        """Write a record over the one of that ETag (None: where none is), and return its new ETag."""
        ...

    def identity(self, now: datetime) -> str:
        """Return what tells this ledger from one made in its place; the first call makes it up."""
        ...


class Slices(Protocol):
    """How far the slices of large hours are, while several workers stage them."""

    def get(self, key: StreamKey, hour: Hour, run: str, number: int) -> Versioned[SliceRecord] | None:
        """Return the record of one slice."""
        ...

    def all(self, key: StreamKey, hour: Hour, run: str) -> list[Versioned[SliceRecord]]:
        """Return the records of a run's slices, in order; those that nobody began have none."""
        ...

    def put(self, record: SliceRecord, etag: str | None) -> str:
        """Write a record over the one of that ETag (None: where none is), and return its new ETag."""
        ...

    def discard(self, key: StreamKey, hour: Hour, run: str) -> None:
        """Delete the records of a run that is over."""
        ...


class Reopened(Protocol):
    """Hours that the schedule must see to although it is past them: they were done, and were taken again.

    An hour is noted before it is taken, so that it is finished by somebody, whatever becomes of the one who
    took it. Several notes of one hour are one; the last one counts.
    """

    def remember(self, task: HourTask) -> str:
        """Note an hour that is about to be taken, and return the note's ETag: each note has another."""
        ...

    def all(self) -> Rows[Versioned[HourTask]]:
        """Return what is noted."""
        ...

    def forget(self, key: StreamKey, hour: Hour, etag: str) -> None:
        """Forget an hour that is done again, unless it was noted again meanwhile."""
        ...


class StateUpload(Protocol):
    """A blob of our own on its way."""

    def stage(self, block: bytes) -> None:
        """Send a block of a few MiB at most."""
        ...

    def commit(self) -> None:
        """Make the blocks readable, in their order."""
        ...


class State(Protocol):
    """A container of our own for what is too large for a row: plans, which rows are exported, whole files."""

    def put(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write a blob, whatever was there; it is readable whole or not at all."""
        ...

    def upload(self, name: str) -> AbstractContextManager[StateUpload]:
        """Begin a blob that is sent block by block; nothing of it is readable before it is committed."""
        ...

    def read(self, name: str) -> Iterator[bytes] | None:
        """Return the content in pieces of a few MiB at most, or None if there is no such blob."""
        ...

    def names(self, folder: str) -> list[str]:
        """Return the names of the blobs of a folder (``a/b/``)."""
        ...

    def delete(self, name: str) -> None:
        """Delete a blob; one that is gone already is as good."""
        ...


class Backfills(Protocol):
    """The backfills that were asked for."""

    def get(self, destination_id: str, backfill_id: str) -> Versioned[Backfill] | None:
        """Return a backfill."""
        ...

    def of(self, destination_id: str) -> Rows[Backfill]:
        """Return the backfills of a destination."""
        ...

    def unfinished(self) -> Rows[Backfill]:
        """Return those of all destinations that have not ended."""
        ...

    def put(self, backfill: Backfill, etag: str | None) -> str:
        """Write a backfill over the one of that ETag (None: where none is), and return its new ETag."""
        ...


class BackfillSteps(Protocol):
    """The queue of steps of backfills. Messages are hints: they may be lost and doubled."""

    def send(self, step: BackfillStep, *, delay: timedelta = timedelta()) -> None:
        """Queue a step; it is not delivered before the delay is over."""
        ...


class Verifications(Protocol):
    """The verifications that run in the background, or have."""

    def get(self, destination_id: str, verification_id: str) -> Versioned[Verification] | None:
        """Return a verification."""
        ...

    def unfinished(self) -> Rows[Verification]:
        """Return those that have not ended."""
        ...

    def put(self, verification: Verification, etag: str | None) -> str:
        """Write a verification over the one of that ETag (None: where none is), and return its new ETag."""
        ...


class VerifySteps(Protocol):
    """The queue of steps of verifications. Messages are hints: they may be lost and doubled."""

    def send(self, step: VerifyStep) -> None:
        """Queue a step."""
        ...


class Schedule(Protocol):
    """How far each stream is: one small row a stream, so that a tick need not read finished hours."""

    def all(self) -> RowsByKey[StreamKey, StreamProgress]:
        """Return every stream's progress."""
        ...

    def get(self, key: StreamKey) -> StreamProgress | None:
        """Return one stream's progress, or None before it was first planned."""
        ...

    def put(self, progress: StreamProgress) -> None:
        """Write a stream's progress, whatever was there: it is derived from the ledger and may be stale."""
        ...

    def forget(self, key: StreamKey) -> None:
        """Forget how far a stream was: it begins anew."""
        ...


class Breakers(Protocol):
    """How destinations fare with their customers' storage. To lose it costs each of them one attempt."""

    def all(self) -> RowsByKey[str, Breaker]:
        """Return what is remembered, by destination."""
        ...

    def get(self, destination_id: str) -> Breaker:
        """Return one destination's standing; one that nothing is remembered of is good."""
        ...

    def put(self, destination_id: str, breaker: Breaker) -> None:
        """Write a destination's standing, whatever was there: the last one to meet the storage is right."""
        ...


class Destinations(Protocol):
    """The destinations, as their owners made them."""

    def get(self, destination_id: str) -> Versioned[Destination] | None:
        """Return a destination."""
        ...

    def all(self) -> Rows[Versioned[Destination]]:
        """Return every destination, by id."""
        ...

    def active(self) -> Rows[Destination]:
        """Return the destinations whose hours are to be exported, by id."""
        ...

    def put(self, destination: Destination, etag: str | None) -> str:
        """Write a destination over the one of that ETag (None: where none is), and return its new ETag."""
        ...

    def names_version(self, place: str) -> str | None:
        """Return the version of the names in a container (``account|container``); None before the first."""
        ...

    def put_with_names(
        self, destination: Destination, etag: str | None, versions: Mapping[str, str | None]
    ) -> str:
        """Write a destination that takes names, and new versions of its containers' names; all or nothing.

        ``versions`` are those that were seen, by container. ``Conflict`` if the destination, or one of them,
        is another one.
        """
        ...

    def last_test(self, destination_id: str) -> ConnectionTest | None:
        """Return a destination's last test upload."""
        ...

    def last_tests(self) -> RowsByKey[str, ConnectionTest]:
        """Return the last test upload of every destination that had one, by id."""
        ...

    def record_test(self, destination_id: str, trial: ConnectionTest | None) -> None:
        """Keep a destination's last test upload in place of an earlier one; None forgets it.

        It changes neither the destination nor its ETag.
        """
        ...


class HourQueue(Protocol):
    """The queue of hours to export. Messages are hints: they may be lost, doubled and reordered."""

    def send(self, tasks: Iterable[HourTask], *, delay: timedelta = timedelta()) -> None:
        """Queue tasks, in their order; none is delivered before the delay is over."""
        ...

    def waiting(self) -> int:
        """Return about how many messages are in the queue."""
        ...


class Cipher(Protocol):
    """Encrypts secrets for storing. What is sealed for one field of one destination opens for no other."""

    def seal(self, secret: str, *, destination_id: str, field: str) -> str:
        """Return the encrypted secret, as text."""
        ...

    def renew(self, sealed: str, *, destination_id: str, field: str) -> str:
        """Return what was sealed, encrypted with the key of now; as it is if it is, or cannot be read."""
        ...

    def open(self, sealed: str, *, destination_id: str, field: str) -> str:
        """Return the secret."""
        ...


class Notices(Protocol):
    """Queues of notices. Messages are hints: they may be lost and doubled."""

    def publish(self, notice: Notification) -> None:
        """Queue a notice for those who build on it, if anybody does."""
        ...

    def call(self, notice: Notification, *, tries: int = 0, delay: timedelta = timedelta()) -> None:
        """Queue a call of the destination's webhook, not to be made before the delay is over."""
        ...


class Webhooks(Protocol):
    """Calls webhooks."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send a request, and return the status of the answer; ``Transient`` if there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateways:
    """Everything the actions may use, put together by ``exporter.wiring`` (or by a test)."""

    landing: Landing
    containers: Containers
    rejected: RejectedRows
    ledger: Ledger
    schedule: Schedule
    breakers: Breakers
    destinations: Destinations
    slices: Slices
    reopened: Reopened
    state: State
    backfills: Backfills
    backfill_steps: BackfillSteps
    verifications: Verifications
    verify_steps: VerifySteps
    hours: HourQueue
    backfill_hours: HourQueue
    notices: Notices
    webhooks: Webhooks
    cipher: Cipher
    pause: Pause = time.sleep

    def queue_of(self, task: HourTask) -> HourQueue:
        """Return the queue that a task belongs into: hours of backfills do not make live ones wait."""
        return self.hours if task.requested_by == SCHEDULE else self.backfill_hours
