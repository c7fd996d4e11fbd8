"""Writes rows as gzip files, cut into blocks for staging."""

import base64
import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from isal import isal_zlib
from zlib_ng import zlib_ng

from exporter.domain.destination import MIB, Compression
from exporter.pipeline.exported import Exported
from exporter.pipeline.gunzip import GZIP_MAGIC, PIECE_BYTES_MAX
from exporter.pipeline.threads import SHARED, Threads

# A blob has at most 50,000 blocks: 195 GiB of this size, far above the largest part.
BLOCK_BYTES = 4 * MIB
# Rows are compressed in pieces of this size, each by one thread. Smaller ones compress worse and cost more to
# begin; larger ones gain nothing.
PIECE_BYTES = MIB // 2
# A file with a low limit has smaller pieces, so that it is not closed far below its limit.
_PIECES_MIN = 8
# Deflate refers to at most so many bytes before it: the dictionary of the next piece.
_WINDOW_BYTES = 32 * 1024

# Deflate, no name, no time, operating system Unix.
HEADER = GZIP_MAGIC + bytes([8, 0, 0, 0, 0, 0, 0, 3])
_RAW_DEFLATE = -15
_MEMORY_LEVEL = 8


class _Compressor(Protocol):
    """What both libraries call a compression object."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self, mode: int, /) -> bytes: ...


class _Deflated(NamedTuple):
    """A compressed piece, with the CRC-32 and the number of the bytes that it holds."""

    content: bytes
    crc: int
    plain_bytes: int


# Measured on events of 1.9 KB, against level 5 of zlib-ng: level 8 makes files 5 % smaller in twice the time
# (9 is worse in both); level 2 of isal makes them 25 % larger in a third of the time. The bytes of isal's
# level 3 depend on the processor, those of the levels used here do not: docs/decisions/0002-libraries.md.
_ZLIB_NG_LEVELS = {Compression.BALANCED: 5, Compression.SMALL: 8}
_ISAL_LEVEL = 2


def _compressor(compression: Compression, dictionary: bytes) -> _Compressor:
    if compression is Compression.FAST:
        return isal_zlib.compressobj(
            _ISAL_LEVEL,
            isal_zlib.DEFLATED,
            _RAW_DEFLATE,
            _MEMORY_LEVEL,
            isal_zlib.Z_DEFAULT_STRATEGY,
            dictionary,
        )
    return zlib_ng.compressobj(
        _ZLIB_NG_LEVELS[compression],
        zlib_ng.DEFLATED,
        _RAW_DEFLATE,
        _MEMORY_LEVEL,
        zlib_ng.Z_DEFAULT_STRATEGY,
        dictionary,
    )


def _deflated(compression: Compression, dictionary: bytes, plain: bytes, *, last: bool) -> _Deflated:
    """Compress a piece. Every piece but the last ends with a byte, so that pieces can be joined."""
    compressor = _compressor(compression, dictionary)
    content = compressor.compress(plain)
    content += compressor.flush(zlib_ng.Z_FINISH if last else zlib_ng.Z_SYNC_FLUSH)
    return _Deflated(content, zlib_ng.crc32(plain), len(plain))


def trailer(crc: int, plain_bytes: int) -> bytes:
    """Return the end of a gzip member: the CRC-32 of its content, and its length modulo 2^32 (RFC 1952)."""
    return crc.to_bytes(4, "little") + (plain_bytes % 2**32).to_bytes(4, "little")


def _deflated_bytes_max(plain_bytes: int) -> int:
    """Return how large a compressed piece can be: deflate stores what does not become smaller."""
    return plain_bytes + plain_bytes // 64 + 64


class GzipWriter:
    """Writes one gzip file (``formats.Writer``) of one member. Its header has no time.

    The bytes depend on the rows, the compression and ``bytes_max`` alone: not on the number of ``threads``,
    their speed, or how the rows were divided into calls of ``add``. Rows are cut into pieces of
    ``PIECE_BYTES``, which threads compress at the same time, each with the end of the one before as its
    dictionary. A file smaller than a piece uses no thread.

    In memory are the rows of the piece in the making, one more compressed or waiting piece than there are
    threads, and the block in the making.
    """

    def __init__(
        self,
        compression: Compression = Compression.BALANCED,
        bytes_max: int | None = None,
        threads: Threads = SHARED,
    ) -> None:
        self.rows = 0
        self.size = 0
        self._compression = compression
        self._threads = threads
        self._piece_bytes = PIECE_BYTES if bytes_max is None else min(PIECE_BYTES, bytes_max // _PIECES_MIN)
        # When a file is not full, less than a piece is not compressed yet, and a group of rows may follow.
        still_to_come = _deflated_bytes_max(self._piece_bytes + PIECE_BYTES_MAX)
        self._limit = None if bytes_max is None else bytes_max - still_to_come
        self._plain: list[bytes] = []
        self._waiting_bytes = 0
        self._dictionary = b""
        self._deflating: deque[tuple[int, Callable[[], _Deflated]]] = deque()
        self._crc = 0
        self._plain_bytes = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._block = bytearray()
        self._append(HEADER)

    @property
    def full(self) -> bool:
        """Whether the file has reached its limit: the next row belongs to the next file.

        The result does not depend on the speed of the threads: near the limit, and only there, this waits for
        their results.
        """
        if self._limit is None:
            return False
        if self.size + sum(bytes_max for bytes_max, _ in self._deflating) >= self._limit:
            self._take_results(0)
        return self.size >= self._limit

    @property
    def md5(self) -> str:
        """The base64 of the MD5 of all bytes."""
        return base64.b64encode(self._md5.digest()).decode()

    def add(self, rows: Exported) -> Iterator[bytes]:
        """Add rows; yield the blocks that became complete, which are mostly none."""
        self.rows += rows.rows
        # Of a long line, only a piece at a time is copied.
        view, start = memoryview(rows.content), 0
        while self._waiting_bytes + len(view) - start >= self._piece_bytes:
            end = start + self._piece_bytes - self._waiting_bytes
            self._deflate(self._release(view[start:end]))
            start = end
            while len(self._block) >= BLOCK_BYTES:
                yield bytes(self._block[:BLOCK_BYTES])
                del self._block[:BLOCK_BYTES]
        self._plain.append(rows.content[start:])
        self._waiting_bytes += len(view) - start

    def finish(self) -> Iterator[bytes]:
        """Yield the rest of the file in blocks. A file without rows is a valid, empty gzip file."""
        self._take_results(0)
        self._take(_deflated(self._compression, self._dictionary, self._release(), last=True))
        self._append(trailer(self._crc, self._plain_bytes))
        for start in range(0, len(self._block), BLOCK_BYTES):
            yield bytes(self._block[start : start + BLOCK_BYTES])
        self._block.clear()

    def _release(self, last: memoryview | bytes = b"") -> bytes:
        plain = b"".join([*self._plain, last])
        self._plain.clear()
        self._waiting_bytes = 0
        return plain

    def _deflate(self, plain: bytes) -> None:
        """Hand a piece to the threads, and take the results that are more than they work on."""
        result = self._threads.submit(_deflated, self._compression, self._dictionary, plain, last=False)
        self._deflating.append((_deflated_bytes_max(len(plain)), result))
        self._dictionary = plain[-_WINDOW_BYTES:]
        self._take_results(self._threads.count)

    def _take_results(self, waiting_max: int) -> None:
        """Take results of the threads, in order, until at most ``waiting_max`` pieces wait."""
        while len(self._deflating) > waiting_max:
            _, result = self._deflating.popleft()
            self._take(result())

    def _take(self, piece: _Deflated) -> None:
        self._crc = zlib_ng.crc32_combine(self._crc, piece.crc, piece.plain_bytes)
        self._plain_bytes += piece.plain_bytes
        self._append(piece.content)

    def _append(self, content: bytes) -> None:
        self._md5.update(content)
        self.size += len(content)
        self._block += content
