"""Decompresses a blob if its content is gzip, and passes it on unchanged if not."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from itertools import chain, islice
from typing import NamedTuple

from zlib_ng import zlib_ng

from exporter.pipeline.threads import SHARED, Threads

GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WRAPPED = 31
_DAMAGED: type[Exception] = zlib_ng.error  # type: ignore[assignment]  # its stub takes the class for an instance
# Input and output of one step fit into the processor's cache: 20 % faster than 256 KiB.
FEED_BYTES = 16 * 1024
# Slices of FEED_BYTES that a thread gets at once. A blob with fewer is decompressed without threads.
_SLICES_AHEAD = 8
# Two threads have enough to do with compressing: an hour takes a tenth more time if they decompress, too.
_THREADS_MIN = 3
# A thread decompresses about so much ahead.
_AHEAD_BYTES = 512 * 1024
# Deflate reaches 1,032. Rows have UUIDs, which do not compress: their ratio is 6 to 10.
UNFOLDING_RATIO_MAX = 500
# Below this size any ratio is harmless.
UNFOLDED_BYTES_MIN = 64 * 1024 * 1024
# Bounds the output of one step: 16 KiB of deflate can expand to 16 MiB of zeros.
PIECE_BYTES_MAX = 256 * 1024
_NO_MEMBER = "the gzip data is followed by other data"


class BrokenContentError(Exception):
    """The rest of the content cannot be decompressed. The message gives the reason in words."""


class Members:
    """Counts the gzip members that were read so far; 0 for a blob that is not gzip."""

    count = 0


def plain(
    chunks: Iterable[bytes], members: Members | None = None, threads: Threads = SHARED
) -> Iterator[bytes]:
    """Yield the plain content in small pieces, and count ``members``.

    Gzip is recognised by its first bytes, not by the name; it may have several members. Raises
    ``BrokenContentError`` after everything readable was yielded, and when the content expands to so many
    times its size that it cannot be rows: one megabyte of gzip can hold a gigabyte of zeros.

    Three ``threads`` or more decompress the next pieces of a blob of 128 KiB or more while the present ones
    are used.
    The chunks are taken by the caller's thread.
    """
    slices = _slices(chunks)
    first = next(slices, b"")
    if first.startswith(GZIP_MAGIC):
        yield from _gunzipped(chain([first], slices), members or Members(), threads)
    elif first:
        yield first
        yield from slices


def _slices(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield slices of equal size, so that no later step depends on how the blob was cut into chunks."""
    rest = b""
    for chunk in chunks:
        content = rest + chunk if rest else chunk
        end = len(content) - len(content) % FEED_BYTES
        for start in range(0, end, FEED_BYTES):
            yield content[start : start + FEED_BYTES]
        rest = content[end:]
    if rest:
        yield rest


def _gunzipped(slices: Iterator[bytes], members: Members, threads: Threads) -> Iterator[bytes]:
    gunzip, first = _Gunzip(members), list(islice(slices, _SLICES_AHEAD))
    if threads.count < _THREADS_MIN or len(first) < _SLICES_AHEAD:
        yield from gunzip.pieces(chain(first, slices))
    else:
        yield from _ahead(gunzip, first, slices, threads)
    yield from gunzip.end()


def _ahead(
    gunzip: "_Gunzip", first: list[bytes], slices: Iterator[bytes], threads: Threads
) -> Iterator[bytes]:
    """Yield the pieces of all slices; the threads decompress some of them ahead."""
    pieces = gunzip.pieces(first)
    coming: Callable[[], _Some] | None = threads.submit(_some, pieces)
    while coming:
        some, coming = coming(), None
        if some.all and (batch := list(islice(slices, _SLICES_AHEAD))):
            pieces = gunzip.pieces(batch)
            coming = threads.submit(_some, pieces)
        elif not some.all and some.error is None:
            coming = threads.submit(_some, pieces)
        yield from some.pieces
        if some.error:
            raise some.error


class _Some(NamedTuple):
    """Some pieces, whether these were ``all``, and the error that came after them."""

    pieces: list[bytes]
    all: bool = False
    error: BrokenContentError | None = None


def _some(pieces: Iterator[bytes]) -> _Some:
    """Take about ``_AHEAD_BYTES`` of the pieces."""
    taken, size = list[bytes](), 0
    try:
        for piece in pieces:
            taken.append(piece)
            size += len(piece)
            if size >= _AHEAD_BYTES:
                return _Some(taken)
    except BrokenContentError as error:
        return _Some(taken, error=error)
    return _Some(taken, all=True)


class _Gunzip:
    """Decompresses a blob that comes in slices. No piece is larger than ``PIECE_BYTES_MAX``."""

    def __init__(self, members: Members) -> None:
        self._members = members
        self._member: zlib_ng._Decompress | None = None
        self._between = b""
        self._fed_bytes = self._unfolded_bytes = 0

    def pieces(self, slices: Iterable[bytes]) -> Iterator[bytes]:
        """Yield what the next slices hold; raise ``BrokenContentError`` where they are damaged."""
        for each in slices:
            self._fed_bytes += len(each)
            fed = each
            while fed:
                if self._member is None:
                    fed = self._begin_member(fed)
                else:
                    fed = yield from self._step(self._member, fed)

    def end(self) -> Iterator[bytes]:
        """Yield what is left after the last slice; raise ``BrokenContentError`` if a member is incomplete."""
        while member := self._member:
            # The decompressor may still hold output; the end is no input and no output.
            before = self._unfolded_bytes
            yield from self._step(member, b"")
            if not member.eof and self._unfolded_bytes == before:
                raise BrokenContentError("the gzip data ends too early")
        if self._between:
            raise BrokenContentError(_NO_MEMBER)

    def _begin_member(self, fed: bytes) -> bytes:
        """Begin the next member, and return its first bytes; zero bytes between members are padding."""
        fed = (self._between + fed).lstrip(b"\0")
        if len(fed) < len(GZIP_MAGIC):
            self._between = fed
            return b""
        if not fed.startswith(GZIP_MAGIC):
            raise BrokenContentError(_NO_MEMBER)
        self._between = b""
        self._member = zlib_ng.decompressobj(wbits=_GZIP_WRAPPED)
        self._members.count += 1
        return fed

    def _step(self, member: "zlib_ng._Decompress", fed: bytes) -> Generator[bytes, None, bytes]:
        """Yield a piece, and return the part of ``fed`` that was not taken."""
        before = member.copy()  # type: ignore[attr-defined]  # its stub lacks it
        try:
            piece = member.decompress(fed, PIECE_BYTES_MAX)
        except _DAMAGED as error:
            yield from _up_to_the_damage(before, fed)
            raise BrokenContentError(f"the gzip data is damaged: {error}") from error
        self._unfolded_bytes += len(piece)
        limit = max(UNFOLDED_BYTES_MIN, self._fed_bytes * UNFOLDING_RATIO_MAX)
        if self._unfolded_bytes > limit:
            raise BrokenContentError(
                f"the gzip data decompresses to more than {UNFOLDING_RATIO_MAX} times its size; rows never do"
            )
        if piece:
            yield piece
        if not member.eof:
            return member.unconsumed_tail
        self._member = None
        return member.unused_data


def _up_to_the_damage(member: "zlib_ng._Decompress", fed: bytes) -> Iterator[bytes]:
    """Yield the readable beginning of a damaged slice.

    It is fed byte by byte, so that no byte before the damage is lost, and the result does not depend on where
    the blob's chunks end.
    """
    with suppress(_DAMAGED):
        for at in range(len(fed)):
            yield member.decompress(fed[at : at + 1], PIECE_BYTES_MAX)
