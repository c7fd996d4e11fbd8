"""In-memory twins of blob containers: landing, customers' containers, and our own blob stores."""

import base64
import gzip
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from exporter.domain import landing
from exporter.domain.destination import Destination
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
from exporter.domain.landing import Entry, Survey
from exporter.domain.marker import StagedFile
from exporter.domain.streams import LandingBlob, Stream, is_data
from exporter.domain.versioned import BlobInfo, SmallBlob
from exporter.storage.customer.fault_table import BLOB_ARCHIVED, Action, Place
from tests.support.fakes.writes import Writes

type Row = dict[str, Any]

READ_BYTES = 4 * 1024 * 1024
# The id of an uncommitted block of another program: ours have another length.
FOREIGN_BLOCK = "another tool's"


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
        yield from self._found(stream.landing_folder(hour))

    def blobs_of_day(self, stream: Stream, hour: Hour, *, most: int) -> list[LandingBlob]:
        """Return the blobs of the hour's day by name: the first ``most`` at most."""
        return list(self._found(stream.landing_day(hour)))[:most]

    def _found(self, folder: str) -> Iterator[LandingBlob]:
        self.check()
        for name in filter(is_data, self._blobs.names(folder)):
            blob = self._blobs.committed[name]
            yield self.listed(LandingBlob(name, blob.etag, len(blob.body), blob.md5))

    def listed(self, blob: LandingBlob) -> LandingBlob:
        """Return a blob as it is listed."""
        return blob

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


class FakeBlobUpload(FakeBlocks):
    """A blob of our own that is sent block by block."""

    def commit(self, *, md5: str) -> None:
        """Make the blocks readable."""
        with self._blobs.writes.write(f"commit {self._name}"):
            self._blobs.commit(self._name, self._ids, md5, allowed=True)


class FakeBlobStore:
    """A container of our own."""

    def __init__(self, blobs: FakeBlobs) -> None:
        self._blobs = blobs

    def put(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write a blob, whatever is stored."""
        body = b"".join(pieces)
        with self._blobs.writes.write(f"put {name}"):
            self._blobs.set(name, body)

    @contextmanager
    def upload(self, name: str) -> Iterator[FakeBlobUpload]:
        """Begin a blob."""
        yield FakeBlobUpload(self._blobs, name, name)

    def read(self, name: str) -> Iterator[bytes] | None:
        """Return the content in pieces, or None if there is no such blob."""
        found = self._blobs.committed.get(name)
        if found is None:
            return None
        body = found.body
        return (body[start : start + READ_BYTES] for start in range(0, len(body), READ_BYTES))

    def size(self, name: str) -> int | None:
        """Return the size of a blob, or None if there is no such blob."""
        found = self._blobs.committed.get(name)
        return None if found is None else len(found.body)

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Return a part of a blob."""
        found = self._blobs.committed.get(name)
        if found is None:
            raise Transient(f"the blob {name} was deleted")
        return found.body[start : start + length]

    def names(self, folder: str) -> list[str]:
        """Return the names of the blobs of a folder."""
        return self._blobs.names(folder)

    def delete(self, name: str) -> None:
        """Delete a blob."""
        with self._blobs.writes.write(f"discard {name}"):
            self._blobs.committed.pop(name, None)


class FakeLandingUpload(FakeBlocks):
    """A new blob of landing that is sent block by block."""

    def create(self, *, md5: str) -> None:
        """Make the blocks a new blob."""
        with self._blobs.writes.write(f"create {self._name}"):
            self._blobs.commit(self._name, self._ids, md5, allowed=self._name not in self._blobs.committed)


class FakeLandingWriter:
    """The puller's side of landing."""

    def __init__(self, blobs: FakeBlobs) -> None:
        self._blobs = blobs

    @contextmanager
    def upload(self, name: str, *, attempt: str) -> Iterator[FakeLandingUpload]:
        """Begin a blob."""
        yield FakeLandingUpload(self._blobs, name, attempt)


class FakeContainer:
    """A customer's container."""

    def __init__(self, blobs: FakeBlobs) -> None:
        self._blobs = blobs

    def sign_in(self) -> None:
        """Sign in, unless a test has set a fault for ``sign_in``."""
        self._blobs.refuse("sign_in")

    def find(self, prefix: str, *, most: int | None = None) -> list[BlobInfo]:
        """Return the blobs whose names begin so, in name order: the first ``most`` at most."""
        self._blobs.refuse("list")
        found = ((name, self._blobs.committed[name]) for name in self._blobs.names(prefix)[:most])
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


def md5_base64(body: bytes) -> str:
    """Return the MD5 in base64, as storage keeps it."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
