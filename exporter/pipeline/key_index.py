"""Key indexes: stored keys of exported rows, so that late blobs and slices repeat no row.

A key index is a header that names the landing blobs, then the keys of all exported rows, 16 bytes each, in
256 partitions by a fixed hash. Indexes are compared partition by partition, so 1/256 of their keys is in
memory at a time. An index has about 1 % of the size of its rows.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from exporter.pipeline.key_set import KEY_BYTES, PARTITIONS, KeySet, split

_LENGTH = struct.Struct(">Q")


class Header(msgspec.Struct, forbid_unknown_fields=True):
    """The header: names of the landing blobs, the filter of their rows, and the keys of each partition."""

    v: int
    blobs: list[str]
    event_filter: str | None
    counts: list[int]


_HEADER = msgspec.json.Decoder(Header)


def encode_key_index(blobs: Iterable[str], event_filter: str | None, keys: KeySet) -> Iterator[bytes]:
    """Yield the bytes of a key index in pieces."""
    header = msgspec.json.encode(Header(1, list(blobs), event_filter, keys.counts()))
    yield _LENGTH.pack(len(header)) + header
    yield from keys.pieces()


class KeyIndex:
    """Reads a key index once, from beginning to end; ValueError if it is damaged."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = bytearray()
        (length,) = _LENGTH.unpack(self._take(_LENGTH.size))
        self.header = _HEADER.decode(self._take(length))
        if self.header.v != 1 or len(self.header.counts) != PARTITIONS:
            raise ValueError("not a key index of a known version")

    def partitions(self) -> Iterator[bytes]:
        """Yield the joined keys of each partition."""
        for count in self.header.counts:
            yield self._take(count * KEY_BYTES)

    def _take(self, size: int) -> bytes:
        while len(self._rest) < size:
            piece = next(self._pieces, None)
            if piece is None:
                raise ValueError("the key index ends too early")
            self._rest += piece
        taken = bytes(self._rest[:size])
        del self._rest[:size]
        return taken


def repeated(indexes: Sequence[KeyIndex]) -> list[bytes]:
    """Return for each index the joined keys that an earlier index has, too."""
    found = [bytearray() for _ in indexes]
    for parts in zip(*(each.partitions() for each in indexes), strict=True):
        seen: set[bytes] = set()
        for mine, keys in zip(found, map(split, parts), strict=True):
            for key in keys:
                if key in seen:
                    mine.extend(key)
                else:
                    seen.add(key)
    return [bytes(each) for each in found]
