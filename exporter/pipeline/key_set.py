"""Sets of row keys, small enough for hours with millions of events: an exact one, and an approximate one.

The classes ``PythonKeys`` and ``PythonHashes`` are the definition. Native code (native/keys.c) does the same
in a quarter of the time; ``KeySet`` and ``ApproximateKeySet`` use it where it was built.
"""

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import batched

from exporter.pipeline.native.keys import NativeKeys
from exporter.pipeline.native.scanner import library

KEY_BYTES = 16
# The partition of a key is the same in every process, so sets can be compared partition by partition.
PARTITIONS = 256
# Ten million keys give buckets of 150 keys, 2.4 KB: searching one takes less than a microsecond.
BUCKETS_A_PARTITION = 256
# A million hashes give buckets of 60 hashes, 0.4 KB, and all buckets together take 3 MB besides.
HASH_BUCKETS_A_PARTITION = 64
# Of the hash of a key, in an approximate set: 56 bits with the partition. If a million keys are looked for
# in a set of 1.5 million others, one of them is found by chance once in 48,000 times.
HASH_BYTES = 6

# Up to this many keys stay in a built-in set: 26 MB, and a fifth of the time of buckets.
FEW = 256 * 1024
_TOGETHER = 4096


class KeySet:
    """A set of 16-byte keys that takes about 25 bytes a key; a built-in set takes 97.

    The set is exact: a key is new if and only if it was never added. ``MemoryError`` if there is no memory.
    """

    def __init__(self, keys: Iterable[bytes] = ()) -> None:
        native = library()
        self._keys = PythonKeys() if native is None else NativeKeys(native)
        for some in batched(keys, _TOGETHER, strict=False):
            self.add_joined(b"".join(some))

    def add(self, key: bytes) -> bool:
        """Add a key of 16 bytes; return whether it is new."""
        return bool(self._keys.add(key)[0])

    def add_all(self, keys: list[bytes]) -> list[bool]:
        """Add keys in their order; return for each whether it is new."""
        return _booleans(self._keys.add(b"".join(keys)))

    def add_joined(self, keys: bytes) -> bytes:
        """Add joined keys in their order; return a byte for each: 1 if it is new, else 0."""
        return self._keys.add(keys)

    def known(self, keys: list[bytes]) -> list[bool]:
        """Return for each key whether it was added."""
        return _booleans(self._keys.find(b"".join(keys)))

    def known_joined(self, keys: bytes) -> bytes:
        """Return for each joined key a byte: 1 if it was added, else 0."""
        return self._keys.find(keys)

    def __contains__(self, key: bytes) -> bool:
        return bool(self._keys.find(key)[0])

    def counts(self) -> list[int]:
        """Return how many keys each partition holds."""
        return self._keys.counts()

    def pieces(self) -> Iterator[bytes]:
        """Yield the joined keys of each partition, in no order."""
        return self._keys.pieces()


class ApproximateKeySet:
    """A set that holds every key that was added and, by chance, some others: about 10 bytes a key.

    Which others these are differs from process to process.
    """

    def __init__(self, hash_bytes: int = HASH_BYTES) -> None:
        native = library()
        self._keys = PythonHashes(hash_bytes) if native is None else NativeKeys(native, hash_bytes)

    def add_joined(self, keys: bytes) -> None:
        """Add joined keys."""
        self._keys.add(keys)

    def known(self, keys: list[bytes]) -> list[bool]:
        """Return for each key whether it was added, or seems to be."""
        return _booleans(self._keys.find(b"".join(keys)))

    def known_joined(self, keys: bytes) -> bytes:
        """Return for each joined key a byte: 1 if it was added, or seems to be, else 0."""
        return self._keys.find(keys)


