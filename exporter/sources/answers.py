"""The answers of an hour in our container ``pulled``: zips that are stored whole before they are unpacked.

``acme/2026-11-01T05/000000-20261101T080030-5f0c….zip`` is an answer to the first pull of that hour, with the
time when it was asked for. A worker that dies after it has stored an answer leaves it for the next one, which
need not ask again.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from exporter.domain.hour import Hour
from exporter.domain.pulls import PullTask, StoredAnswer
from exporter.pipeline.zip_members import TAIL_BYTES, ZIP_MAGIC, ends_as_zip
from exporter.ports import BlobStore

# Eight blocks of this size, at most, are in memory while they are sent (``storage.blocks``).
BLOCK_BYTES = 4 * 1024 * 1024
_DIGITS = 6
_ASKED = "%Y%m%dT%H%M%S"


class NoAnswerError(Exception):
    """What was sent is no whole zip; nothing is stored. The message says what it is, in words."""


def folder_of(source_id: str, hour: Hour) -> str:
    """Return the folder of the answers of an hour."""
    return f"{source_id}/{hour}/"


def answer_name(source_id: str, hour: Hour, pulls: int, asked_at: datetime, claim_id: str) -> str:
    """Return the name of an answer of an hour that has been pulled so many times before."""
    return f"{_pull_prefix(source_id, hour, pulls)}{asked_at:{_ASKED}}-{claim_id}.zip"


def _pull_prefix(source_id: str, hour: Hour, pulls: int) -> str:
    return f"{folder_of(source_id, hour)}{pulls:0{_DIGITS}}-"


def stored_answer(answers: BlobStore, source_id: str, hour: Hour, pulls: int) -> StoredAnswer | None:
    """Return an answer that an earlier attempt at this pull has stored whole, or None."""
    prefix = _pull_prefix(source_id, hour, pulls)
    # Lists of keys are beside the answers.
    for name in (name for name in answers.names(prefix) if name.endswith(".zip")):
        size = answers.size(name)
        if size is not None:
            asked = name.removeprefix(prefix).partition("-")[0]
            return StoredAnswer(name, size, datetime.strptime(asked, _ASKED).replace(tzinfo=UTC))
    return None


def task_of(name: str) -> PullTask:
    """Return the hour that an answer is of."""
    source_id, hour, _ = name.split("/")
    return PullTask(source_id, Hour.parse(hour))


def pull_of(name: str) -> int:
    """Return how many pulls of its hour were settled before the one that an answer is of."""
    return int(name.rpartition("/")[2].partition("-")[0])


def discard_answers(answers: BlobStore, source_id: str, hour: Hour, before: int) -> None:
    """Delete the answers of an hour to pulls with a smaller number."""
    for name in answers.names(folder_of(source_id, hour)):
        if pull_of(name) < before:
            answers.delete(name)


def store_answer(
    answers: BlobStore, name: str, body: Iterator[bytes], ensure_held: Callable[[], None]
) -> int:
    """Store a body block by block, and return its size; ``NoAnswerError`` if it is no whole zip.

    It becomes readable only once its end record has arrived.
    """
    md5, size, tail, beginning = hashlib.md5(usedforsecurity=False), 0, b"", b""
    with answers.upload(name) as upload:
        for block in _blocks(body):
            if not size and not block.startswith(ZIP_MAGIC):
                beginning = block
                break
            upload.stage(block)
            md5.update(block)
            size += len(block)
            tail = (tail + block)[-TAIL_BYTES:]
        if not size:
            raise NoAnswerError(what_is_sent(beginning))
        if not ends_as_zip(tail):
            raise NoAnswerError(f"a zip that was cut off after {size} bytes")
        ensure_held()
        upload.commit(md5=base64.b64encode(md5.digest()).decode())
    return size


def what_is_sent(beginning: bytes) -> str:
    """Return what a body that is no zip looks like; nothing of it is repeated."""
    if not beginning:
        return "nothing"
    if beginning.startswith(b"PK\x05\x06"):
        return "a zip without files"
    return "a web page" if beginning.lstrip()[:1] == b"<" else "no zip"


def _blocks(body: Iterator[bytes]) -> Iterator[bytes]:
    """Yield a body in blocks of one size; the first one is cut off at once if it does not begin as a zip."""
    block = bytearray()
    first = True
    for piece in body:
        block += piece
        if first and len(block) >= len(ZIP_MAGIC):
            first = False
            if not block.startswith(ZIP_MAGIC):
                break
        while len(block) >= BLOCK_BYTES:
            yield bytes(block[:BLOCK_BYTES])
            del block[:BLOCK_BYTES]
    if block:
        yield bytes(block)
