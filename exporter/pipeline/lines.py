"""Splits plain content into numbered lines."""

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, override

from exporter.domain.row_schema import Reason, Rejection
from exporter.pipeline.content_sniffing import BOM, SniffedContent, is_json
from exporter.pipeline.gunzip import BrokenContentError, Members, plain

# A line and its row are in memory whole. Typical rows have 2 KB; rows of 10 MB were seen.
LINE_BYTES_MAX = 16 * 1024 * 1024
# Longer lines are rejected in pieces of about this size, which bounds memory.
REJECTED_PIECE_BYTES = 1024 * 1024
# Kept bytes of a rejected line: a megabyte of gzip can expand to a line of a gigabyte.
LINE_KEPT_BYTES_MAX = 64 * 1024 * 1024
# Kept bytes of a blob that is not NDJSON; landing has all of it.
BLOB_KEPT_BYTES_MAX = 1024 * 1024
# Lines in one group: objects for ten thousands of tiny lines would take more memory than the lines.
LINES_MAX = 256
# Lines are kept in one text if it is not longer than this, which is longer than any usual group.
_TOGETHER_BYTES_MAX = 512 * 1024
_MARK_BYTE = BOM[:1]
_NEWLINE, _BRACE = b"\n", ord("{")
# Two files were joined: the first has no last newline, the second begins with a byte order mark.
_SEAM = re.compile(rb"(?<=\})[ \t\r]*(?:\xef\xbb\xbf)+[ \t]*(?=\{)")


class Lines(Sequence[bytes]):
    """Consecutive lines without newlines, none of them blank; mostly a few dozen, ``LINES_MAX`` at most.

    ``number`` is the number of the first line. All lines of the blob count, from 1. Usual lines are kept as
    one text, and cut out of it only when they are read one by one.
    """

    __slots__ = ("_contents", "_count", "_text", "number")

    def __init__(
        self, number: int, contents: list[bytes] | None = None, *, text: bytes = b"", count: int = 0
    ) -> None:
        self.number = number
        self._count = count if contents is None else len(contents)
        self._contents = contents
        self._text = text

    @property
    def contents(self) -> list[bytes]:
        """The lines."""
        if self._contents is None:
            self._contents = self._text.split(_NEWLINE)[:-1]
        return self._contents

    @property
    def text(self) -> bytes:
        """The lines joined, each with its newline."""
        return self._text or b"".join([line + _NEWLINE for line in self.contents])

    @property
    def joined(self) -> bytes:
        """The lines with newlines between them, or also behind them; a single line is not copied."""
        return self._text or _NEWLINE.join(self.contents)

    @property
    def size(self) -> int:
        """The number of bytes of the text."""
        return len(self._text) or sum(map(len, self.contents)) + self._count

    def line(self, place: int) -> bytes:
        """Return one line. If only few are read, this takes less time than ``contents``."""
        if self._contents is not None:
            return self._contents[place]
        start = 0
        for _ in range(place):
            start = self._text.index(_NEWLINE, start) + 1
        return self._text[start : self._text.index(_NEWLINE, start)]

    @override
    def __len__(self) -> int:
        return self._count

    @override
    def __iter__(self) -> Iterator[bytes]:
        return iter(self.contents)

    @override
    def __getitem__(self, place: Any) -> Any:
        return self.contents[place]

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lines) and (self.number, self.contents) == (other.number, other.contents)

    @override
    def __hash__(self) -> int:
        return hash((self.number, self.text))

    @override
    def __repr__(self) -> str:
        return f"Lines({self.number}, {self.contents})"


class Unfit(NamedTuple):
    """Content that cannot be a line.

    It is a ``piece`` of a line that is too long, a blob of another kind, or damage. ``cut`` marks content of
    which only the beginning is kept.
    """

    number: int
    content: bytes
    rejection: Rejection
    piece: int = 1
    cut: bool = False


def lines(chunks: Iterable[bytes], members: Members | None = None) -> Iterator[Lines | Unfit]:
    r"""Yield the lines of a blob, and count its gzip ``members``.

    The groups of lines do not depend on how the blob is cut into chunks.

    A byte order mark at the beginning of a line is skipped, ``\r\n`` ends a line as ``\n`` does, and the last
    line needs neither. The content after the last whole line of a damaged blob is unfit. A blob that is not
    newline-delimited JSON is unfit as a whole, and is read only as far as it is kept.
    """
    beginning = SniffedContent(plain(chunks, members))
    if beginning.looks_like is not None:
        yield _no_lines(beginning.looks_like, beginning.pieces)
        return
    number, tail = 1, _Tail()
    try:
        for piece in beginning.pieces:
            first, end = piece.find(_NEWLINE), piece.rfind(_NEWLINE) + 1
            if first >= 0:
                line = yield from tail.end(number, piece[:first])
                whole = memoryview(piece)[first:end]
                if (usual := _usual(number, line, whole)) is not None:
                    yield usual
                    number += len(usual)
                else:
                    contents = [line, *bytes(whole).split(_NEWLINE)[1:-1]]
                    marked = (_MARK_BYTE in piece and BOM in piece) or BOM in line
                    yield from (
                        _without_marks(number, contents) if marked else _without_blanks(number, contents)
                    )
                    number += len(contents)
            yield from tail.extend(number, piece[end:])
    except BrokenContentError as broken:
        yield tail.broken(number, str(broken))
    else:
        last = yield from tail.end(number, b"")
        yield from _without_marks(number, [last])