class PythonKeys:
    """An exact set of keys: what ``KeySet`` is without native code. Keys are given and returned joined.

    A bucket is its keys joined. Up to ``few_max`` keys are in a built-in set instead.
    """

    def __init__(self, *, few_max: int = FEW) -> None:
        self._few: set[bytes] = set()
        self._few_max = few_max
        self._buckets: defaultdict[int, bytearray] = defaultdict(bytearray)

    def add(self, keys: bytes) -> bytes:
        """Add keys in their order; return a byte for each: 1 if it is new, else 0."""
        few, each = self._few, list(split(keys))
        if self._buckets or len(few) + len(each) > self._few_max:
            self._into_buckets()
            return bytes(map(self._add, each))
        if len(set(each)) == len(each) and few.isdisjoint(each):
            few.update(each)
            return b"\1" * len(each)
        new = bytearray()
        for key in each:
            new.append(key not in few)
            few.add(key)
        return bytes(new)

    def _into_buckets(self) -> None:
        while self._few:
            self._add(self._few.pop())

    def _add(self, key: bytes) -> bool:
        # Python's hash is keyed at random in each process, so no input can be crafted to fill one bucket of a
        # partition. Input can be crafted to fill one partition, which is about twenty times slower.
        bucket = self._buckets[_bucket(key)]
        if _holds(bucket, key):
            return False
        bucket += key
        return True

    def find(self, keys: bytes) -> bytes:
        """Return a byte for each key: 1 if it was added, else 0."""
        if not self._buckets:
            return bytes(key in self._few for key in split(keys))
        bucket_of = self._buckets.get
        # Most keys are absent, which the first, cheap test finds.
        return bytes(
            key in (bucket := bucket_of(_bucket(key), b"")) and _holds(bucket, key) for key in split(keys)
        )

    def counts(self) -> list[int]:
        """Return how many keys each partition holds."""
        self._into_buckets()
        counts = [0] * PARTITIONS
        for number, bucket in self._buckets.items():
            counts[number // BUCKETS_A_PARTITION] += len(bucket) // KEY_BYTES
        return counts

    def pieces(self) -> Iterator[bytes]:
        """Yield the joined keys of each partition."""
        self._into_buckets()
        for first in range(0, PARTITIONS * BUCKETS_A_PARTITION, BUCKETS_A_PARTITION):
            buckets = map(self._buckets.get, range(first, first + BUCKETS_A_PARTITION))
            yield b"".join(filter(None, buckets))


class PythonHashes:
    """An approximate set of keys: what ``ApproximateKeySet`` is without native code.

    A bucket is joined hashes of keys, of ``hash_bytes`` (1 to 6) each.
    """

    def __init__(self, hash_bytes: int) -> None:
        self._bytes = hash_bytes
        self._buckets: defaultdict[int, bytearray] = defaultdict(bytearray)

    def add(self, keys: bytes) -> bytes:
        """Add keys in their order; return a byte for each: 1 if its hash is new, else 0."""
        new = bytearray()
        for number, short in self._hashes(keys):
            bucket = self._buckets[number]
            new.append(not _holds(bucket, short))
            if new[-1]:
                bucket += short
        return bytes(new)

    def find(self, keys: bytes) -> bytes:
        """Return a byte for each key: 1 if its hash was added, else 0."""
        bucket_of = self._buckets.get
        return bytes(_holds(bucket_of(number, b""), short) for number, short in self._hashes(keys))

    def _hashes(self, keys: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield for each key the number of its bucket, and what the bucket holds of it."""
        size = self._bytes
        for key in split(keys):
            hashed = hash(key).to_bytes(8, signed=True)
            yield (
                partition(key) * HASH_BUCKETS_A_PARTITION + hashed[-1] % HASH_BUCKETS_A_PARTITION,
                hashed[:size],
            )


def _booleans(flags: bytes) -> list[bool]:
    return list(map(bool, flags))


def _bucket(key: bytes) -> int:
    return partition(key) * BUCKETS_A_PARTITION + hash(key) % BUCKETS_A_PARTITION


def _holds(bucket: bytes | bytearray, key: bytes) -> bool:
    place = bucket.find(key)
    while place % len(key) and place > 0:  # a match across the border of two keys is not a key
        place = bucket.find(key, place + 1)
    return place >= 0


def partition(key: bytes) -> int:
    """Return which partition a key belongs to."""
    return zlib.crc32(key) % PARTITIONS


def split(keys: bytes) -> Iterator[bytes]:
    """Yield the single keys of joined ones."""
    for start in range(0, len(keys), KEY_BYTES):
        yield keys[start : start + KEY_BYTES]
