"""Zips as the original writes them: streamed, with gzip members whose shard numbers have gaps."""

import io
import zipfile
from collections.abc import Buffer, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from zlib_ng import zlib_ng

# gzip's framing around deflate, with a header time of 0.
_GZIP_WBITS = 31
_GZIP_LEVEL = 1
# The sink is emptied at the latest when it holds so many bytes.
CHUNK_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a zip. ``chunks`` returns its bytes anew at each call, so that no zip stays in memory."""

    name: str
    chunks: Callable[[], Iterable[bytes]]

    @classmethod
    def of_rows(cls, name: str, rows: Iterable[bytes]) -> "Member":
        """Return a gzip member with these lines, which have no newline."""
        packer = zlib_ng.compressobj(_GZIP_LEVEL, zlib_ng.DEFLATED, _GZIP_WBITS)
        content = packer.compress(b"".join(row + b"\n" for row in rows)) + packer.flush()
        return cls.of_bytes(name, content)

    @classmethod
    def of_bytes(cls, name: str, content: bytes) -> "Member":
        """Return a member with this content."""
        return cls(name, lambda: (content,))


def member_name(project_id: int, hour: datetime, shard: int) -> str:
    """Return for example ``187520/187520_2020-01-25_5#627.json.gz``; the hour has no leading zero."""
    return f"{project_id}/{project_id}_{hour:%Y-%m-%d}_{hour.hour}#{shard}.json.gz"


def zipped(members: Iterable[Member], *, compressed: bool = True) -> Iterator[bytes]:
    """Yield the bytes of a zip in chunks.

    It is written front to back: sizes and checksums follow each member, and the local header has none. With
    ``compressed``, members are deflated once more, as writers of zips do without being told otherwise.
    """
    sink = _Sink()
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(sink, "w", method, compresslevel=1) as archive:
        for member in members:
            # Dated 1980, so that the bytes are always the same.
            info = zipfile.ZipInfo(member.name)
            info.compress_type = method
            with archive.open(info, "w") as target:
                for chunk in member.chunks():
                    target.write(chunk)
                    if sink.size >= CHUNK_BYTES:
                        yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """A file that can only be written, front to back."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        """Whether it can be written: always."""
        return True

    def write(self, data: Buffer) -> int:
        """Append bytes."""
        content = bytes(data)
        self._parts.append(content)
        self.size += len(content)
        return len(content)

    def taken(self) -> bytes:
        """Return what was written since the last call."""
        content = b"".join(self._parts)
        self._parts.clear()
        self.size = 0
        return content
