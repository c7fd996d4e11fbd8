"""A customer's container, with no other rights than to read, write and delete blobs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from azure.core import MatchConditions
from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

from exporter.domain.errors import Conflict
from exporter.domain.marker import StagedFile
from exporter.domain.versioned import BlobInfo, SmallBlob
from exporter.pipeline.hashes import md5_base64
from exporter.storage.blocks import (
    BlockPool,
    Commit,
    StagedBlocks,
    block_ids,
    commit,
    md5_text,
    only_if,
    properties,
    quoted,
    same_content,
)
from exporter.storage.clients import READ_BYTES
from exporter.storage.customer.errors import blocks_of_customer, customer_storage
from exporter.storage.customer.fault_table import Action, Place
from exporter.storage.sdk_errors import NO_SUCH_BLOB, confirm_write, error_code

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

# The longest marker there can be, of 10,000 parts, has about 2 MB. Of anything longer only the beginning is
# read, which is no marker.
SMALL_BYTES_MAX = READ_BYTES
# What stands for the ETag of a deleted blob.
GONE = ""


class CustomerUpload:
    """One blob on its way to a customer."""

    def __init__(self, blocks: StagedBlocks) -> None:
        self._blocks = blocks

    def stage(self, block: bytes) -> None:
        """Send a block; returns before it arrived, and raises what went wrong with an earlier one."""
        self._blocks.stage(block)

    def arrived(self) -> int:
        """Wait until every block has arrived, and return how many they are."""
        return len(self._blocks.arrived())


class CustomerContainer:
    """A customer's container. Several threads may use it at once."""

    def __init__(
        self, client: "ContainerClient", pool: BlockPool, token: Callable[[], object] | None = None
    ) -> None:
        self._client = client
        self._pool = pool
        self._token = token
        self._place = Place(client.account_name or client.primary_hostname, client.container_name)

    @property
    def host(self) -> str:
        """The host that is asked, with its port if that is not the usual one."""
        return urlsplit(self._client.url).netloc

    def sign_in(self) -> None:
        """Get a token, if that is how we sign in; a key or a signature is only tried by using it."""
        if self._token is not None:
            self._token()

    def find(self, prefix: str, *, most: int | None = None) -> list[BlobInfo]:
        """Return the blobs whose names begin so, in name order: the first ``most`` at most."""
        with customer_storage(self._place, Action.READ):
            found = [
                BlobInfo(blob.name, quoted(blob.etag), blob.size, md5_text(blob.content_settings.content_md5))
                for blob in islice(self._client.list_blobs(name_starts_with=prefix), most)
            ]
            return sorted(found, key=lambda blob: blob.name.encode())

    def read(self, name: str) -> SmallBlob | None:
        """Return a small blob, or None if there is none of that name."""
        with customer_storage(self._at(name), Action.READ):
            try:
                stream = self._client.download_blob(name, decompress=False)
                return SmallBlob(quoted(stream.properties.etag), stream.read(SMALL_BYTES_MAX))
            except ResourceNotFoundError as error:
                if error_code(error) != NO_SUCH_BLOB:
                    raise
                return None

    def stream(self, blob: BlobInfo) -> Iterator[bytes]:
        """Yield a blob's content in pieces; ``Conflict`` if it is not what was listed."""
        with customer_storage(self._at(blob.name), Action.READ):
            try:
                stream = self._client.download_blob(
                    blob.name,
                    etag=blob.etag,
                    match_condition=MatchConditions.IfNotModified,
                    decompress=False,
                )
                yield from stream.chunks()
            except ResourceModifiedError as error:
                raise Conflict(f"the blob {blob.name} is not the one that was listed") from error
            except ResourceNotFoundError as error:
                if error_code(error) != NO_SUCH_BLOB:
                    raise
                raise Conflict(f"the blob {blob.name} is gone") from error

    def _at(self, name: str) -> Place:
        return replace(self._place, blob=name)

    @contextmanager
    def upload(self, name: str, *, attempt: str) -> Iterator[CustomerUpload]:
        """Begin a blob; nothing of it is visible before it is committed."""
        blob = self._client.get_blob_client(name)

        def send(block_id: str, block: bytes) -> None:
            with blocks_of_customer(self._at(name), name):
                blob.stage_block(block_id, block, length=len(block), validate_content=True)

        with StagedBlocks(send, self._pool, attempt) as blocks:
            yield CustomerUpload(blocks)

    def commit(self, sent: StagedFile, *, etag: str | None, content_type: str) -> None:
        """Make the blocks of an attempt the blob's content, if it still is the one that was seen."""
        part = sent.part
        wanted = Commit(
            ids=block_ids(sent.attempt, sent.blocks),
            size=part.bytes,
            md5=part.md5,
            content_type=content_type,
        )
        with blocks_of_customer(self._at(part.name), part.name):
            commit(self._client.get_blob_client(part.name), wanted, only_if(etag))

    def fence(self, name: str, *, etag: str | None) -> None:
        """Remove a file together with all uncommitted blocks of its name: empty it, then delete it."""
        # The empty file is ours to delete, even if another worker has taken the hour meanwhile.
        self.delete(name, etag=self._empty(name, etag=etag))

    def _empty(self, name: str, *, etag: str | None) -> str:
        """Write a blob of 0 bytes, which discards every uncommitted block of that name; return its ETag."""
        # By a list of no blocks: the emulator keeps blocks, and refuses to put a blob, where there are some.
        wanted = Commit(ids=[], size=0, md5=md5_base64(b""))
        with customer_storage(self._at(name), Action.WRITE):
            return commit(self._client.get_blob_client(name), wanted, only_if(etag))

    def put(self, name: str, body: bytes, *, content_type: str, etag: str | None) -> str:
        """Write a small blob whole, and return its ETag."""
        from azure.storage.blob import ContentSettings  # noqa: PLC0415  the SDK takes 0.3 s to import

        blob = self._client.get_blob_client(name)
        settings = ContentSettings(content_type=content_type)

        def write() -> str:
            answer = blob.upload_blob(
                body,
                overwrite=etag is not None,
                content_settings=settings,
                validate_content=True,
                **only_if(etag),
            )
            return str(answer["etag"])

        def landed() -> str | None:
            with customer_storage(self._at(name), Action.READ):
                return same_content(blob, len(body), md5_base64(body))

        with customer_storage(self._at(name), Action.WRITE):
            return confirm_write(write, landed)

    def delete(self, name: str, *, etag: str) -> None:
        """Delete the blob if it is still the one that was seen; one that is gone already is no conflict."""
        blob = self._client.get_blob_client(name)

        def delete() -> str:
            blob.delete_blob(etag=etag, match_condition=MatchConditions.IfNotModified)
            return GONE

        def deleted() -> str | None:
            with customer_storage(self._at(name), Action.READ):
                return GONE if properties(blob) is None else None

        with customer_storage(self._at(name), Action.DELETE):
            try:
                # Of a blob that is gone, services say 404 or that the condition does not hold.
                confirm_write(delete, deleted)
            except ResourceNotFoundError as error:
                if error_code(error) != NO_SUCH_BLOB:
                    raise

    def refresh(self, name: str, *, etag: str) -> None:
        """Give a blob that stays as it is another ETag; a lost answer, too, makes it a conflict."""
        blob = self._client.get_blob_client(name)
        condition: dict[str, Any] = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        with customer_storage(self._at(name), Action.WRITE):
            try:
                settings = blob.get_blob_properties(**condition).content_settings
                blob.set_http_headers(settings, **condition)
            except ResourceNotFoundError as error:
                if error_code(error) != NO_SUCH_BLOB:
                    raise
                raise Conflict(f"the blob {name} is gone") from error
