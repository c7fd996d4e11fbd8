"""Rows that were not exported, kept in a container of our own: a blob for each slice of an hour."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from exporter.domain.hours import Hour
from exporter.domain.streams import StreamKey
from exporter.storage.accounts import Account
from exporter.storage.blocks import BlockPool, Commit, StagedBlocks, commit
from exporter.storage.errors import is_missing, or_create, own_storage

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
            wanted = Commit(ids=self._blocks.arrived(), size=self._blocks.size, md5=md5)
            commit(self._blob, wanted, condition={})


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
    def upload(self, key: StreamKey, hour: Hour, *, number: int, attempt: str) -> Iterator[RejectedUpload]:
        """Begin a blob; nothing is written unless a block is staged."""
        blob = self._client.get_blob_client(rejected_name(key, hour, number))

        def stage(block_id: str, block: bytes) -> None:
            blob.stage_block(block_id, block, length=len(block), validate_content=True)

        def send(block_id: str, block: bytes) -> None:
            with own_storage():
                or_create(lambda: stage(block_id, block), self._client.create_container)

        with StagedBlocks(send, self._pool, attempt) as blocks:
            yield RejectedUpload(blob, blocks)

    def keep(self, key: StreamKey, hour: Hour, numbers: Collection[int]) -> None:
        """Delete the hour's other blobs."""
        kept = {rejected_name(key, hour, number) for number in numbers}
        with own_storage():
            try:
                # Nothing else begins so: what follows the hour is a dot, or a hyphen and a number.
                names = list(self._client.list_blob_names(name_starts_with=_beginning(key, hour)))
            except HttpResponseError as error:
                if not is_missing(error):
                    raise
                return
            for name in names:
                if name not in kept:
                    self._delete(name)

    def _delete(self, name: str) -> None:
        try:
            self._client.delete_blob(name)
        except ResourceNotFoundError:
            return


def rejected_name(key: StreamKey, hour: Hour, number: int = 1) -> str:
    """Return ``acme/events/187520/2020/01/25/17.ndjson.gz``, and ``17-2.ndjson.gz`` of a slice further on."""
    further = "" if number == 1 else f"-{number}"
    return f"{_beginning(key, hour)}{further}.ndjson.gz"


def _beginning(key: StreamKey, hour: Hour) -> str:
    folder = f"{key.destination_id}/{key.stream.data_type}/{key.stream.source_id}"
    return f"{folder}/{hour.start:%Y/%m/%d/%H}"
