"""The keys of more rows than fit into memory, each with its place: they are looked at one part at a time.

Rows are compared by key in two passes over this list, however many there are: it is written once, and each
part of it is read once. It is in memory while it is short, and in a blob beside the answer if it is long.
"""

import base64
import hashlib
import struct
from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from itertools import pairwise
from types import TracebackType
from typing import Self

from exporter.domain.errors import Transient
from exporter.pipeline.key_set import PARTITIONS, partition
from exporter.ports import BlobStore, BlobUpload

SUFFIX = ".keys"
# A key, and which row it is of: the number of its file, and its place in that.
_ROW = struct.Struct("<16sII")
_WHERE = struct.Struct("<II")
# Blocks of this size wait to be sent, several of them.
_BLOCK_BYTES = 1024 * 1024
_TOGETHER = 4096

type Row = tuple[bytes, int, int]
"""The key of a row, the number of its file, and its place there."""


class KeyList:
    """A list of rows by key. ``rows_max`` of them are in memory, 24 bytes each; the others are in a blob.

    Use it as a context: the blob is deleted at its end. ``Transient`` if our own storage fails.
    """

    def __init__(self, answers: BlobStore, name: str, rows_max: int) -> None:
        self._answers = answers
        self._name = name
        self._rows_max = rows_max
        self._partitions = [bytearray() for _ in range(PARTITIONS)]
        self._held = 0
        self._counts = [0] * PARTITIONS
        self._edges: list[array[int]] = []
        self._size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._opened = ExitStack()
        self._upload: BlobUpload | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)
        if self._edges and (error is None or isinstance(error, Exception)):
            with suppress(Transient):
                self._answers.delete(self._name)

    def add(self, file: int, keys: Iterable[bytes], places: Iterable[int]) -> None:
        """Add rows of a file, in their order."""
        partitions, where = self._partitions, _WHERE.pack
        for key, place in zip(keys, places, strict=False):
            partitions[partition(key)] += key + where(file, place)
            self._held += 1
        if self._held > self._rows_max:
            self._flush()

    def _flush(self) -> None:
        """Send what is in memory, partition by partition, and note where each of them begins."""
        if self._upload is None:
            self._upload = self._opened.enter_context(self._answers.upload(self._name))
        edges = array("Q", [self._size])
        for number, rows in enumerate(self._partitions):
            self._counts[number] += len(rows) // _ROW.size
            edges.append(edges[-1] + len(rows))
        content = b"".join(self._partitions)
        self._partitions = [bytearray() for _ in range(PARTITIONS)]
        self._held, self._size = 0, edges[-1]
        self._edges.append(edges)
        self._md5.update(content)
        for start in range(0, len(content), _BLOCK_BYTES):
            self._upload.stage(content[start : start + _BLOCK_BYTES])

    def parts(self) -> Iterator[Iterator[list[Row]]]:
        """Yield the rows in parts of about ``rows_max``, some rows at a time; all rows of a key are in one.

        They are in the order in which they were added. Nothing can be added any more.
        """
        if self._upload is not None:
            self._upload.commit(md5=base64.b64encode(self._md5.digest()).decode())
            self._opened.close()
        for first, end in pairwise(self._cuts()):
            yield self._rows(first, end)

    def _cuts(self) -> list[int]:
        """Return the partitions with which the parts begin, and the end of the last one."""
        cuts, rows = [0], 0
        for number, (sent, held) in enumerate(zip(self._counts, self._partitions, strict=True)):
            more = sent + len(held) // _ROW.size
            if rows and rows + more > self._rows_max:
                cuts.append(number)
                rows = 0
            rows += more
        return [*cuts, PARTITIONS]

    def _rows(self, first: int, end: int) -> Iterator[list[Row]]:
        for edges in self._edges:
            if edges[first] < edges[end]:
                length = edges[end] - edges[first]
                yield from _unpacked(self._answers.read_range(self._name, edges[first], length))
        yield from _unpacked(b"".join(self._partitions[first:end]))


def _unpacked(content: bytes) -> Iterator[list[Row]]:
    some, step = memoryview(content), _ROW.size * _TOGETHER
    for start in range(0, len(content), step):
        yield list(_ROW.iter_unpack(some[start : start + step]))
