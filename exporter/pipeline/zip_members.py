"""Reads a zip over ranges of it: its files, one after the other, checked by their sums."""

import io
import struct
import zipfile
import zlib
from collections.abc import Buffer, Callable, Iterator
from contextlib import contextmanager

ZIP_MAGIC = b"PK\x03\x04"
_END_MAGIC = b"PK\x05\x06"
_END_BYTES = 22
# The end record is followed by a comment of up to this size.
TAIL_BYTES = _END_BYTES + 65_535
# One range is in memory; files lie one behind the other, so each range is read about once.
RANGE_BYTES = 4 * 1024 * 1024
_PIECE_BYTES = 256 * 1024
ROWS_SUFFIX = ".json.gz"

type ReadRange = Callable[[int, int], bytes]
"""Returns a number of bytes from a place on; fewer at the end."""


class DamagedZipError(Exception):
    """The content is no whole zip, or a file in it is damaged. The message says what, in words."""


def ends_as_zip(tail: bytes) -> bool:
    """Whether content with this end, of ``TAIL_BYTES`` or all of it, has a zip's end record at its end."""
    place = tail.rfind(_END_MAGIC)
    if place < 0 or len(tail) - place < _END_BYTES:
        return False
    (comment,) = struct.unpack_from("<H", tail, place + _END_BYTES - 2)
    return len(tail) - place == _END_BYTES + int(comment)


class ZipMembers:
    """The files of a zip that hold rows, in the order of its directory.

    ``names`` are their names in the zip; ``ignored`` counts the other files. Folders are neither.
    """

    def __init__(self, read_range: ReadRange, size: int) -> None:
        with _telling("its directory"):
            self._zip = zipfile.ZipFile(io.BufferedReader(_Ranges(read_range, size), _PIECE_BYTES))
        files = [info for info in self._zip.infolist() if not info.is_dir()]
        self._members = [info for info in files if info.filename.endswith(ROWS_SUFFIX)]
        self.names = [info.filename for info in self._members]
        self.ignored = len(files) - len(self._members)

    def read(self, number: int) -> Iterator[bytes]:
        """Yield the content of a file by its place in ``names``; ``DamagedZipError`` if it is damaged."""
        info = self._members[number]
        with _telling(f"the file {number + 1} of {len(self._members)}"), self._zip.open(info) as member:
            while piece := member.read(_PIECE_BYTES):
                yield piece


@contextmanager
def _telling(what: str) -> Iterator[None]:
    """Translate the errors of the zip library, which are of many types; names in a zip are not repeated."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        NotImplementedError,
        UnicodeError,
        RuntimeError,
        ValueError,
    ) as error:
        raise DamagedZipError(f"{what} cannot be read ({type(error).__name__})") from error


class _Ranges(io.RawIOBase):
    """A file that can be read at any place; it keeps one range in memory."""

    def __init__(self, read_range: ReadRange, size: int) -> None:
        super().__init__()
        self._read_range = read_range
        self._size = size
        self._place = 0
        self._start = 0
        self._range = b""

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def seekable(self) -> bool:
        """Whether it can be read at any place: always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def readinto(self, buffer: Buffer) -> int:
        """Read the next bytes."""
        target = memoryview(buffer).cast("B")
        if self._place >= self._size or not target:
            return 0
        if not self._start <= self._place < self._start + len(self._range):
            self._start = self._place
            self._range = self._read_range(self._place, min(RANGE_BYTES, self._size - self._place))
        at = self._place - self._start
        piece = self._range[at : at + len(target)]
        target[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)
