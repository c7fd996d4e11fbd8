"""The export from files to a file: complete, up to each of its steps, and its codecs alone."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from zlib_ng import zlib_ng

from exporter.domain.data_types import DataType
from exporter.domain.destination import (
    Compression,
    Credentials,
    CredentialsType,
    Destination,
    Output,
    StorageTarget,
)
from exporter.domain.filter_parser import stored_filter
from exporter.domain.hour import Hour
from exporter.domain.landing import Survey
from exporter.domain.row_schema import RejectedRow
from exporter.domain.slices import Slice
from exporter.domain.streams import LandingBlob, Stream
from exporter.domain.timestamps import TimestampFormat
from exporter.export.stage import Stager, drop_nothing
from exporter.export.work_slots import WorkSlots
from exporter.pipeline.chain import RowChain, rejected_line
from exporter.pipeline.codec import Codec
from exporter.pipeline.codecs import codec_of
from exporter.pipeline.exported import Exported
from exporter.pipeline.gunzip import plain
from exporter.pipeline.gzip_writer import GzipWriter
from exporter.pipeline.key_set import KeySet
from exporter.pipeline.lines import Lines, lines
from exporter.pipeline.native.scanner import allow
from exporter.pipeline.threads import SHARED, Threads
from exporter.ports import Container, Upload

# The size of the chunks of the storage client.
_READ_BYTES = 4 * 1024 * 1024
# The level of "balanced", and what one thread needs to be busy.
_LEVEL = 5
_GZIP_WRAPPED = 31
_BATCH_BYTES = 256 * 1024
_WAITING_MAX = 2
_SELECTIVE = '{"property":"event_type","operator":"is","values":["session_start"]}'

type Step = Callable[[Codec[Any], list[Path]], Iterable[object]]


@dataclass(frozen=True, slots=True)
class Options:
    """Options that change the cost. With ``passthrough``, blobs of any size may pass."""

    output: Output = field(default_factory=Output)
    event_filter: str | None = None
    passthrough: bool = False
    native: bool = True


OPTIONS = {
    "ours": Options(),
    "python": Options(native=False),
    "fast": Options(Output(compression=Compression.FAST)),
    "filtered": Options(event_filter=_SELECTIVE),
    "passthrough": Options(Output(timestamp_format=TimestampFormat.AMPLITUDE), passthrough=True),
}


def export(  # noqa: PLR0913  the arguments of a child process
    blobs: list[Path],
    target: Path,
    project_id: int,
    hour: str,
    *,
    options: Options,
    container: Container | None = None,
) -> int:
    """Write the hour's parts into one file or into a container; return the number of rows."""
    allow(options.native)
    destination = Destination(
        id="bench",
        name="Bench",
        storage=StorageTarget("raw"),
        credentials=Credentials(CredentialsType.CONNECTION_STRING),
        created_at=Hour.parse(hour).end,
        project_id=project_id,
        output=options.output,
        event_filter=stored_filter(options.event_filter) if options.event_filter else None,
    )
    naming = destination.naming(Stream(DataType.EVENTS, project_id))
    landed = tuple(LandingBlob(str(blob), "", blob.stat().st_size) for blob in blobs)
    with target.open("wb") as output:
        stager = Stager(
            _Files(),
            container or cast("Container", _OneFile(output)),
            destination,
            naming,
            Hour.parse(hour),
            "bench",
            1 if options.passthrough else None,
        )
        with WorkSlots().staging(0) as turn:
            return stager.stage(Slice(1, None, landed), drop_nothing, _DroppedRejects(), turn).rows.exported


def recompress(blobs: list[Path], target: Path) -> int:
    """Only decompress, and compress again with the same codec: the floor for a pipeline with one gzip thread.

    Return the number of pieces.
    """
    gzip, md5 = (
        zlib_ng.compressobj(_LEVEL, zlib_ng.DEFLATED, _GZIP_WRAPPED),
        hashlib.md5(usedforsecurity=False),
    )
    pieces, waiting = 0, deque[Future[bytes]]()

    def compressed(batch: bytes) -> bytes:
        content = gzip.compress(batch)
        md5.update(content)
        return content

    with target.open("wb") as output, ThreadPoolExecutor(1) as thread:
        for batch in _batches(_gunzipped(blobs, Threads(1))):
            pieces += len(batch)
            waiting.append(thread.submit(compressed, b"".join(batch)))
            while len(waiting) > _WAITING_MAX:
                output.write(waiting.popleft().result())
        output.writelines(each.result() for each in waiting)
        output.write(gzip.flush())
    return pieces


