"""Digests: which rows of which landing blobs are exported, kept so that late blobs and slices repeat none.

A digest is a header, which names the landing blobs, and then the keys of all exported rows, 16 bytes each,
in 256 partitions by a fixed hash. Two digests are compared partition by partition, so that of sets of any
size only a two-hundred-and-fifty-sixth is in memory. It takes 16 bytes a row, about a hundredth of the row.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from exporter.pipeline.key_set import KEY_BYTES, PARTITIONS, KeySet, split

_LENGTH = struct.Struct(">Q")


class Header(msgspec.Struct, forbid_unknown_fields=True):
    """What a digest says before its keys: the landing blobs, and the filter that their rows went through."""

    v: int
    blobs: list[str]
    event_filter: str | None
    counts: list[int]


_HEADER = msgspec.json.Decoder(Header)


def digest(blobs: Iterable[str], event_filter: str | None, keys: KeySet) -> Iterator[bytes]:
    """Yield a digest in pieces."""
    header = msgspec.json.encode(Header(1, list(blobs), event_filter, keys.counts()))
    yield _LENGTH.pack(len(header)) + header
    yield from keys.pieces()


class KeyIndex:
    """A digest being read, from the beginning to the end, once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = bytearray()
        (length,) = _LENGTH.unpack(self._take(_LENGTH.size))
        self.header = _HEADER.decode(self._take(length))
        if self.header.v != 1 or len(self.header.counts) != PARTITIONS:
            raise ValueError("not a digest of a form that is known here")

    def partitions(self) -> Iterator[bytes]:
        """Yield the keys of each partition, end to end."""
        for count in self.header.counts:
            yield self._take(count * KEY_BYTES)

    def _take(self, size: int) -> bytes:
        while len(self._rest) < size:
            piece = next(self._pieces, None)
            if piece is None:
                raise ValueError("a digest ends too early")
            self._rest += piece
        taken = bytes(self._rest[:size])
        del self._rest[:size]
        return taken


def repeated(digests: Sequence[KeyIndex]) -> list[bytes]:
    """Return for each digest, end to end, its keys that an earlier one has."""
    found = [bytearray() for _ in digests]
    for parts in zip(*(each.partitions() for each in digests), strict=True):
        seen: set[bytes] = set()
        for mine, keys in zip(found, map(split, parts), strict=True):
            for key in keys:
                if key in seen:
                    mine.extend(key)
                else:
                    seen.add(key)
    return [bytes(each) for each in found]
