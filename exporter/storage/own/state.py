"""A container of our own for what is too large for a row of a table."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from exporter.storage.clients import Account
from exporter.storage.own.errors import create_if_missing, own_storage
from exporter.storage.sdk_errors import is_missing

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, ContainerClient

# A blob larger than this is sent in blocks of this size, one after the other.
BLOCK_BYTES = 4 * 1024 * 1024


class StateContainer:
    """The container ``export-state``; it is created with its first blob."""

    def __init__(self, account: Account, container: str = "export-state") -> None:
        self._account = account
        self._container = container

    @cached_property
    def _client(self) -> "ContainerClient":
        return self._account.blobs.get_container_client(self._container)

    def put(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write a blob, whatever was there; names are an attempt's own, so nobody else writes it."""
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
            create_if_missing(lambda: _stage(blob, 0, first), self._client.create_container)
            _stage(blob, 1, second)
            count = 2
            for block in blocks:
                _stage(blob, count, block)
                count += 1
            _commit(blob, count)

    def read(self, name: str) -> Iterator[bytes] | None:
        """Return the content in pieces, or None if there is no such blob."""
        with own_storage():
            try:
                chunks = self._client.download_blob(name, decompress=False).chunks()
            except ResourceNotFoundError:
                return None
        return _pieces(chunks)

    @contextmanager
    def upload(self, name: str) -> Iterator["StateUpload"]:
        """Begin a blob that is sent block by block."""
        yield StateUpload(self._client.get_blob_client(name), self._client)

    def names(self, folder: str) -> list[str]:
        """Return the names of the blobs of a folder."""
        with own_storage():
            try:
                return list(self._client.list_blob_names(name_starts_with=folder))
            except HttpResponseError as error:
                if not is_missing(error):
                    raise
                return []

    def delete(self, name: str) -> None:
        """Delete a blob; one that is gone already is as good."""
        with own_storage(), suppress(ResourceNotFoundError):
            self._client.delete_blob(name)


class StateUpload:
    """A blob of our own on its way, a block after the other."""

    def __init__(self, blob: "BlobClient", container: "ContainerClient") -> None:
        self._blob = blob
        self._container = container
        self._count = 0

    def stage(self, block: bytes) -> None:
        """Send a block."""
        if not block:
            return
        with own_storage():
            create_if_missing(
                lambda: _stage(self._blob, self._count, block), self._container.create_container
            )
        self._count += 1

    def commit(self) -> None:
        """Make the blocks readable, in their order."""
        with own_storage():
            create_if_missing(lambda: _commit(self._blob, self._count), self._container.create_container)


def _pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    with own_storage():
        yield from chunks


def _stage(blob: "BlobClient", number: int, block: bytes) -> None:
    blob.stage_block(f"{number:06}", block, length=len(block), validate_content=True)


def _commit(blob: "BlobClient", count: int) -> None:
    from azure.storage.blob import BlobBlock  # noqa: PLC0415  the SDK takes 0.3 s to import

    blob.commit_block_list([BlobBlock(block_id=f"{number:06}") for number in range(count)])


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces put together to blocks; at least one, if only an empty one."""
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
