"""The digests of an hour side by side, to compare them partition by partition, and what is found of each.

An hour has as many as slices, so each is read and written in small pieces: together they take a few MiB.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from exporter.domain.destination import MIB
from exporter.pipeline.key_index import KeyIndex
from exporter.ports import BlobStore

# Of all digests that are read together.
PIECES_BYTES = 8 * MIB
# Of one: each piece costs a call.
PIECE_BYTES_MIN = 64 * 1024
_BLOCK_BYTES = 256 * 1024


def side_by_side(state: BlobStore, names: Sequence[str | None]) -> list[KeyIndex] | None:
    """Open digests, to be read at the same time; None if one of them is gone."""
    piece_bytes = max(PIECE_BYTES_MIN, PIECES_BYTES // max(1, len(names)))
    indexes = []
    for name in names:
        size = state.size(name) if name else None
        if name is None or size is None:
            return None
        indexes.append(KeyIndex(_pieces(state, name, size, piece_bytes)))
    return indexes


def _pieces(state: BlobStore, name: str, size: int, piece_bytes: int) -> Iterator[bytes]:
    for start in range(0, size, piece_bytes):
        yield state.read_range(name, start, min(piece_bytes, size - start))


class KeyWriter:
    """Writes joined keys to a blob of ours, which is readable once it is committed."""

    def __init__(self, state: BlobStore, name: str, uploads: ExitStack) -> None:
        self._state = state
        self._name = name
        self._upload = uploads.enter_context(state.upload(name))
        self._block = bytearray()
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sent = False

    def add(self, keys: bytes) -> None:
        """Add keys."""
        self._block += keys
        if len(self._block) >= _BLOCK_BYTES:
            self._send()

    def _send(self) -> None:
        block = bytes(self._block)
        self._block.clear()
        self._md5.update(block)
        self._upload.stage(block)
        self._sent = True

    def commit(self) -> None:
        """Make the blob readable, which may be empty."""
        if not self._sent:
            self._state.put(self._name, [bytes(self._block)])
            return
        if self._block:
            self._send()
        self._upload.commit(md5=base64.b64encode(self._md5.digest()).decode())
