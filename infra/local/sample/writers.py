"""Write the files into a folder or a container, from one or several processes."""

import itertools
import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import ContainerClient

from infra.local.sample.landing import LandingFile, LandingHour
from infra.local.sample.recipe import DataType

# Blobs up to this size are written in one request. Larger ones are staged in blocks while they are generated.
_WHOLE_MAX_BYTES = 32 * 2**20
# Files that may wait for each thread, so that a month of hours is not listed in advance.
_WAITING_PER_THREAD = 4
UPLOAD_THREADS = 4


@dataclass(frozen=True, slots=True)
class Written:
    """A written file and its size in bytes."""

    name: str
    data_type: DataType
    size: int


def to_folder(folder: Path, files: Iterable[LandingFile]) -> list[Written]:
    """Write the files below a folder."""
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
    """Write the files into a container, which must exist. Each file appears whole or not at all."""
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
    """Read chunks until there are that many bytes, or no more chunks."""
    taken: list[bytes] = []
    have = 0
    while have < size and (chunk := next(chunks, None)) is not None:
        taken.append(chunk)
        have += len(chunk)
    return b"".join(taken)


class Target(Protocol):
    """A place for files. It can be pickled for other processes."""

    def put(self, files: Iterable[LandingFile]) -> list[Written]:
        """Write the files."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder on this machine."""

    path: Path

    def put(self, files: Iterable[LandingFile]) -> list[Written]:
        """Write the files below it."""
        return to_folder(self.path, files)


@dataclass(frozen=True, slots=True)
class Container:
    """A container, which is created if it does not exist."""

    name: str
    connection_string: str = field(repr=False)

    def put(self, files: Iterable[LandingFile]) -> list[Written]:
        """Write the files into it."""
        with ContainerClient.from_connection_string(self.connection_string, self.name) as client:
            with suppress(ResourceExistsError):
                client.create_container()
            return to_container(client, files)


def write(
    target: Target, hours: Iterable[LandingHour], *, late: bool = False, processes: int = 1
) -> list[Written]:
    """Write all files of the hours, or all late files. Each process writes its share of each hour."""
    listed = tuple(hours)
    if processes == 1:
        return _write_share(target, listed, 0, 1, late=late)
    # Spawned and not forked: a forked process would lack the threads.
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=fresh) as pool:
        shares = [
            pool.submit(_write_share, target, listed, slice_ref, processes, late=late)
            for slice_ref in range(processes)
        ]
        return sorted(
            (each for slice_ref in shares for each in slice_ref.result()), key=lambda each: each.name
        )


def _write_share(
    target: Target, hours: tuple[LandingHour, ...], slice_ref: int, shares: int, *, late: bool
) -> list[Written]:
    files = (file for hour in hours for file in (hour.late_files() if late else hour.files()))
    return target.put(itertools.islice(files, slice_ref, None, shares))
