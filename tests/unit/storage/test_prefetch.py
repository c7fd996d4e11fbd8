"""Reading ahead: how much, and no more."""

import threading
from collections.abc import Iterator

import pytest

from exporter.domain.streams import LandingBlob
from exporter.storage.clients import READ_BYTES
from exporter.storage.own.prefetch import THREADS, WAITING_BYTES_MAX, ReadAhead


class Source:
    """Blobs whose reading waits until it is let go; it says what was begun."""

    def __init__(self, *sizes: int) -> None:
        self.blobs = [LandingBlob(str(number), "", size) for number, size in enumerate(sizes)]
        self.begun: list[str] = []
        self.go = threading.Semaphore(0)
        self._began = threading.Condition()

    def read(self, blob: LandingBlob) -> Iterator[bytes]:
        """Yield a blob in pieces, each when it is let go."""
        for start in range(0, max(1, blob.size), READ_BYTES):
            with self._began:
                self.begun.append(f"{blob.name}:{start // READ_BYTES}")
                self._began.notify_all()
            assert self.go.acquire(timeout=30)
            yield b"x" * min(READ_BYTES, blob.size - start)

    def wait_for(self, count: int) -> set[str]:
        """Wait until so many pieces are being read, and return which were begun."""
        with self._began:
            assert self._began.wait_for(lambda: len(self.begun) >= count, timeout=30)
        return set(self.begun)


def test_small_blobs_are_asked_for_several_at_once() -> None:
    """As many as there are threads; the next one when one is taken."""
    source = Source(*[10] * 10)
    read = ReadAhead(source.read, source.blobs)
    first = read(source.blobs[0])
    taken = threading.Thread(target=list, args=(first,))
    taken.start()

    assert source.wait_for(THREADS) == {f"{number}:0" for number in range(THREADS)}
    source.go.release(THREADS)
    taken.join(30)
    assert source.wait_for(THREADS + 1) == {f"{number}:0" for number in range(THREADS + 1)}
    source.go.release(100)


def test_no_more_is_read_ahead_than_may_wait() -> None:
    """By bytes: two pieces of the largest kind."""
    source = Source(*[READ_BYTES] * 5)
    source.go.release(100)
    read = ReadAhead(source.read, source.blobs)

    list(read(source.blobs[0]))

    assert len(source.wait_for(1 + WAITING_BYTES_MAX // READ_BYTES)) == 1 + WAITING_BYTES_MAX // READ_BYTES


def test_of_a_large_blob_one_piece_is_read_ahead() -> None:
    """While the one before it is worked on."""
    source = Source(5 * READ_BYTES)
    source.go.release(1)
    pieces = ReadAhead(source.read, source.blobs)(source.blobs[0])

    next(pieces)

    assert source.wait_for(2) == {"0:0", "0:1"}
    source.go.release(100)
    assert sum(map(len, pieces)) == 4 * READ_BYTES


def test_a_blob_that_was_not_announced_is_read_all_the_same() -> None:
    """Only later than it could have been."""
    source = Source(10, 10)
    source.go.release(100)
    read = ReadAhead(source.read, [])

    assert [b"".join(read(blob)) for blob in source.blobs] == [b"x" * 10] * 2


def test_what_goes_wrong_is_raised_where_the_blob_is_read() -> None:
    """Not where another one is."""

    def fail(blob: LandingBlob) -> Iterator[bytes]:
        if blob.name == "1":
            raise LookupError(blob.name)
        yield b"x"

    blobs = [LandingBlob(str(number), "", 1) for number in range(3)]
    read = ReadAhead(fail, blobs)

    assert list(read(blobs[0])) == [b"x"]
    with pytest.raises(LookupError, match="1"):
        list(read(blobs[1]))
    assert list(read(blobs[2])) == [b"x"]
