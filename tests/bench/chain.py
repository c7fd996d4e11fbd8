"""The pipeline from files to a file: whole, cut off after each of its steps, and reduced to its codecs."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from exporter.domain.destination import Compression, Output
from exporter.domain.hours import Hour
from exporter.domain.records import RejectedRow
from exporter.domain.streams import LandingBlob
from exporter.pipeline.events import Event, EventCodec
from exporter.pipeline.gunzip import plain
from exporter.pipeline.lines import Lines, lines
from exporter.pipeline.pack import Exported, GzipBlocks
from exporter.pipeline.rows import RowChain, rejected_line
from exporter.pipeline.seen import SeenKeys

# As the storage client hands them over.
_READ_BYTES = 4 * 1024 * 1024

type Step = Callable[[EventCodec, list[Path]], Iterable[object]]


def export(blobs: list[Path], target: Path, project_id: int, hour: str) -> int:
    """Write the hour's rows into one gzip file, and return how many there are."""
    rows = _encoded(_codec(project_id, hour), blobs)
    return _packed(rows, target)


def recompress(blobs: list[Path], target: Path) -> int:
    """Do nothing but decompress and compress again, with the same codec: the floor for any pipeline."""
    return _packed((Exported(1, piece) for piece in _gunzipped(blobs)), target)


def run_until(step: str, blobs: list[Path], project_id: int, hour: str) -> int:
    """Run the steps up to one of ``STEPS`` over all rows, and throw away what comes out."""
    deque(STEPS[step](_codec(project_id, hour), blobs), maxlen=0)
    return 0


def _codec(project_id: int, hour: str) -> EventCodec:
    return EventCodec(project_id, Hour.parse(hour), Output())


def _gunzip(_codec: EventCodec, blobs: list[Path]) -> Iterator[bytes]:
    return _gunzipped(blobs)


def _split(_codec: EventCodec, blobs: list[Path]) -> Iterator[object]:
    return (line for blob in blobs for line in lines(_read(blob)))


def _decoded(codec: EventCodec, blobs: list[Path]) -> Iterator[list[Event]]:
    for blob in blobs:
        for found in lines(_read(blob)):
            if isinstance(found, Lines):
                yield codec.decode_all(found.contents).rows


def _new(codec: EventCodec, blobs: list[Path]) -> Iterator[list[bool]]:
    seen = SeenKeys()
    return (seen.add_all(codec.keys(rows)) for rows in _decoded(codec, blobs))


def _encoded(codec: EventCodec, blobs: list[Path]) -> Iterator[Exported]:
    landed = [LandingBlob(str(blob), "", blob.stat().st_size) for blob in blobs]
    return RowChain(codec, _KeptAside()).exported(landed, lambda blob: _read(Path(blob.name)))


class _KeptAside:
    """Packs rejected rows as the app does, and throws the blocks away."""

    def __init__(self) -> None:
        self._gzip = GzipBlocks()

    def __call__(self, row: RejectedRow) -> None:
        deque(self._gzip.add(rejected_line(row)), maxlen=0)


STEPS: dict[str, Step] = {
    "gunzip": _gunzip,
    "lines": _split,
    "decode": _decoded,
    "duplicates": _new,
    "encode": _encoded,
}


def _gunzipped(blobs: list[Path]) -> Iterator[bytes]:
    return (piece for blob in blobs for piece in plain(_read(blob)))


def _read(blob: Path) -> Iterator[bytes]:
    with blob.open("rb") as content:
        while chunk := content.read(_READ_BYTES):
            yield chunk


def _packed(rows: Iterable[Exported], target: Path) -> int:
    gzip = GzipBlocks(Compression.BALANCED)
    with target.open("wb") as output:
        for some in rows:
            output.writelines(gzip.add(some.content, some.rows))
        output.writelines(gzip.finish())
    return gzip.rows
