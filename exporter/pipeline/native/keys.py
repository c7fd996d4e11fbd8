"""Calls the native sets of row keys (keys.c)."""

import ctypes
import weakref
from collections.abc import Iterator
from ctypes import c_char_p, c_int64, c_uint8, c_uint32, c_uint64, c_void_p
from functools import cache

_KEY_BYTES = 16
_PARTITIONS = 256
# Keys of one call at most: the result needs a byte for each.
_TOGETHER = 64 * 1024


@cache
def _declared(native: ctypes.CDLL) -> ctypes.CDLL:
    """Declare the functions of keys.c, and return their library."""
    native.keys_new.argtypes, native.keys_new.restype = (c_uint64, c_uint64, c_uint32), c_void_p
    native.keys_free.argtypes, native.keys_free.restype = (c_void_p,), None
    for each in (native.keys_add, native.keys_find):
        each.argtypes, each.restype = (c_void_p, c_char_p, c_uint32, c_void_p), c_int64
    native.keys_count.argtypes, native.keys_count.restype = (c_void_p, c_uint8), c_uint64
    native.keys_take.argtypes, native.keys_take.restype = (c_void_p, c_uint8, c_void_p), None
    return native


class NativeKeys:
    """A set of 16-byte keys, which are given and returned joined. It is used by one thread at a time.

    It is exact, or stores ``hash_bytes`` (1 to 8) of a hash of each key: then it holds every key that was
    added and, by chance, some others. ``MemoryError`` if there is no memory for it.
    """

    def __init__(self, native: ctypes.CDLL, hash_bytes: int | None = None) -> None:
        self._native = _declared(native)
        # Python's hash is keyed at random in each process, and so are these two numbers.
        secrets = (hash(b"the first secret of a set of keys"), hash(b"the second secret of a set of keys"))
        self._set = self._native.keys_new(*secrets, _KEY_BYTES if hash_bytes is None else hash_bytes)
        if not self._set:
            raise MemoryError
        weakref.finalize(self, self._native.keys_free, self._set)
        self._flags = ctypes.create_string_buffer(0)

    def add(self, keys: bytes) -> bytes:
        """Add keys in their order; return a byte for each: 1 if it is new, else 0."""
        return b"".join(self._add(some) for some in _pieces(keys))

    def find(self, keys: bytes) -> bytes:
        """Return a byte for each key: 1 if it was added, else 0."""
        return b"".join(self._find(some) for some in _pieces(keys))

    def _add(self, keys: bytes) -> bytes:
        count = len(keys) // _KEY_BYTES
        flags = self._room(count)
        if self._native.keys_add(self._set, keys, count, flags) < 0:
            raise MemoryError
        return ctypes.string_at(flags, count)

    def _find(self, keys: bytes) -> bytes:
        count = len(keys) // _KEY_BYTES
        flags = self._room(count)
        self._native.keys_find(self._set, keys, count, flags)
        return ctypes.string_at(flags, count)

    def _room(self, count: int) -> "ctypes.Array[ctypes.c_char]":
        if len(self._flags) < count:
            self._flags = ctypes.create_string_buffer(count)
        return self._flags

    def counts(self) -> list[int]:
        """Return how many keys each partition holds."""
        return [self._native.keys_count(self._set, number) for number in range(_PARTITIONS)]

    def pieces(self) -> Iterator[bytes]:
        """Yield the joined keys of each partition of an exact set."""
        for number in range(_PARTITIONS):
            size = self._native.keys_count(self._set, number) * _KEY_BYTES
            out = ctypes.create_string_buffer(size)
            self._native.keys_take(self._set, number, out)
            yield ctypes.string_at(out, size)


def _pieces(keys: bytes) -> Iterator[bytes]:
    """Yield the keys, so many at a time; keys that are fewer are not copied."""
    size = _TOGETHER * _KEY_BYTES
    if len(keys) <= size:
        yield keys
        return
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
