"""Staging the blocks of a blob, in parallel and in bounded memory."""

import base64
import hashlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import BoundedSemaphore
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from azure.core import MatchConditions
from azure.core.exceptions import ResourceNotFoundError

from exporter.storage.sdk_errors import NO_SUCH_BLOB, confirm_write, error_code

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties

# Sending is mostly waiting for the network: four blocks at once saturate that of a small instance.
THREADS = 4
# Blocks of 4 MiB in flight, of all uploads together: 16 MiB of memory. None waits for a thread: a block takes
# 0.4 s to be made, so that as a rule a thread is free.
IN_FLIGHT_MAX = THREADS
# Azure's limit for one blob.
BLOCKS_MAX = 50_000
# All block ids of a blob must have the same length, those of rivals included; 64 bytes at most, decoded.
_ATTEMPT_CHARS = 40
CONTENT_TYPE = "application/gzip"

type SendBlock = Callable[[str, bytes], object]


class BlockPool:
    """The threads that send blocks, shared by all uploads."""

    def __init__(self, threads: int = THREADS, in_flight_max: int = IN_FLIGHT_MAX) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="block")
        self._slots = BoundedSemaphore(in_flight_max)

    def submit(self, call: Callable[[], object]) -> "Future[object]":
        """Queue a block for sending; wait while too many are in flight."""
        self._slots.acquire()
        try:
            future = self._executor.submit(call)
        except BaseException:
            self._slots.release()
            raise
        future.add_done_callback(lambda _: self._slots.release())
        return future

    def close(self) -> None:
        """End the threads after they have sent all queued blocks."""
        self._executor.shutdown()


class StagedBlocks:
    """The blocks of one blob, in order. Leaving the context waits for the blocks in flight.

    ``size`` counts their bytes. The service discards staged blocks that are never committed.
    """

    def __init__(self, send: SendBlock, pool: BlockPool, attempt: str) -> None:
        self.size = 0
        self._send = send
        self._pool = pool
        self._ids: list[str] = []
        self._attempt = attempt
        self._pending: set[Future[object]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for future in self._pending:
            future.cancel()
        wait(self._pending)

    def stage(self, block: bytes) -> None:
        """Queue a block for sending; raise the error of an earlier one."""
        self._raise_failures()
        if not block:
            return
        if len(self._ids) == BLOCKS_MAX:
            raise ValueError(f"a blob cannot have more than {BLOCKS_MAX} blocks")
        block_id = _block_id(self._attempt, len(self._ids))
        self._ids.append(block_id)
        self.size += len(block)
        self._pending.add(self._pool.submit(lambda: self._send(block_id, block)))

    def arrived(self) -> list[str]:
        """Wait until all blocks have arrived, and return their ids; raise the error of one that failed."""
        wait(self._pending)
        self._raise_failures()
        return self._ids

    def _raise_failures(self) -> None:
        """Forget the blocks that arrived. A failed one is kept, so that the upload stays failed."""
        self._pending = {each for each in self._pending if not each.done() or each.exception()}
        for each in self._pending:
            if each.done():
                each.result()


def _block_id(attempt: str, number: int) -> str:
    return f"{hashlib.sha256(attempt.encode()).hexdigest()[:_ATTEMPT_CHARS]}-{number:06}"


def block_ids(attempt: str, count: int) -> list[str]:
    """Return the ids of the blocks that an attempt has staged for a blob, in order."""
    return [_block_id(attempt, number) for number in range(count)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The content to commit: ``ids`` of the blocks in order, ``size`` in bytes, ``md5`` in base64."""

    ids: list[str]
    size: int
    md5: str
    content_type: str = CONTENT_TYPE


def commit(blob: "BlobClient", wanted: Commit, condition: dict[str, Any]) -> str:
    """Make the blocks the blob's content, and return its ETag.

    If the condition fails but the blob has exactly this content already, its ETag is returned.
    """
    from azure.storage.blob import BlobBlock, ContentSettings  # noqa: PLC0415  the SDK takes 0.3 s to import

    block_list = [BlobBlock(block_id=block_id) for block_id in wanted.ids]
    # No content encoding: SDKs and proxies would decompress the content without being asked.
    settings = ContentSettings(
        content_type=wanted.content_type, content_md5=bytearray(base64.b64decode(wanted.md5))
    )

    def write() -> str:
        return str(blob.commit_block_list(block_list, content_settings=settings, **condition)["etag"])

    return confirm_write(write, lambda: same_content(blob, wanted.size, wanted.md5))


def only_if(etag: str | None) -> dict[str, Any]:
    """Return the SDK's condition: the blob has that ETag; with None, that it does not exist."""
    if etag is None:
        return {"match_condition": MatchConditions.IfMissing}
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def same_content(blob: "BlobClient", size: int, md5: str) -> str | None:
    """Return the ETag of a blob if it has that many bytes with that MD5 (in base64), else None."""
    found = properties(blob)
    if found is None:
        return None
    same = found.size == size and md5_text(found.content_settings.content_md5) == md5
    return found.etag if same else None


def properties(blob: "BlobClient") -> "BlobProperties | None":
    """Return a blob's properties, or None if it does not exist; a missing container is an error."""
    try:
        return blob.get_blob_properties()
    except ResourceNotFoundError as error:
        if error_code(error) != NO_SUCH_BLOB:
            raise
        return None


def md5_text(md5: bytes | bytearray | None) -> str | None:
    """Return the MD5 of the SDK's properties in base64, or None if the service does not know it."""
    return base64.b64encode(md5).decode() if md5 else None


def quoted(etag: str) -> str:
    """Return an ETag in quotes, as headers have it: listings of blobs leave them out."""
    return etag if etag.startswith(('"', "W/")) else f'"{etag}"'
