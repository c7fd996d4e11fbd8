"""Small things with sensible defaults: what a test does not say, does not matter to it."""

import gzip
import itertools
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from zlib_ng import zlib_ng

from exporter.domain.data_types import DataType
from exporter.domain.destination import Credentials, CredentialsType, Destination, Output, StorageTarget
from exporter.domain.hour import Hour
from exporter.domain.row_schema import Rejection
from exporter.domain.streams import LandingBlob, Stream
from exporter.pipeline.chain import RowChain
from exporter.pipeline.gzip_writer import HEADER, trailer
from exporter.pipeline.lines import Lines, lines
from exporter.pipeline.normalize import Amended

type Record = dict[str, Any]

PROJECT = 187520
ORG = 189524
HOUR = Hour.parse("2026-01-31T13")
EVENTS = Stream(DataType.EVENTS, PROJECT)
MERGED_IDS = Stream(DataType.MERGED_IDS, ORG)


def hour(key: str) -> Hour:
    """Return the hour of that key."""
    return Hour.parse(key)


def utc(text: str) -> datetime:
    """Return a UTC moment: ``2026-01-31 13:59:59.999999``."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def uuid(number: int) -> str:
    """Return a UUID that shows its number."""
    return f"00000000-0000-4000-8000-{number:012x}"


def event(number: int = 1, /, **changes: object) -> Record:
    """Return an event of ``HOUR`` with its required fields and no other; ``number`` makes its UUID."""
    return {
        "uuid": uuid(number),
        "event_type": "purchase",
        "event_time": "2026-01-31 13:20:00.000000",
        "server_upload_time": "2026-01-31 13:20:01.000000",
    } | changes


def merge(**changes: object) -> Record:
    """Return a merged id of ``HOUR``."""
    return {
        "scope": 7,
        "merge_time": 1769866800000,
        "merge_server_time": 1769866801000,
        "amplitude_id": 9,
        "merged_amplitude_id": 8,
    } | changes


def line(row: Mapping[str, object]) -> bytes:
    """Return a row as a line of JSON, without its newline."""
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()


def event_line(number: int = 1, /, **changes: object) -> bytes:
    """Return an event as a line, without its newline."""
    return line(event(number, **changes))


def merge_line(**changes: object) -> bytes:
    """Return a merged id as a line, without its newline."""
    return line(merge(**changes))


def lines_of(*rows: bytes) -> bytes:
    """Return lines as the content of a blob."""
    return b"".join(row + b"\n" for row in rows)


@dataclass(frozen=True, slots=True)
class Landing:
    """Landing blobs by name: lists and reads them as the landing container does, in chunks of any size."""

    contents: Mapping[str, bytes]
    chunk_bytes: int = 1 << 20

    @property
    def blobs(self) -> list[LandingBlob]:
        """All blobs, in landing order."""
        return [LandingBlob(name, '"1"', len(content)) for name, content in sorted(self.contents.items())]

    def read(self, blob: LandingBlob) -> Iterator[bytes]:
        """Yield the content of a blob."""
        return chunks(self.contents[blob.name], self.chunk_bytes)


def chunks(content: bytes, size: int) -> Iterator[bytes]:
    """Yield content in chunks of that many bytes."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


def cut(content: bytes, places: Iterable[int]) -> list[bytes]:
    """Return content cut at places, which may lie anywhere and repeat."""
    edges = [0, *sorted(min(place, len(content)) for place in places), len(content)]
    return [content[start:end] for start, end in itertools.pairwise(edges)]


def gzipped(content: bytes) -> bytes:
    """Return content as one gzip member."""
    return gzip.compress(content, mtime=0)


def bomb(content: bytes, count: int) -> bytes:
    """Return the content so many times over as gzip: of a mebibyte of zeros, a kibibyte each."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece, crc = packer.compress(content) + packer.flush(zlib.Z_FULL_FLUSH), 0
    for _ in range(count):
        crc = zlib_ng.crc32_combine(crc, zlib.crc32(content), len(content))
    return HEADER + piece * count + packer.flush() + trailer(crc, count * len(content))


def destination(
    *,
    project_id: int | None = PROJECT,
    org_id: int | None = ORG,
    output: Output | None = None,
    prefix: str = "",
    activated_at: datetime | None = None,
) -> Destination:
    """Return a destination that takes events and merged ids."""
    return Destination(
        id="acme",
        name="Acme raw events",
        storage=StorageTarget("raw", "https://acme.blob.core.windows.net", prefix),
        credentials=Credentials(CredentialsType.CONNECTION_STRING, "sealed-text"),
        created_at=utc("2026-01-31 10:00"),
        project_id=project_id,
        org_id=org_id,
        output=output or Output(),
        activated_at=activated_at,
    )


def row_of[Row](found: Row | Amended[Row] | Rejection) -> Row:
    """Return the row that a line was decoded to; fails if the line is rejected."""
    assert not isinstance(found, Rejection), found
    return found.row if isinstance(found, Amended) else found


class Line(NamedTuple):
    """A line as it was read: by itself, and with what is wrong with it, if it is no line."""

    number: int
    content: bytes
    rejection: Rejection | None = None
    piece: int = 1
    cut: bool = False


def lines_of_chunks(chunks: Iterable[bytes]) -> list[Line]:
    """Return the lines of a blob, one by one."""
    found: list[Line] = []
    for each in lines(chunks):
        if isinstance(each, Lines):
            found.extend(itertools.starmap(Line, enumerate(each.contents, each.number)))
        else:
            found.append(Line(*each))
    return found


def exported_lines(chain: RowChain[Any], landing: Landing) -> list[bytes]:
    """Return the lines that are exported of an hour, one by one."""
    found = []
    for some in chain.exported(landing.blobs, landing.read):
        some_lines = some.content.splitlines(keepends=True)
        assert len(some_lines) == some.rows > 0
        found += some_lines
    return found
