"""Writes rows as gzip files, cut into blocks for staging."""

import base64
import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from isal import isal_zlib
from zlib_ng import zlib_ng

from exporter.domain.destination import MIB, Compression
from exporter.pipeline.exported import Exported

# A blob has at most 50,000 blocks: 195 GiB of this size, far above the largest part.
BLOCK_BYTES = 4 * MIB
# Lines are compressed in batches by a thread. The hand-over waits for Python's lock, so small batches would
# spend most of their time waiting.
_BATCH_BYTES = 256 * 1024
# Batches that may wait for the thread.
_WAITING_MAX = 2
# The compressor holds back up to this much output, so a part is closed this far before its limit.
_HELD_BACK_BYTES_MAX = MIB // 2
_GZIP_WRAPPED = 31


class _Compressor(Protocol):
    """What both libraries call a compression object."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


# Measured on events of 1.9 KB, against level 5 of zlib-ng: level 8 makes files 5 % smaller in twice the time
# (9 is worse in both); level 2 of isal makes them 25 % larger in a third of the time. The bytes of isal's
# level 3 depend on the processor, those of the levels used here do not: docs/decisions/0002-libraries.md.
_ZLIB_NG_LEVELS = {Compression.BALANCED: 5, Compression.SMALL: 8}
_ISAL_LEVEL = 2


def _compressor(compression: Compression) -> _Compressor:
    if compression is Compression.FAST:
        return isal_zlib.compressobj(_ISAL_LEVEL, isal_zlib.DEFLATED, _GZIP_WRAPPED)
    return zlib_ng.compressobj(_ZLIB_NG_LEVELS[compression], zlib_ng.DEFLATED, _GZIP_WRAPPED)


class GzipWriter:
    """Writes one gzip file (``formats.Writer``). Its header has no time: the same rows give the same bytes.

    A thread compresses while the next rows are encoded. A file smaller than a batch starts no thread.
    """

    def __init__(self, compression: Compression = Compression.BALANCED, bytes_max: int | None = None) -> None:
        self.rows = 0
        self.size = 0
        self._limit = None if bytes_max is None else bytes_max - _HELD_BACK_BYTES_MAX
        self._compressor = _compressor(compression)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: deque[tuple[int, Future[bytes]]] = deque()
        self._block = bytearray()

    @property
    def full(self) -> bool:
        """Whether the file has reached its limit: the next row belongs to the next file.

        The result does not depend on the speed of the thread: near the limit, and only there, this waits for
        its results.
        """
        if self._limit is None:
            return False
        if self.size + sum(size for size, _ in self._waiting) >= self._limit:
            self._take_results(0)
        return self.size >= self._limit

    @property
    def md5(self) -> str:
        """The base64 of the MD5 of all bytes."""
        return base64.b64encode(self._md5.digest()).decode()

    def add(self, rows: Exported) -> Iterator[bytes]:
        """Add rows; yield the blocks that became complete, which are mostly none."""
        self.rows += rows.rows
        self._batch.append(rows.content)
        self._batch_bytes += len(rows.content)
        if self._batch_bytes >= _BATCH_BYTES:
            self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="gzip")
            size, batch = self._batch_bytes, self._release()
            self._waiting.append((size, self._thread.submit(self._compressed, batch)))
            self._take_results(_WAITING_MAX)
            while len(self._block) >= BLOCK_BYTES:
                yield bytes(self._block[:BLOCK_BYTES])
                del self._block[:BLOCK_BYTES]

    def finish(self) -> Iterator[bytes]:
        """Yield the rest of the file in blocks. A file without rows is a valid, empty gzip file."""
        self._take_results(0)
        self._take(self._compressed(self._release(), last=True))
        if self._thread:
            self._thread.shutdown()
        for start in range(0, len(self._block), BLOCK_BYTES):
            yield bytes(self._block[start : start + BLOCK_BYTES])
        self._block.clear()

    def _release(self) -> bytes:
        batch = b"".join(self._batch)
        self._batch.clear()
        self._batch_bytes = 0
        return batch

    def _compressed(self, batch: bytes, *, last: bool = False) -> bytes:
        compressed = self._compressor.compress(batch)
        if last:
            compressed += self._compressor.flush()
        self._md5.update(compressed)
        return compressed

    def _take_results(self, waiting_max: int) -> None:
        """Take results of the thread until at most ``waiting_max`` batches wait."""
        while len(self._waiting) > waiting_max:
            _, result = self._waiting.popleft()
            self._take(result.result())

    def _take(self, compressed: bytes) -> None:
        self.size += len(compressed)
        self._block += compressed