def _usual(number: int, line: bytes, whole: memoryview) -> Lines | None:
    """Return a line and the lines after it as one text; None unless each begins with a brace and has no mark.

    None also if they are too many, or too long, for one group. ``whole`` begins with the newline of the first
    line, and ends with that of the last one.
    """
    if len(line) + len(whole) > _TOGETHER_BYTES_MAX:
        return None
    text = b"".join((line, whole))
    count, at, end = 0, 0, len(text)
    while at < end:
        if text[at] != _BRACE or count == LINES_MAX:
            return None
        at = text.find(_NEWLINE, at) + 1
        count += 1
    # Searching for one byte is ten times faster than for three, and few rows contain it.
    return None if _MARK_BYTE in text and BOM in text else Lines(number, text=text, count=count)


def _no_lines(looks_like: str, pieces: Iterator[bytes]) -> Unfit:
    """Return a blob of another kind, with the kept part of its plain content."""
    kept = bytearray()
    with suppress(BrokenContentError):
        while len(kept) <= BLOB_KEPT_BYTES_MAX and (piece := next(pieces, None)) is not None:
            kept += piece
    cut = len(kept) > BLOB_KEPT_BYTES_MAX
    detail = f"The blob is not newline-delimited JSON: it looks like {looks_like}."
    if cut:
        detail += (
            f" Only its first {BLOB_KEPT_BYTES_MAX} bytes are kept here; the landing blob holds all of it."
        )
    return Unfit(1, bytes(kept[:BLOB_KEPT_BYTES_MAX]), Rejection(Reason.NOT_NDJSON, detail), cut=cut)


def _without_marks(number: int, contents: list[bytes]) -> Iterator[Lines]:
    """Yield lines without the byte order marks before them.

    Marks are where files were joined, perhaps without a newline. Joined lines share a number.
    """
    for at, content in enumerate(contents, number):
        for line in _unjoined(_unmarked(content)):
            yield from _without_blanks(at, [line])


def _unmarked(content: bytes) -> bytes:
    while content.startswith(BOM):
        content = content.removeprefix(BOM)
    return content


def _unjoined(content: bytes) -> list[bytes]:
    """Return the joined lines that a line contains; a mark inside a JSON string does not separate lines."""
    if BOM not in content or is_json(content):
        return [content]
    parts = _SEAM.split(content)
    return parts if all(map(is_json, parts)) else [content]


def _without_blanks(number: int, contents: list[bytes]) -> Iterator[Lines]:
    if not any(contents):
        return
    blanks = [place for place, content in enumerate(contents) if not content or content.isspace()]
    begin = 0
    for end in (*blanks, len(contents)):
        for start in range(begin, end, LINES_MAX):
            yield Lines(number + start, contents[start : min(start + LINES_MAX, end)])
        begin = end + 1


class _Tail:
    """The beginning of a line whose end was not read yet."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._bytes = 0
        self._pieces_unfit = 0
        self._line_bytes = 0

    def extend(self, number: int, content: bytes) -> Iterator[Unfit]:
        """Add content to the line; yield it as unfit, piece by piece, once it is too long."""
        self._line_bytes += len(content)
        if content and self._line_bytes - len(content) < LINE_KEPT_BYTES_MAX:
            self._pieces.append(content)
            self._bytes += len(content)
        if self._bytes > (REJECTED_PIECE_BYTES if self._pieces_unfit else LINE_BYTES_MAX):
            yield self._too_long(number)

    def end(self, number: int, content: bytes) -> Generator[Unfit, None, bytes]:
        """Add the rest of the line and return the line; b"" for one that was yielded as unfit."""
        yield from self.extend(number, content)
        if self._pieces_unfit and (self._bytes or self._is_cut):
            yield self._too_long(number, f"The line is {self._line_bytes} bytes long")
        self._pieces_unfit = self._line_bytes = 0
        return self._take()

    def broken(self, number: int, why: str) -> Unfit:
        """Return the unfit rest of a blob that cannot be read further."""
        detail = f"The rest of this blob cannot be read: {why}."
        rejection = Rejection(Reason.UNREADABLE, detail)
        return Unfit(number, _unmarked(self._take()), rejection, self._pieces_unfit + 1, cut=self._is_cut)

    @property
    def _is_cut(self) -> bool:
        return self._line_bytes > LINE_KEPT_BYTES_MAX

    def _too_long(self, number: int, length: str = "") -> Unfit:
        self._pieces_unfit += 1
        detail = f"{length or f'The line is longer than {LINE_BYTES_MAX} bytes'}; "
        detail += "only its beginning is kept here" if self._is_cut else "it is kept here"
        detail += ", in pieces; the landing blob holds all of it." if self._is_cut else " in pieces."
        rejection = Rejection(Reason.TOO_LONG, detail)
        return Unfit(number, self._take(), rejection, self._pieces_unfit, cut=self._is_cut)

    def _take(self) -> bytes:
        whole = b"".join(self._pieces)
        self._pieces.clear()
        self._bytes = 0
        return whole
