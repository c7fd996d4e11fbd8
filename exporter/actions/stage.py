"""Staging: landing blobs become gzip files that are sent, but not seen before they are committed."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from exporter.actions.ports import Container, Gateways, Landing, RejectedRows, RejectedUpload, Upload
from exporter.domain.destination import Destination
from exporter.domain.hours import Hour
from exporter.domain.ledger import RowCounts
from exporter.domain.marker import Part
from exporter.domain.names import Naming
from exporter.domain.records import RejectedRow
from exporter.domain.slices import Sent, Slice
from exporter.domain.streams import DataType, LandingBlob, Stream, StreamKey
from exporter.pipeline.events import EventCodec
from exporter.pipeline.filtering import filtering
from exporter.pipeline.merged_ids import MergedIdCodec
from exporter.pipeline.pack import GzipBlocks
from exporter.pipeline.rows import Exported, Reject, RowChain, Tally, keep_all, rejected_line
from exporter.pipeline.seen import SeenKeys


@dataclass(frozen=True, slots=True)
class Staged:
    """What was sent of a slice: its parts, what became of its rows, and the keys of all that passed.

    Of those keys, so many were ``dropped``: somebody else exports their rows.
    """

    rows: RowCounts
    sent: tuple[Sent, ...]
    keys: SeenKeys
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Stager:
    """Stages slices of one hour. ``attempt`` keeps our blocks apart from those of a rival.

    What is rejected is sent, too, and put in place by ``RejectedWriter.commit``.
    """

    gateways: Gateways
    container: Container
    destination: Destination
    naming: Naming
    hour: Hour
    attempt: str

    @property
    def key(self) -> StreamKey:
        """The stream as the ledger knows it."""
        return StreamKey(self.destination.id, self.naming.stream)

    def stage(self, chosen: Slice, drops: Iterable[bytes], rejected: "RejectedWriter") -> Staged:
        """Send a slice's rows but for those of the keys to drop; no rows, no part."""
        seen, tally, dropped = SeenKeys(), Tally(), SeenKeys(drops)
        lines = exported_lines(
            self.destination,
            self.naming.stream,
            self.hour,
            chosen.blobs,
            landing=self.gateways.landing,
            reject=rejected,
            seen=seen,
            tally=tally,
            drops=None if dropped.empty else dropped,
        )
        with ExitStack() as uploads:
            parts = list(self._parts(iter(lines), chosen, uploads))
            sent = tuple(Sent(part, self.attempt, upload.arrived()) for part, upload in parts)
        return Staged(tally.counts(), sent, seen, tally.dropped)

    def _parts(
        self, lines: Iterator[Exported], chosen: Slice, uploads: ExitStack
    ) -> Iterator[tuple[Part, Upload]]:
        output = self.destination.output
        # Readers expect the merged ids of an hour in one file, whatever its size.
        bytes_max = output.part_bytes_max if self.naming.stream.data_type is DataType.EVENTS else None
        last = None if chosen.numbers is None else chosen.first + chosen.numbers - 1
        number = chosen.first
        while (first := next(lines, None)) is not None:
            name = self.naming.part(self.hour, number)
            upload = uploads.enter_context(self.container.upload(name, attempt=self.attempt))
            gzip = GzipBlocks(output.compression, None if number == last else bytes_max)
            _send(gzip.add(first.content, first.rows), upload)
            while not gzip.full and (more := next(lines, None)) is not None:
                _send(gzip.add(more.content, more.rows), upload)
            _send(gzip.finish(), upload)
            yield Part(name, gzip.rows, gzip.size, gzip.md5), upload
            number += 1


def exported_lines(  # noqa: PLR0913  what a row meets on its way, each by its name
    destination: Destination,
    stream: Stream,
    hour: Hour,
    blobs: Iterable[LandingBlob],
    *,
    landing: Landing,
    reject: Reject,
    seen: SeenKeys,
    tally: Tally,
    drops: SeenKeys | None = None,
) -> Iterator[Exported]:
    """Return the lines of landing blobs as they are exported, to be read once."""
    if stream.data_type is DataType.EVENTS:
        codec = EventCodec(stream.source_id, hour, destination.output)
        keep = filtering(destination.event_filter) if destination.event_filter else keep_all
        return RowChain(codec, reject, keep, seen, drops, tally).exported(blobs, landing.read)
    return RowChain(MergedIdCodec(hour), reject, tally=tally).exported(blobs, landing.read)


def sent_whole(container: Container, part: Part, body: bytes, attempt: str) -> Sent:
    """Send a small file, to be committed later."""
    with container.upload(part.name, attempt=attempt) as upload:
        upload.stage(body)
        return Sent(part, attempt, upload.arrived())


def _send(blocks: Iterable[bytes], upload: Upload | RejectedUpload) -> None:
    for block in blocks:
        upload.stage(block)


@dataclass(slots=True)
class RejectedWriter:
    """Keeps the rows of a slice that are not exported; begins a blob with the first of them.

    ``number`` is that of the slice's first part. Nothing is kept unless it is committed.
    """

    store: RejectedRows
    key: StreamKey
    hour: Hour
    number: int
    attempt: str
    uploads: ExitStack
    _gzip: GzipBlocks = field(default_factory=GzipBlocks)
    _upload: RejectedUpload | None = None

    def __call__(self, row: RejectedRow) -> None:
        """Keep a row."""
        if self._upload is None:
            self._upload = self.uploads.enter_context(
                self.store.upload(self.key, self.hour, number=self.number, attempt=self.attempt)
            )
        _send(self._gzip.add(rejected_line(row)), self._upload)

    def commit(self) -> tuple[int, ...]:
        """Make the rows readable, if there are any, and return the number they are kept under."""
        if self._upload is None:
            return ()
        _send(self._gzip.finish(), self._upload)
        self._upload.commit(md5=self._gzip.md5)
        return (self.number,)
