"""The puller's side of the landing container: it creates blobs, and never replaces one."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from azure.core.exceptions import HttpResponseError

from exporter.domain.errors import LandingMissing
from exporter.storage.blocks import BlockPool, Commit, StagedBlocks, commit, only_if
from exporter.storage.clients import Account
from exporter.storage.own.errors import own_storage
from exporter.storage.sdk_errors import is_missing

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, ContainerClient


class LandingUpload:
    """A new blob of landing that is sent block by block."""

    def __init__(self, blob: "BlobClient", blocks: StagedBlocks) -> None:
        self._blob = blob
        self._blocks = blocks

    def stage(self, block: bytes) -> None:
        """Send a block."""
        self._blocks.stage(block)

    def create(self, *, md5: str) -> None:
        """Make the blocks a new blob; ``Conflict`` if a blob of that name has another content."""
        with _landing(self._blob.container_name):
            wanted = Commit(ids=self._blocks.arrived(), size=self._blocks.size, md5=md5)
            commit(self._blob, wanted, only_if(None))


class LandingWriter:
    """Puts blobs into landing; if the container does not exist, ``LandingMissing`` is raised."""

    def __init__(self, account: Account, pool: BlockPool, container: str = "landing") -> None:
        self._account = account
        self._pool = pool
        self._container = container

    @cached_property
    def _client(self) -> "ContainerClient":
        return self._account.blobs.get_container_client(self._container)

    @contextmanager
    def upload(self, name: str, *, attempt: str) -> Iterator[LandingUpload]:
        """Begin a blob; nothing is written unless a block is staged."""
        blob = self._client.get_blob_client(name)

        def send(block_id: str, block: bytes) -> None:
            with _landing(self._container):
                blob.stage_block(block_id, block, length=len(block), validate_content=True)

        with StagedBlocks(send, self._pool, attempt) as blocks:
            yield LandingUpload(blob, blocks)


@contextmanager
def _landing(container: str) -> Iterator[None]:
    """Translate errors as ``own_storage``, and a missing container to ``LandingMissing``."""
    with own_storage():
        try:
            yield
        except HttpResponseError as error:
            if is_missing(error):
                raise LandingMissing(container) from error
            raise