def _batches(pieces: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield pieces together: a hand-over to a thread waits for Python's lock."""
    batch, size = list[bytes](), 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece)
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    yield batch


def recompress_in_parallel(blobs: list[Path], target: Path) -> int:
    """Decompress and compress again with as many threads as an export has; return the number of pieces."""
    gzip = GzipWriter(Compression.BALANCED)
    with target.open("wb") as output:
        for piece in _gunzipped(blobs):
            output.writelines(gzip.add(Exported(1, piece)))
        output.writelines(gzip.finish())
    return gzip.rows


def run_until(step: str, blobs: list[Path], project_id: int, hour: str) -> int:
    """Run the steps up to one of ``STEPS`` over all rows and drop the result."""
    stream = Stream(DataType.EVENTS, project_id)
    codec = codec_of(stream, Hour.parse(hour), Output(), read=())
    deque(STEPS[step](codec, blobs), maxlen=0)
    return 0


class _Files:
    """Landing data in files."""

    def blobs(self, stream: Stream, hour: Hour) -> Iterator[LandingBlob]:
        """Say that this is not how files are found."""
        raise NotImplementedError(stream, hour)

    def blobs_of_day(self, stream: Stream, hour: Hour, *, most: int) -> list[LandingBlob]:
        """Say that this is not how files are found."""
        raise NotImplementedError(stream, hour, most)

    def read(self, blob: LandingBlob) -> Iterator[bytes]:
        """Yield the content of a file."""
        return _read(Path(blob.name))

    def reading(self, blobs: Iterable[LandingBlob]) -> Callable[[LandingBlob], Iterator[bytes]]:  # noqa: ARG002
        """Return the function that reads a file."""
        return self.read

    def sources(self) -> frozenset[Stream]:
        """Return nothing: the export does not use it."""
        return frozenset()

    def survey(self, now: datetime) -> Survey:  # noqa: ARG002  not used
        """Return an empty survey: the export does not use it."""
        return Survey((), (), truncated=False)

    def check(self) -> None:
        """Do nothing: the files exist."""

    def create(self) -> None:
        """Do nothing: the files exist."""

    def earliest_hour(self, stream: Stream) -> Hour | None:
        """Say that this is not how files are found."""
        raise NotImplementedError(stream)


class _OneFile:
    """A container that writes every blob to the same file."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._blocks = 0

    @contextmanager
    def upload(self, name: str, *, attempt: str) -> Iterator[Upload]:  # noqa: ARG002  there is one of each
        """Start a blob."""
        yield self

    def stage(self, block: bytes) -> None:
        """Write a block."""
        self._output.write(block)
        self._blocks += 1

    def arrived(self) -> int:
        """Return the number of written blocks."""
        return self._blocks

    def __getattr__(self, name: str) -> object:
        raise NotImplementedError(name)


def _gunzip(_codec: Codec[Any], blobs: list[Path]) -> Iterator[bytes]:
    return _gunzipped(blobs)


def _split(_codec: Codec[Any], blobs: list[Path]) -> Iterator[object]:
    return (line for blob in blobs for line in lines(_read(blob)))


def _decoded(codec: Codec[Any], blobs: list[Path]) -> Iterator[Sequence[object]]:
    for blob in blobs:
        for found in lines(_read(blob)):
            if isinstance(found, Lines):
                yield codec.decode_all(found).rows


def _new(codec: Codec[Any], blobs: list[Path]) -> Iterator[bytes]:
    seen = KeySet()
    return (seen.add_joined(codec.keys(rows) or b"") for rows in _decoded(codec, blobs))


def _encoded(codec: Codec[Any], blobs: list[Path]) -> Iterator[Exported]:
    landed = [LandingBlob(str(blob), "", blob.stat().st_size) for blob in blobs]
    return RowChain(codec, _DroppedRejects()).exported(landed, _Files().read)


class _DroppedRejects:
    """Compresses rejected rows as the app does, and drops the blocks."""

    def __init__(self) -> None:
        self._gzip = GzipWriter()

    def __call__(self, row: RejectedRow) -> None:
        deque(self._gzip.add(Exported(1, rejected_line(row))), maxlen=0)


STEPS: dict[str, Step] = {
    "gunzip": _gunzip,
    "lines": _split,
    "decode": _decoded,
    "duplicates": _new,
    "encode": _encoded,
}


def _gunzipped(blobs: list[Path], threads: Threads = SHARED) -> Iterator[bytes]:
    return (piece for blob in blobs for piece in plain(_read(blob), threads=threads))


def _read(blob: Path) -> Iterator[bytes]:
    with blob.open("rb") as content:
        while chunk := content.read(_READ_BYTES):
            yield chunk
