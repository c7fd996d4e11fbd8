"""Where the files go: a folder, or a container."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from azure.storage.blob import ContainerClient

from infra.local.sample.landing import LandingFile
from infra.local.sample.recipe import DataType

# Blobs up to this size are put in one request; larger ones are staged in blocks while they are made.
_WHOLE_MAX_BYTES = 32 * 2**20
# Files that may wait for their turn, for each thread: a month of hours is not listed ahead.
_WAITING_PER_THREAD = 4
UPLOAD_THREADS = 4


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written, and the size it has there."""

    name: str
    data_type: DataType
    size: int


def to_folder(folder: Path, files: Iterable[LandingFile]) -> list[Written]:
    """Write the files below a folder, by their names."""
    return [_to_folder(folder, file) for file in files]


def _to_folder(folder: Path, file: LandingFile) -> Written:
    path = folder / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as target:
        size = sum(target.write(chunk) for chunk in file.chunks)
    return Written(file.name, file.data_type, size)


def to_container(
    container: ContainerClient, files: Iterable[LandingFile], *, threads: int = UPLOAD_THREADS
) -> list[Written]:
    """Put the files into a container, which must be there; each appears whole or not at all."""
    written: list[Written] = []
    under_way: deque[Future[Written]] = deque()
    with ThreadPoolExecutor(threads, "upload") as pool:
        for file in files:
            under_way.append(pool.submit(_to_container, container, file))
            if len(under_way) >= threads * _WAITING_PER_THREAD:
                written.append(under_way.popleft().result())
        written.extend(future.result() for future in under_way)
    return written


def _to_container(container: ContainerClient, file: LandingFile) -> Written:
    chunks = file.chunks
    head = _up_to(_WHOLE_MAX_BYTES, chunks)
    sizes = [len(head)]

    def rest() -> Iterator[bytes]:
        for chunk in chunks:
            sizes.append(len(chunk))
            yield chunk

    whole = len(head) < _WHOLE_MAX_BYTES
    container.upload_blob(file.name, head if whole else itertools.chain([head], rest()), overwrite=True)
    return Written(file.name, file.data_type, sum(sizes))


def _up_to(size: int, chunks: Iterator[bytes]) -> bytes:
    """Take chunks until there is so much, or no more."""
    taken: list[bytes] = []
    have = 0
    while have < size and (chunk := next(chunks, None)) is not None:
        taken.append(chunk)
        have += len(chunk)
    return b"".join(taken)
