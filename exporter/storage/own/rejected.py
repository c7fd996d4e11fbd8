"""Rows that were not exported as they landed, in a container of our own: blobs for each attempt."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from exporter.domain.hour import Hour
from exporter.domain.streams import StreamKey
from exporter.storage.blocks import BlockPool, Commit, StagedBlocks, commit
from exporter.storage.clients import Account
from exporter.storage.own.errors import create_if_missing, own_storage
from exporter.storage.sdk_errors import is_missing

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, ContainerClient


class RejectedUpload:
    """An attempt's rejected rows on their way."""

    def __init__(self, blob: "BlobClient", blocks: StagedBlocks, name: str) -> None:
        self._blob = blob
        self._blocks = blocks
        self._name = name

    def stage(self, block: bytes) -> None:
        """Send a block of gzip."""
        self._blocks.stage(block)

    def commit(self, *, md5: str) -> str:
        """Make the blocks readable, and return the blob's full name. No other attempt writes that name."""
        with own_storage():
            wanted = Commit(ids=self._blocks.arrived(), size=self._blocks.size, md5=md5)
            commit(self._blob, wanted, condition={})
        return self._name


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
    def upload(self, key: StreamKey, hour: Hour, name: str) -> Iterator[RejectedUpload]:
        """Begin a blob; nothing is written unless a block is staged."""
        full_name = f"{rejected_folder(key, hour)}{name}"
        blob = self._client.get_blob_client(full_name)

        def stage(block_id: str, block: bytes) -> None:
            blob.stage_block(block_id, block, length=len(block), validate_content=True)

        def send(block_id: str, block: bytes) -> None:
            with own_storage():
                create_if_missing(lambda: stage(block_id, block), self._client.create_container)

        with StagedBlocks(send, self._pool, full_name) as blocks:
            yield RejectedUpload(blob, blocks, full_name)

    def names(self, key: StreamKey, hour: Hour) -> list[str]:
        """Return the full names of the hour's blobs."""
        with own_storage():
            try:
                return list(self._client.list_blob_names(name_starts_with=rejected_folder(key, hour)))
            except HttpResponseError as error:
                if not is_missing(error):
                    raise
                return []

    def delete(self, name: str) -> None:
        """Delete a blob; one that is gone already is as good."""
        with own_storage(), suppress(ResourceNotFoundError):
            self._client.delete_blob(name)


def rejected_folder(key: StreamKey, hour: Hour) -> str:
    """Return where the rejected rows of an hour are: ``acme/events/187520/2020/01/25/17/``."""
    folder = f"{key.destination_id}/{key.stream.data_type}/{key.stream.source_id}"
    return f"{folder}/{hour.start:%Y/%m/%d/%H}/"
