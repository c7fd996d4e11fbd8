"""Reading ahead: what is worked on next comes over the network meanwhile."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from exporter.domain.streams import LandingBlob
from exporter.storage.clients import READ_BYTES

# Small blobs take the network's answer time each: so many are asked for at once.
THREADS = 4
# What has come and waits, of small blobs; of a large one it is one piece.
WAITING_BYTES_MAX = 2 * READ_BYTES

type Read = Callable[[LandingBlob], Iterator[bytes]]


class ReadAhead:
    """Reads blobs, which are asked for in the order that is given here, a little before they are."""

    def __init__(self, read: Read, blobs: Iterable[LandingBlob]) -> None:
        self._read = read
        self._left = deque(blobs)
        self._coming: deque[tuple[LandingBlob, Future[list[bytes]]]] = deque()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="read")

    def __call__(self, blob: LandingBlob) -> Iterator[bytes]:
        """Yield the content in pieces of at most ``READ_BYTES``; raises what went wrong with reading it."""
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
        """Have the next blobs read while they are small, and as many as may wait."""
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
