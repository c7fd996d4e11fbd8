"""From plain content to numbered lines."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from exporter.domain.records import Reason, Rejection
from exporter.pipeline.gunzip import BrokenContentError, plain

# A line is held in memory whole, and so is the row made of it. Real rows are 2 KB; 10 MB ones were seen.
LINE_BYTES_MAX = 16 * 1024 * 1024
# What is beyond that is kept aside in pieces of about this size: a gigabyte makes a thousand records.
REJECTED_PIECE_BYTES = 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A line that is not blank, without its newline; ``number`` counts all lines of the blob from 1.

    With a ``rejection`` it is no row: the content is what could be read of it, perhaps one ``piece`` of
    several.
    """

    number: int
    content: bytes
    rejection: Rejection | None = None
    piece: int = 1


def lines(chunks: Iterable[bytes]) -> Iterator[Line]:
    r"""Yield the lines of a blob.

    A byte order mark at the very beginning is skipped, ``\r\n`` ends a line as ``\n`` does, and a last line
    needs neither. Of a damaged blob, what comes after its last whole line is one rejected line.
    """
    number, tail = 1, _Tail()
    try:
        for piece in _without_bom(plain(chunks)):
            first, *others = piece.split(b"\n")
            if not others:
                yield from tail.extend(number, first)
                continue
            yield from tail.end(number, first)
            number += 1
            *whole, last = others
            for content in whole:
                if content and not content.isspace():
                    yield Line(number, content)
                number += 1
            yield from tail.extend(number, last)
    except BrokenContentError as broken:
        yield tail.broken(number, str(broken))
    else:
        yield from tail.end(number, b"")


def _without_bom(pieces: Iterator[bytes]) -> Iterator[bytes]:
    first = b""
    try:
        while len(first) < len(_BOM) and (more := next(pieces, None)):
            first += more
    except BrokenContentError:
        yield first
        raise
    if first := first.removeprefix(_BOM):
        yield first
    yield from pieces


class _Tail:
    """The beginning of a line whose end has not come yet."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._bytes = 0
        self._pieces_rejected = 0

    def extend(self, number: int, content: bytes) -> Iterator[Line]:
        """Take more of the line; too much of it is passed on as rejected, piece by piece."""
        if content:
            self._pieces.append(content)
            self._bytes += len(content)
        if self._bytes > (REJECTED_PIECE_BYTES if self._pieces_rejected else LINE_BYTES_MAX):
            yield self._too_long(number)

    def end(self, number: int, content: bytes) -> Iterator[Line]:
        """Take the rest of the line."""
        yield from self.extend(number, content)
        if self._pieces_rejected and self._bytes:
            yield self._too_long(number)
        whole = self._take()
        if whole and not whole.isspace():
            yield Line(number, whole)
        self._pieces_rejected = 0

    def broken(self, number: int, why: str) -> Line:
        """Take notice that the rest of the line, and of the blob, cannot be read."""
        detail = f"The rest of this blob cannot be read: {why}."
        return Line(
            number, self._take(), Rejection(Reason.UNREADABLE, detail), piece=self._pieces_rejected + 1
        )

    def _too_long(self, number: int) -> Line:
        self._pieces_rejected += 1
        detail = f"The line is longer than {LINE_BYTES_MAX} bytes; it is kept here in pieces."
        return Line(number, self._take(), Rejection(Reason.TOO_LONG, detail), self._pieces_rejected)

    def _take(self) -> bytes:
        whole = b"".join(self._pieces)
        self._pieces.clear()
        self._bytes = 0
        return whole
