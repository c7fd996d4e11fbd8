"""From lines to gzip blocks: one gzip stream for each file, cut into blocks for staging."""

import base64
import hashlib
from collections.abc import Iterator

from zlib_ng import zlib_ng

from exporter.domain.destination import MIB, Compression

# Blocks of a blob are staged one by one; 50,000 of them make 195 GiB, far above the largest part.
BLOCK_BYTES = 4 * MIB
# Lines are compressed in batches: a call for each would cost more than it does.
_BATCH_BYTES = 64 * 1024
# The compressor holds back up to this much output; a part is closed so much before its limit.
_HELD_BACK_BYTES_MAX = MIB // 2
_GZIP_WRAPPED = 31

# Measured on 2.2 KB events, against zlib's level 6: 5 gives its size at three times its speed; 2 is twice as
# fast as 5 for a fifth more bytes; 9 saves 4 % for a third of the speed.
LEVELS = {Compression.BALANCED: 5, Compression.FAST: 2, Compression.SMALL: 9}


class GzipBlocks:
    """One gzip file in the making. Its header holds no time: the same lines give the same bytes.

    ``rows`` counts its lines, ``size`` its bytes; ``md5`` is the base64 of its MD5 once it is finished.
    """

    def __init__(self, compression: Compression = Compression.BALANCED, bytes_max: int | None = None) -> None:
        self.rows = 0
        self.size = 0
        self._limit = None if bytes_max is None else bytes_max - _HELD_BACK_BYTES_MAX
        self._compressor = zlib_ng.compressobj(LEVELS[compression], zlib_ng.DEFLATED, _GZIP_WRAPPED)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._block = bytearray()

    @property
    def full(self) -> bool:
        """Whether the file has reached its limit, so that the next line belongs into the next one."""
        return self._limit is not None and self.size >= self._limit

    @property
    def md5(self) -> str:
        """The base64 of the MD5 of all bytes so far, as the storage service wants it."""
        return base64.b64encode(self._md5.digest()).decode()

    def add(self, line: bytes) -> Iterator[bytes]:
        """Take a line, and yield the blocks that became complete: mostly none."""
        self.rows += 1
        self._batch.append(line)
        self._batch_bytes += len(line)
        if self._batch_bytes >= _BATCH_BYTES:
            self._take(self._compressor.compress(self._release()))
            while len(self._block) >= BLOCK_BYTES:
                yield bytes(self._block[:BLOCK_BYTES])
                del self._block[:BLOCK_BYTES]

    def finish(self) -> Iterator[bytes]:
        """Yield what remains, in blocks. A file without any line is a valid, empty gzip file."""
        self._take(self._compressor.compress(self._release()) + self._compressor.flush())
        for start in range(0, len(self._block), BLOCK_BYTES):
            yield bytes(self._block[start : start + BLOCK_BYTES])
        self._block.clear()

    def _release(self) -> bytes:
        batch = b"".join(self._batch)
        self._batch.clear()
        self._batch_bytes = 0
        return batch

    def _take(self, compressed: bytes) -> None:
        self._md5.update(compressed)
        self.size += len(compressed)
        self._block += compressed


def md5_base64(body: bytes) -> str:
    """Return the MD5 of some bytes, in base64, as the storage service wants it."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
