"""Rows that were not exported, kept in a container of our own: one blob for each hour of a stream."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from azure.core.exceptions import ResourceNotFoundError

from exporter.domain.hours import Hour
from exporter.domain.streams import StreamKey
from exporter.storage.accounts import Account
from exporter.storage.blocks import BlockPool, StagedBlocks, commit
from exporter.storage.errors import or_create, own_storage

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, ContainerClient


class RejectedUpload:
    """An hour's rejected rows on their way."""

    def __init__(self, blob: "BlobClient", blocks: StagedBlocks) -> None:
        self._blob = blob
        self._blocks = blocks

    def stage(self, block: bytes) -> None:
        """Send a block of gzip."""
        self._blocks.stage(block)

    def commit(self, *, md5: str) -> None:
        """Replace what an earlier attempt left, whatever it is: the last attempt wins."""
        with own_storage():
            commit(self._blob, self._blocks, md5, condition={})


class RejectedContainer:
    """The container ``rejected``; it is created with its first blob."""

    def __init__(self, account: Account, pool: BlockPool, container: str = "rejected") -> None:
        self._account = account
        self._pool = pool
        self._container = container

    @cached_property
    def _client(self) -> "ContainerClient":
        return self._account.blobs.get_container_client(self._container)

    @contextmanager
    def upload(self, key: StreamKey, hour: Hour, *, attempt: str) -> Iterator[RejectedUpload]:
        """Begin the hour's blob; nothing is written unless a block is staged."""
        blob = self._client.get_blob_client(rejected_name(key, hour))

        def stage(block_id: str, block: bytes) -> None:
            blob.stage_block(block_id, block, length=len(block), validate_content=True)

        def send(block_id: str, block: bytes) -> None:
            with own_storage():
                or_create(lambda: stage(block_id, block), self._client.create_container)

        with StagedBlocks(send, self._pool, attempt) as blocks:
            yield RejectedUpload(blob, blocks)

    def discard(self, key: StreamKey, hour: Hour) -> None:
        """Delete the hour's blob, if there is one."""
        with own_storage():
            try:
                self._client.delete_blob(rejected_name(key, hour))
            except ResourceNotFoundError:
                return


def rejected_name(key: StreamKey, hour: Hour) -> str:
    """Return ``acme/events/187520/2020/01/25/17.ndjson.gz``."""
    folder = f"{key.destination_id}/{key.stream.data_type}/{key.stream.source_id}"
    return f"{folder}/{hour.start:%Y/%m/%d/%H}.ndjson.gz"
