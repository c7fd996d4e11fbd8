import gzip
import tracemalloc
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from hashlib import sha256
from threading import get_ident

import pytest

from exporter.pipeline.gunzip import FEED_BYTES, PIECE_BYTES_MAX, BrokenContentError, plain
from exporter.pipeline.threads import Threads
from tests.support.builders import bomb, chunks, gzipped
from tests.support.late_threads import LateThreads

TEXT = b'{"n": 1}\n{"n": 22}\n{"n": 333}\n'
EMPTY = gzipped(b"")
# Too varied to be compressed to nothing, and larger than one feed.
LONG = b"".join(b'{"n": %d, "square": %d}\n' % (n, n * n) for n in range(10_000))
MIB = 1024 * 1024


def unpacked(blob: bytes, chunk_bytes: int = 1 << 20) -> bytes:
    """Return the plain content of a blob that arrives in such chunks."""
    return b"".join(plain(chunks(blob, chunk_bytes)))


def readable(blob: bytes, chunk_bytes: int = 1 << 20) -> tuple[bytes, str]:
    """Return what can be read of a broken blob, and why it ends there."""
    found = b""
    try:
        for piece in plain(chunks(blob, chunk_bytes)):
            found += piece
    except BrokenContentError as broken:
        return found, str(broken)
    pytest.fail("all of it was read")


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 1 << 20])
@pytest.mark.parametrize(
    ("blob", "content"),
    [
        (TEXT, TEXT),
        (gzipped(TEXT), TEXT),
        (gzipped(TEXT[:9]) + gzipped(TEXT[9:]), TEXT),
        (gzipped(TEXT[:4]) + EMPTY + EMPTY + gzipped(TEXT[4:]) + EMPTY, TEXT),
        (EMPTY, b""),
        (EMPTY + EMPTY, b""),
        (EMPTY + gzipped(TEXT), TEXT),
        (gzipped(TEXT) + bytes(100), TEXT),
        (gzipped(TEXT[:9]) + bytes(7) + gzipped(TEXT[9:]) + bytes(1), TEXT),
        (gzip.compress(TEXT, compresslevel=0), TEXT),
        (b"", b""),
        (b"\x1f", b"\x1f"),
        (b"\x1f\n", b"\x1f\n"),
        (b"x\x1f\x8b", b"x\x1f\x8b"),
        (zlib.compress(TEXT), zlib.compress(TEXT)),
    ],
    ids=[
        "plain",
        "one member",
        "two members",
        "empty members",
        "an empty member alone",
        "empty members alone",
        "an empty member first",
        "padding",
        "padding between members",
        "stored without compression",
        "nothing",
        "half of the magic number",
        "half of the magic number and a newline",
        "the magic number later on",
        "another compression",
    ],
)
def test_content_is_read_whether_it_is_gzip_or_not(blob: bytes, content: bytes, chunk_bytes: int) -> None:
    """Told by its first bytes, in however small pieces it comes."""
    assert unpacked(blob, chunk_bytes) == content


@pytest.mark.parametrize("chunk_bytes", [100, FEED_BYTES, FEED_BYTES + 1, 1 << 20])
def test_content_of_many_feeds_is_read_too(chunk_bytes: int) -> None:
    """Compressed or not, it is larger than what is taken in at once."""
    assert len(gzipped(LONG)) > 2 * FEED_BYTES
    assert unpacked(LONG, chunk_bytes) == LONG
    assert unpacked(gzipped(LONG), chunk_bytes) == LONG


def test_a_member_may_carry_a_name_and_a_comment() -> None:
    """As ``gzip FILE`` writes it."""
    head, body = gzipped(TEXT)[:10], gzipped(TEXT)[10:]
    named = head[:3] + b"\x18" + head[4:] + b"events.json\0made by hand\0" + body

    assert unpacked(named, 1) == TEXT


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20])
def test_a_gzip_that_ends_too_early_is_broken_wherever_it_ends(chunk_bytes: int) -> None:
    """Every byte of the file is needed; what was readable was yielded, and the more the later it ends."""
    blob, before = gzipped(TEXT), b""
    for end in range(2, len(blob)):
        found, why = readable(blob[:end], chunk_bytes)

        assert why == "the gzip data ends too early"
        assert TEXT.startswith(found)
        assert found.startswith(before)
        before = found
    assert before == TEXT


def test_a_later_member_that_ends_too_early_does_not_take_the_earlier_with_it() -> None:
    """Each is read for itself."""
    first, second = gzipped(TEXT[:9]), gzipped(TEXT[9:])
    for end in range(1, len(second)):
        found, _ = readable(first + second[:end])

        assert found.startswith(TEXT[:9])


@pytest.mark.parametrize("garbage", [b"\x1f", b"x", b"\n", b"{}", b"\0x", bytes(50) + b"\x1f", b"\x1fx"])
@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20])
def test_what_follows_a_gzip_and_is_none_breaks_it_after_all_was_read(
    garbage: bytes, chunk_bytes: int
) -> None:
    """Nothing of the garbage is taken for content, and nothing is silently left out."""
    found, why = readable(gzipped(TEXT) + garbage, chunk_bytes)

    assert found == TEXT
    assert why == "the gzip data is followed by other data"


@pytest.mark.parametrize("chunk_bytes", [50, 1 << 20])
@pytest.mark.parametrize("place", [-8, -5, -4, -1])
def test_a_wrong_checksum_or_length_is_told_after_all_was_read(place: int, chunk_bytes: int) -> None:
    """The content came before it, and its lines are as good as they look."""
    blob = bytearray(gzipped(LONG))
    blob[place] ^= 1
    found, why = readable(bytes(blob), chunk_bytes)

    assert found == LONG
    assert why.startswith("the gzip data is damaged")


