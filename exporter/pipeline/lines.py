"""From plain content to numbered lines."""

from collections.abc import Generator, Iterable, Iterator
from typing import NamedTuple

from exporter.domain.records import Reason, Rejection
from exporter.pipeline.gunzip import BrokenContentError, Members, plain

# A line is held in memory whole, and so is the row made of it. Real rows are 2 KB; 10 MB ones were seen.
LINE_BYTES_MAX = 16 * 1024 * 1024
# What is beyond that is kept aside in pieces of about this size: a gigabyte makes a thousand records.
REJECTED_PIECE_BYTES = 1024 * 1024
# Tiny lines come by the ten thousand, and what is said about each of them takes more than they do.
LINES_MAX = 256
_BOM = b"\xef\xbb\xbf"


class Lines(NamedTuple):
    """Lines that follow one another, without their newlines, none of them blank: a few dozen as a rule.

    ``number`` is that of the first; all lines of the blob count, from 1.
    """

    number: int
    contents: list[bytes]


class Unfit(NamedTuple):
    """What is no line: a ``piece`` of what is too long for one, or the rest of a blob that cannot be read."""

    number: int
    content: bytes
    rejection: Rejection
    piece: int


def lines(chunks: Iterable[bytes], members: Members | None = None) -> Iterator[Lines | Unfit]:
    r"""Yield the lines of a blob, in the same groups however it is cut into chunks; ``members`` are counted.

    A byte order mark at the very beginning is skipped, ``\r\n`` ends a line as ``\n`` does, and a last line
    needs neither. Of a damaged blob, what comes after its last whole line is unfit.
    """
    number, tail = 1, _Tail()
    try:
        for piece in _without_bom(plain(chunks, members)):
            contents = piece.split(b"\n")
            rest = contents.pop()
            if contents:
                contents[0] = yield from tail.end(number, contents[0])
                yield from _without_blanks(number, contents)
                number += len(contents)
            yield from tail.extend(number, rest)
    except BrokenContentError as broken:
        yield tail.broken(number, str(broken))
    else:
        last = yield from tail.end(number, b"")
        yield from _without_blanks(number, [last])


def _without_blanks(number: int, contents: list[bytes]) -> Iterator[Lines]:
    blanks = [place for place, content in enumerate(contents) if not content or content.isspace()]
    begin = 0
    for end in (*blanks, len(contents)):
        for start in range(begin, end, LINES_MAX):
            yield Lines(number + start, contents[start : min(start + LINES_MAX, end)])
        begin = end + 1


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
        self._pieces_unfit = 0

    def extend(self, number: int, content: bytes) -> Iterator[Unfit]:
        """Take more of the line; too much of it is passed on as unfit, piece by piece."""
        if content:
            self._pieces.append(content)
            self._bytes += len(content)
        if self._bytes > (REJECTED_PIECE_BYTES if self._pieces_unfit else LINE_BYTES_MAX):
            yield self._too_long(number)

    def end(self, number: int, content: bytes) -> Generator[Unfit, None, bytes]:
        """Take the rest of the line, and return it whole; of one that is unfit nothing is left."""
        yield from self.extend(number, content)
        if self._pieces_unfit and self._bytes:
            yield self._too_long(number)
        self._pieces_unfit = 0
        return self._take()

    def broken(self, number: int, why: str) -> Unfit:
        """Take notice that the rest of the line, and of the blob, cannot be read."""
        detail = f"The rest of this blob cannot be read: {why}."
        return Unfit(number, self._take(), Rejection(Reason.UNREADABLE, detail), self._pieces_unfit + 1)

    def _too_long(self, number: int) -> Unfit:
        self._pieces_unfit += 1
        detail = f"The line is longer than {LINE_BYTES_MAX} bytes; it is kept here in pieces."
        return Unfit(number, self._take(), Rejection(Reason.TOO_LONG, detail), self._pieces_unfit)

    def _take(self) -> bytes:
        whole = b"".join(self._pieces)
        self._pieces.clear()
        self._bytes = 0
        return whole
