"""Decompresses a blob if its content is gzip, and passes it on unchanged if not."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from zlib_ng import zlib_ng

GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WRAPPED = 31
_DAMAGED: type[Exception] = zlib_ng.error  # type: ignore[assignment]  # its stub takes the class for an instance
# Input and output of one step fit into the processor's cache: 20 % faster than 256 KiB.
FEED_BYTES = 16 * 1024
# Deflate reaches 1,032. Rows have UUIDs, which do not compress: their ratio is 6 to 10.
UNFOLDING_RATIO_MAX = 500
# Below this size any ratio is harmless.
UNFOLDED_BYTES_MIN = 64 * 1024 * 1024
# Bounds the output of one step: 16 KiB of deflate can expand to 16 MiB of zeros.
PIECE_BYTES_MAX = 256 * 1024


class BrokenContentError(Exception):
    """The rest of the content cannot be decompressed. The message gives the reason in words."""


class Members:
    """Counts the gzip members that were read so far; 0 for a blob that is not gzip."""

    count = 0


def plain(chunks: Iterable[bytes], members: Members | None = None) -> Iterator[bytes]:
    """Yield the plain content in small pieces, and count ``members``.

    Gzip is recognised by its first bytes, not by the name; it may have several members. Raises
    ``BrokenContentError`` after everything readable was yielded, and when the content expands to so many
    times its size that it cannot be rows: one megabyte of gzip can hold a gigabyte of zeros.
    """
    stream = _slices(chunks)
    first = b""
    while len(first) < len(GZIP_MAGIC) and (more := next(stream, None)):
        first += more
    if first.startswith(GZIP_MAGIC):
        yield from _bounded(_Counted(first, stream), members or Members())
    elif first:
        yield first
        yield from stream


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


class _Counted:
    """The input of the decompressor, with a count of its bytes so far."""

    def __init__(self, first: bytes, stream: Iterator[bytes]) -> None:
        self.first = first
        self.bytes = len(first)
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        for feed in self._stream:
            self.bytes += len(feed)
            yield feed


def _bounded(fed: _Counted, members: Members) -> Iterator[bytes]:
    unfolded = 0
    for piece in _gunzipped(fed.first, iter(fed), members):
        unfolded += len(piece)
        if unfolded > UNFOLDED_BYTES_MIN and unfolded > fed.bytes * UNFOLDING_RATIO_MAX:
            raise BrokenContentError(
                f"the gzip data decompresses to more than {UNFOLDING_RATIO_MAX} times its size; rows never do"
            )
        yield piece


def _gunzipped(first: bytes, stream: Iterator[bytes], members: Members) -> Iterator[bytes]:
    member = zlib_ng.decompressobj(wbits=_GZIP_WRAPPED)
    fed = first
    members.count += 1
    while True:
        before = member.copy()  # type: ignore[attr-defined]  # its stub lacks it
        try:
            piece = member.decompress(fed, PIECE_BYTES_MAX)
        except _DAMAGED as error:
            yield from _up_to_the_damage(before, fed)
            raise BrokenContentError(f"the gzip data is damaged: {error}") from error
        if piece:
            yield piece
        if not member.eof:
            fed = member.unconsumed_tail or next(stream, b"")
            # The decompressor may still hold output; the end is no input and no output.
            if not fed and not piece:
                raise BrokenContentError("the gzip data ends too early")
            continue
        rest = _next_member(member.unused_data, stream)
        if not rest:
            return
        member, fed = zlib_ng.decompressobj(wbits=_GZIP_WRAPPED), rest
        members.count += 1


def _up_to_the_damage(member: "zlib_ng._Decompress", fed: bytes) -> Iterator[bytes]:
    """Yield the readable beginning of a damaged slice.

    It is fed byte by byte, so that no byte before the damage is lost, and the result does not depend on where
    the blob's chunks end.
    """
    with suppress(_DAMAGED):
        for at in range(len(fed)):
            yield member.decompress(fed[at : at + 1], PIECE_BYTES_MAX)


def _next_member(rest: bytes, stream: Iterator[bytes]) -> bytes:
    """Return the first bytes of the next member, or b"" at the end; zero bytes in between are padding."""
    rest = rest.lstrip(b"\0")
    while len(rest) < len(GZIP_MAGIC) and (more := next(stream, None)):
        rest = (rest + more).lstrip(b"\0")
    if rest and not rest.startswith(GZIP_MAGIC):
        raise BrokenContentError("the gzip data is followed by other data")
    return rest