def test_damage_in_the_middle_leaves_what_comes_before_it() -> None:
    """As much as can be read, and the same in whatever chunks the blob came."""
    blob = gzipped(LONG)
    middle = len(blob) // 2
    damaged = blob[:middle] + bytes(64) + blob[middle + 64 :]
    found, why = readable(damaged)

    assert found.startswith(LONG[: len(LONG) // 3])
    assert "damaged" in why
    assert [readable(damaged, size)[0] for size in (10, 1000, FEED_BYTES + 1)] == [found] * 3


@pytest.mark.parametrize("head", [b"\x1f\x8b\x07", b"\x1f\x8b\x08\xff"])
def test_a_header_that_is_none_is_damage(head: bytes) -> None:
    """Only one method of compression exists, and some flags are reserved."""
    found, why = readable(head + gzipped(TEXT)[len(head) :])

    assert found == b""
    assert "damaged" in why


def test_pieces_stay_small_even_if_a_few_bytes_unfold_to_very_much() -> None:
    """A thousandfold: 64 MiB of zeros in 64 KiB never stand in memory at once."""
    zeros = 64 * MIB
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    blob = b"".join(packer.compress(bytes(MIB)) for _ in range(64)) + packer.flush()
    read = 0
    tracemalloc.start()
    try:
        for piece in plain([blob]):
            assert len(piece) <= PIECE_BYTES_MAX
            read += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert read == zeros
    assert peak < 2 * MIB


def test_pieces_of_plain_content_stay_small_too() -> None:
    """Whatever the size of the chunks."""
    assert max(len(piece) for piece in plain([LONG])) <= FEED_BYTES


def test_nothing_is_read_before_it_is_needed() -> None:
    """One chunk is enough for the first piece."""
    asked = []

    def counted(source: Iterable[bytes]) -> Iterator[bytes]:
        for number, chunk in enumerate(source):
            asked.append(number)
            yield chunk

    next(plain(counted([LONG, LONG, LONG])))

    assert asked == [0]


# Larger than what is decompressed ahead, in compressed and in plain bytes.
AHEAD = b"".join(
    b'{"n": %d, "hash": "%b"}\n' % (n, sha256(b"%d" % n).hexdigest().encode()) for n in range(40_000)
)


def pieces_of(blob: bytes, threads: Threads) -> tuple[list[bytes], str | None]:
    """Return the pieces of a blob, and why they end if it is not the end."""
    found: list[bytes] = []
    try:
        found.extend(plain(chunks(blob, 100_000), threads=threads))
    except BrokenContentError as broken:
        return found, str(broken)
    return found, None


@pytest.mark.parametrize(
    "blob",
    [
        gzipped(AHEAD),
        gzipped(AHEAD) + gzipped(AHEAD),
        gzipped(AHEAD) + bytes(300_000) + gzipped(TEXT),
        gzipped(AHEAD)[:-1],
        gzipped(AHEAD)[:1_000_000],
        gzipped(AHEAD)[:1_000_000] + bytes(300_000),
        gzipped(AHEAD) + TEXT + AHEAD,
        b"".join(gzipped(AHEAD[start : start + 999]) for start in range(0, 800_000, 999)),
    ],
    ids=["one", "two", "padded", "short", "cut", "damaged", "followed by rows", "many members"],
)
def test_threads_change_nothing(blob: bytes) -> None:
    """Not the pieces, not the error after them, whatever the number and the speed of the threads."""
    assert len(gzipped(AHEAD)) > 1_000_000
    found = pieces_of(blob, Threads(1))

    for threads in (Threads(3), Threads(5), LateThreads(3)):
        assert pieces_of(blob, threads) == found


@pytest.mark.parametrize("threads", [Threads(3), LateThreads(3)])
def test_little_is_decompressed_ahead(threads: Threads) -> None:
    """However much the next bytes unfold to."""
    blob = bomb(bytes(MIB), 300) + gzipped(AHEAD)
    tracemalloc.start()
    try:
        found = plain(chunks(blob, MIB), threads=threads)
        with pytest.raises(BrokenContentError, match="times its size"):
            deque(found, maxlen=0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 5 * MIB


def test_chunks_are_taken_by_the_caller() -> None:
    """The threads only compute: to take a chunk may mean to wait for storage."""
    taken_by: set[int] = set()

    def counted(source: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in source:
            taken_by.add(get_ident())
            yield chunk

    assert b"".join(plain(counted(chunks(gzipped(AHEAD), 100_000)), threads=Threads(3))) == AHEAD
    assert taken_by == {get_ident()}


def test_a_reader_that_stops_early_leaves_no_work_behind() -> None:
    """One result at most is not used, and nothing waits for it."""
    threads = LateThreads(3)
    pieces = plain(chunks(gzipped(AHEAD), 100_000), threads=threads)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]  # it is a generator

    assert threads.waiting == 1


def test_an_error_of_the_source_is_raised() -> None:
    """When the chunk is needed that could not be read."""

    def failing() -> Iterator[bytes]:
        yield gzipped(AHEAD)[:500_000]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        deque(plain(failing(), threads=Threads(3)), maxlen=0)


def test_a_small_blob_uses_no_thread() -> None:
    """It would be done before the thread begins."""
    threads = LateThreads(3)
    blob = gzipped(AHEAD[:200_000])

    assert b"".join(plain([blob], threads=threads)) == AHEAD[:200_000]
    assert threads.waiting_most == 0
