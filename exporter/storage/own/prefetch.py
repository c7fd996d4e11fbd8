"""Prefetching: the next blobs are read while one is processed."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from exporter.domain.streams import LandingBlob
from exporter.storage.clients import READ_BYTES

# Reading a small blob is mostly waiting for the answer: so many are read at the same time.
THREADS = 4
# The size of prefetched small blobs in memory. Of a large blob, one piece is prefetched.
WAITING_BYTES_MAX = 2 * READ_BYTES

type Read = Callable[[LandingBlob], Iterator[bytes]]


class ReadAhead:
    """Reads blobs before they are requested; they must be requested in the given order."""

    def __init__(self, read: Read, blobs: Iterable[LandingBlob]) -> None:
        self._read = read
        self._left = deque(blobs)
        self._coming: deque[tuple[LandingBlob, Future[list[bytes]]]] = deque()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="read")

    def __call__(self, blob: LandingBlob) -> Iterator[bytes]:
        """Yield the content in pieces of at most ``READ_BYTES``; raise the error of reading it."""
        self._begin_small_ones()
        if self._coming and self._coming[0][0] == blob:
            _, content = self._coming.popleft()
            pieces = content.result()
            self._begin_small_ones()
            yield from pieces
        else:
            if self._left and self._left[0] == blob:
                self._left.popleft()
            yield from self._a_piece_ahead(self._read(blob))

    def _begin_small_ones(self) -> None:
        """Begin to read the next blobs while they are small and fit into ``WAITING_BYTES_MAX``."""
        while self._left and self._left[0].size <= READ_BYTES:
            waiting = sum(blob.size for blob, _ in self._coming)
            if len(self._coming) == THREADS or waiting + self._left[0].size > WAITING_BYTES_MAX:
                return
            blob = self._left.popleft()
            self._coming.append((blob, self._threads.submit(self._whole, blob)))

    def _whole(self, blob: LandingBlob) -> list[bytes]:
        return list(self._read(blob))

    def _a_piece_ahead(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        coming = self._threads.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = self._threads.submit(next, pieces, None)
            yield piece
