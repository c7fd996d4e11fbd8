"""Staging an hour: its lines become gzip files that are sent, but not seen before they are committed."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from exporter.actions.ports import Container, RejectedRows, RejectedUpload, Upload
from exporter.domain.destination import Destination
from exporter.domain.hours import Hour
from exporter.domain.marker import Part
from exporter.domain.names import Naming
from exporter.domain.records import RejectedRow
from exporter.domain.streams import DataType, StreamKey
from exporter.pipeline.pack import GzipBlocks
from exporter.pipeline.rows import rejected_line


@dataclass(frozen=True, slots=True)
class StagedPart:
    """A file whose every byte is sent: ``upload`` is ready to be committed."""

    part: Part
    upload: Upload


@dataclass(frozen=True, slots=True)
class Stager:
    """Where the parts of an hour go. ``attempt`` keeps our blocks apart from those of a rival."""

    container: Container
    destination: Destination
    hour: Hour
    attempt: str
    uploads: ExitStack

    def stage(self, lines: Iterable[bytes], naming: Naming) -> list[StagedPart]:
        """Send the lines as parts, numbered from 1, each one gzip stream; no lines, no part."""
        return list(self._parts(iter(lines), naming))

    def _parts(self, lines: Iterator[bytes], naming: Naming) -> Iterator[StagedPart]:
        output = self.destination.output
        # Readers expect the merged ids of an hour in one file, whatever its size.
        bytes_max = output.part_bytes_max if naming.stream.data_type is DataType.EVENTS else None
        number = 0
        while (first := next(lines, None)) is not None:
            number += 1
            name = naming.part(self.hour, number)
            upload = self.uploads.enter_context(self.container.upload(name, attempt=self.attempt))
            gzip = GzipBlocks(output.compression, bytes_max)
            _send(gzip.add(first), upload)
            while not gzip.full and (line := next(lines, None)) is not None:
                for block in gzip.add(line):
                    upload.stage(block)
            _send(gzip.finish(), upload)
            yield StagedPart(Part(name, gzip.rows, gzip.size, gzip.md5), upload)


def _send(blocks: Iterable[bytes], upload: Upload | RejectedUpload) -> None:
    for block in blocks:
        upload.stage(block)


@dataclass(slots=True)
class RejectedWriter:
    """Keeps the rows that are not exported; begins a blob with the first of them."""

    store: RejectedRows
    key: StreamKey
    hour: Hour
    attempt: str
    uploads: ExitStack
    _gzip: GzipBlocks = field(default_factory=GzipBlocks)
    _upload: RejectedUpload | None = None

    def __call__(self, row: RejectedRow) -> None:
        """Keep a row."""
        if self._upload is None:
            self._upload = self.uploads.enter_context(
                self.store.upload(self.key, self.hour, attempt=self.attempt)
            )
        _send(self._gzip.add(rejected_line(row)), self._upload)

    def commit(self, *, replaces: bool) -> None:
        """Make the rows readable; with none, remove those of an earlier attempt if there may be some."""
        if self._upload is not None:
            _send(self._gzip.finish(), self._upload)
            self._upload.commit(md5=self._gzip.md5)
        elif replaces:
            self.store.discard(self.key, self.hour)
