"""Containers of our own for values that are too large for a row of a table."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from exporter.domain.errors import Transient
from exporter.storage.blocks import BlockPool, Commit, StagedBlocks, commit, properties
from exporter.storage.clients import Account
from exporter.storage.own.errors import create_if_missing, own_storage
from exporter.storage.sdk_errors import is_missing

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, ContainerClient

REJECTED = "rejected"
STATE = "export-state"
PULLED = "pulled"
# ``put`` sends a larger blob in blocks of this size, one after the other.
BLOCK_BYTES = 4 * 1024 * 1024


class BlobUpload:
    """A blob that is sent block by block."""

    def __init__(self, blob: "BlobClient", blocks: StagedBlocks, create: Callable[[], object]) -> None:
        self._blob = blob
        self._blocks = blocks
        self._create = create

    def stage(self, block: bytes) -> None:
        """Send a block."""
        self._blocks.stage(block)

    def commit(self, *, md5: str) -> None:
        """Make the blocks the blob's content. No condition: no other attempt writes this name."""
        with own_storage():
            wanted = Commit(ids=self._blocks.arrived(), size=self._blocks.size, md5=md5)
            create_if_missing(lambda: commit(self._blob, wanted, condition={}), self._create)


class BlobContainer:
    """One container of our own; its first blob creates it."""

    def __init__(self, account: Account, pool: BlockPool, name: str) -> None:
        self._account = account
        self._pool = pool
        self._name = name

    @cached_property
    def _client(self) -> "ContainerClient":
        return self._account.blobs.get_container_client(self._name)

    def put(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write a blob, whatever is stored; readers see all of it or nothing."""
        blob = self._client.get_blob_client(name)
        blocks = _blocks(pieces)
        first = next(blocks)
        second = next(blocks, None)
        with own_storage():
            if second is None:
                create_if_missing(
                    lambda: blob.upload_blob(first, overwrite=True), self._client.create_container
                )
                return
            create_if_missing(lambda: _stage(blob, _id(0), first), self._client.create_container)
            _stage(blob, _id(1), second)
            count = 2
            for block in blocks:
                _stage(blob, _id(count), block)
                count += 1
            _commit(blob, count)

    @contextmanager
    def upload(self, name: str) -> Iterator[BlobUpload]:
        """Begin a blob that is sent block by block; nothing is written unless a block is staged."""
        blob = self._client.get_blob_client(name)

        def send(block_id: str, block: bytes) -> None:
            with own_storage():
                create_if_missing(lambda: _stage(blob, block_id, block), self._client.create_container)

        with StagedBlocks(send, self._pool, name) as blocks:
            yield BlobUpload(blob, blocks, self._client.create_container)

    def read(self, name: str) -> Iterator[bytes] | None:
        """Return the content in pieces, or None if there is no such blob."""
        with own_storage():
            try:
                chunks = self._client.download_blob(name, decompress=False).chunks()
            except ResourceNotFoundError:
                return None
        return _pieces(chunks)

    def size(self, name: str) -> int | None:
        """Return the size of a blob in bytes, or None if there is no such blob."""
        with own_storage():
            try:
                found = properties(self._client.get_blob_client(name))
            except HttpResponseError as error:
                if not is_missing(error):
                    raise
                return None
        return None if found is None else found.size

    def read_range(self, name: str, start: int, length: int) -> bytes:
        """Return ``length`` bytes from ``start`` on, fewer at the end of the blob."""
        with own_storage():
            try:
                found = self._client.download_blob(name, offset=start, length=length, decompress=False)
                return bytes(found.readall())
            except ResourceNotFoundError as error:
                raise Transient(f"the blob {name} of our own storage was deleted") from error

    def names(self, folder: str) -> list[str]:
        """Return the names of the blobs of a folder, in order."""
        with own_storage():
            try:
                return list(self._client.list_blob_names(name_starts_with=folder))
            except HttpResponseError as error:
                if not is_missing(error):
                    raise
                return []

    def delete(self, name: str) -> None:
        """Delete a blob; a missing one is no error."""
        with own_storage(), suppress(ResourceNotFoundError):
            self._client.delete_blob(name)


def _pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    with own_storage():
        yield from chunks


def _id(number: int) -> str:
    return f"{number:06}"


def _stage(blob: "BlobClient", block_id: str, block: bytes) -> None:
    blob.stage_block(block_id, block, length=len(block), validate_content=True)


def _commit(blob: "BlobClient", count: int) -> None:
    from azure.storage.blob import BlobBlock  # noqa: PLC0415  the SDK takes 0.3 s to import

    blob.commit_block_list([BlobBlock(block_id=_id(number)) for number in range(count)])


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces joined to blocks; at least one, which may be empty."""
    block = bytearray()
    yielded = False
    for piece in pieces:
        block += piece
        while len(block) >= BLOCK_BYTES:
            yield bytes(block[:BLOCK_BYTES])
            yielded = True
            del block[:BLOCK_BYTES]
    if block or not yielded:
        yield bytes(block)
