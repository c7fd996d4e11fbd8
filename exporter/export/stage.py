"""Staging: landing blobs become gzip files whose blocks no reader sees before they are committed."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import chain as together
from typing import Any

import msgspec

from exporter.domain.data_types import DataType
from exporter.domain.destination import WHOLE_BYTES_MAX, Compression, Destination
from exporter.domain.file_names import Naming
from exporter.domain.hour import Hour
from exporter.domain.hour_content import RowCounts
from exporter.domain.marker import Part, StagedFile
from exporter.domain.row_schema import RejectedRow
from exporter.domain.slices import Slice, SliceResult
from exporter.domain.streams import LandingBlob, Stream
from exporter.export.readback import row_keys
from exporter.export.work_slots import WorkSlot
from exporter.pipeline.chain import Predicate, Reject, RowChain, accept_all, rejected_line
from exporter.pipeline.codecs import codec_of
from exporter.pipeline.exported import Exported, WholeFile
from exporter.pipeline.filters.compile import compile_filter, fields_read
from exporter.pipeline.formats import format_of
from exporter.pipeline.gzip_writer import GzipWriter
from exporter.pipeline.hashes import size_and_md5
from exporter.pipeline.key_index import KeysHash, shared
from exporter.pipeline.key_set import ApproximateKeySet, KeySet
from exporter.ports import BlobStore, BlobUpload, Container, Landing, Upload

# Returns the keys of rows that are left out; None: all rows are exported.
type Drops = Callable[[], KeySet | ApproximateKeySet | None]


def drop_nothing() -> None:
    """Leave out no row."""


@dataclass(frozen=True, slots=True)
class Spool:
    """Where files are kept whole until their names are fenced; its blobs' names begin with ``prefix``."""

    state: BlobStore
    prefix: str

    def name(self, number: int) -> str:
        """Return the blob that holds a part."""
        return f"{self.prefix}{number}"


@dataclass(frozen=True, slots=True)
class StagedSlice:
    """A slice that is staged: its files, the counts of its rows, and the keys of all rows that passed.

    The rows of ``excluded`` keys among them were left out: another slice exports them, or seems to.
    """

    rows: RowCounts
    files: tuple[StagedFile, ...]
    keys: KeySet
    excluded: KeysHash = field(default_factory=KeysHash)

    def result(self, digest: str | None, rejected: tuple[str, ...]) -> SliceResult:
        """Return what is recorded of it, with the blobs of its keys and of its rejected rows."""
        left_out = self.excluded
        return SliceResult(self.rows, self.files, digest, left_out.count, rejected, left_out.sha256)


@dataclass(frozen=True, slots=True)
class Stager:
    """Stages slices of one hour. ``attempt`` keeps our blocks apart from those of a rival.

    Landing blobs of ``whole_bytes_min`` bytes and more may pass through unchanged; None: none may. With a
    ``spool`` the files go there, to be copied to the container once their names are fenced. Merged ids that
    are ``known`` are left out, each as often as its key counts there.
    """

    landing: Landing
    container: Container
    destination: Destination
    naming: Naming
    hour: Hour
    attempt: str
    whole_bytes_min: int | None = None
    spool: Spool | None = None
    known: Counter[bytes] | None = None

    def stage(
        self,
        chosen: Slice,
        drops: Drops,
        rejected: Reject,
        slot: WorkSlot,
        before: Iterable[Exported] = (),
    ) -> StagedSlice:
        """Stage the rows of a slice without those of some keys; no rows, no part.

        Rows that come ``before`` them are staged as they are, and not counted.
        """
        reading = self.landing.reading(chosen.blobs)

        def read(blob: LandingBlob) -> Iterator[bytes]:
            return slot.read(reading(blob))

        # Before the slot computes: the keys are read from storage.
        excluded = drops()
        with ExitStack() as uploads:
            with slot.computing():
                stream = self.naming.stream
                chain = row_chain(
                    self.destination, stream, self.hour, rejected, excluded=excluded, known=self.known
                )
                landed = chain.exported_or_whole(chosen.blobs, read, self._whole_sizes(chosen))
                found = together(slot.read(iter(before)), landed)
                parts = list(self._parts(found, chosen, uploads, slot))
                left_out = KeysHash() if excluded is None else shared(chain.seen, excluded)
            files = tuple(arrived() for arrived in parts)
        return StagedSlice(chain.tally.counts(), files, chain.seen, left_out)

    def _whole_sizes(self, chosen: Slice) -> range:
        """Return how large a landing blob may be, in bytes, that passes through unchanged as a part."""
        output = self.destination.output
        # Slices have as many part numbers as they need for full parts, and no more.
        alone = self.naming.stream.spec.numbered_parts and chosen.numbers is None
        alone = alone and format_of(self.naming.suffix).passthrough
        if self.whole_bytes_min is None or not alone or output.compression is Compression.SMALL:
            return range(0)
        return range(self.whole_bytes_min, min(output.part_bytes_max, WHOLE_BYTES_MAX) + 1)

    def _parts(
        self, found: Iterator[Exported | WholeFile], chosen: Slice, uploads: ExitStack, slot: WorkSlot
    ) -> Iterator[Callable[[], StagedFile]]:
        """Send the parts one after the other; yield for each a function that waits until it has arrived."""
        output = self.destination.output
        # Readers expect the merged ids of an hour in one file, whatever its size.
        bytes_max = output.part_bytes_max if self.naming.stream.spec.numbered_parts else None
        last = None if chosen.numbers is None else chosen.first + chosen.numbers - 1
        number, each = chosen.first, next(found, None)
        while each is not None:
            name = self.naming.part(self.hour, number)
            upload, arrived = self._begin(name, number, uploads)
            if isinstance(each, WholeFile):
                _send(each.pieces, upload, slot)
                yield partial(arrived, Part(name, each.rows, *size_and_md5(each.pieces)))
                each = next(found, None)
            else:
                writer = format_of(name).writer(output.compression, None if number == last else bytes_max)
                while isinstance(each, Exported):
                    _send(writer.add(each), upload, slot)
                    each = next(found, None)
                    if writer.full:
                        break
                _send(writer.finish(), upload, slot)
                yield partial(arrived, Part(name, writer.rows, writer.size, writer.md5))
            number += 1

    def _begin(
        self, name: str, number: int, uploads: ExitStack
    ) -> tuple[Upload | BlobUpload, Callable[[Part], StagedFile]]:
        """Begin a file in the container or the spool; return its upload, and a function that waits for it."""
        if self.spool is None:
            upload = uploads.enter_context(self.container.upload(name, attempt=self.attempt))
            return upload, lambda part: StagedFile(part, self.attempt, upload.arrived())
        spooled = self.spool.name(number)
        kept = uploads.enter_context(self.spool.state.upload(spooled))

        def arrived(part: Part) -> StagedFile:
            kept.commit(md5=part.md5)
            return StagedFile(part, self.attempt, 0, spooled)

        return kept, arrived


