"""Key indexes: stored keys of exported rows, so that late blobs and slices repeat no row.

A key index is a header that names the landing blobs, then the keys of all exported rows, 16 bytes each, in
256 partitions by a fixed hash. Indexes are compared partition by partition, so 1/256 of their keys is in
memory at a time. An index has about 1 % of the size of its rows.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress

import msgspec

from exporter.pipeline.key_set import KEY_BYTES, PARTITIONS, ApproximateKeySet, KeySet, split

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


class KeysHash:
    """Number and hash of a set of keys, which is given partition by partition, each sorted and joined.

    Equal sets have equal hashes, in every process and with or without native code.
    """

    def __init__(self) -> None:
        self.count = 0
        self._sha256 = hashlib.sha256()

    def add(self, keys: bytes) -> None:
        """Add the keys of the next partition."""
        self.count += len(keys) // KEY_BYTES
        self._sha256.update(keys)

    @property
    def sha256(self) -> str | None:
        """The hash in hexadecimal digits; None of no keys."""
        return self._sha256.hexdigest() if self.count else None


def repeated(indexes: Sequence[KeyIndex]) -> Iterator[list[bytes]]:
    """Yield, for each partition, the keys of each index that an earlier index has, too: sorted and joined."""
    for parts in zip(*(each.partitions() for each in indexes), strict=True):
        seen, found = KeySet(), []
        for keys in parts:
            found.append(_chosen(keys, seen.known_joined(keys)))
            seen.add_joined(keys)
        yield found


def shared(keys: KeySet, others: KeySet | ApproximateKeySet) -> KeysHash:
    """Return number and hash of the keys that the others hold, too, or seem to."""
    found = KeysHash()
    for piece in keys.pieces():
        found.add(_chosen(piece, others.known_joined(piece)))
    return found


def _chosen(keys: bytes, flags: bytes) -> bytes:
    return b"".join(sorted(compress(split(keys), flags))) if 1 in flags else b""