def row_chain(  # noqa: PLR0913  what rows pass through, each by its name
    destination: Destination,
    stream: Stream,
    hour: Hour,
    reject: Reject,
    *,
    excluded: KeySet | ApproximateKeySet | None = None,
    known: Counter[bytes] | None = None,
) -> RowChain[Any]:
    """Return the chain that turns the rows of an hour into what a destination gets."""
    predicate: Predicate[Any] = accept_all
    read: frozenset[str] | None = frozenset()
    if event_filter := destination.filter_of(stream):
        predicate, read = compile_filter(event_filter), fields_read(event_filter)
    elif known is not None:
        predicate, read = _beyond(known, stream.data_type), None
    codec = codec_of(stream, hour, destination.output, read=read)
    return RowChain(codec, reject, predicate, drops=excluded)


def _beyond(known: Counter[bytes], data_type: DataType) -> Predicate[Any]:
    """Return a predicate: rows that come more often than they are known. It uses up ``known``."""

    def keep(rows: Sequence[Any], _lines: Sequence[bytes]) -> list[bool]:
        kept = []
        for key in row_keys(map(msgspec.json.encode, rows), data_type):
            kept.append(known[key] == 0)
            known[key] -= known[key] > 0
        return kept

    return keep


def stage_bytes(container: Container, part: Part, body: bytes, attempt: str) -> StagedFile:
    """Stage a small file."""
    with container.upload(part.name, attempt=attempt) as upload:
        upload.stage(body)
        return StagedFile(part, attempt, upload.arrived())


def _send(blocks: Iterable[bytes], upload: Upload | BlobUpload, slot: WorkSlot | None = None) -> None:
    for block in blocks:
        with slot.waiting() if slot else nullcontext():
            upload.stage(block)


@dataclass(slots=True)
class RejectedWriter:
    """Stores the rejected and amended rows of a slice as they landed; the first of them begins a blob.

    ``name`` is the blob's name. Nothing is stored unless it is committed.
    """

    store: BlobStore
    name: str
    uploads: ExitStack
    _gzip: GzipWriter = field(default_factory=GzipWriter)
    _upload: BlobUpload | None = None

    def __call__(self, row: RejectedRow) -> None:
        """Store a row."""
        if self._upload is None:
            self._upload = self.uploads.enter_context(self.store.upload(self.name))
        _send(self._gzip.add(Exported(1, rejected_line(row))), self._upload)

    def commit(self) -> tuple[str, ...]:
        """Make the rows readable, and return the name of their blob, if there is one."""
        if self._upload is None:
            return ()
        _send(self._gzip.finish(), self._upload)
        self._upload.commit(md5=self._gzip.md5)
        return (self.name,)
