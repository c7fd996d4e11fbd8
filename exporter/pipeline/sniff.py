"""Telling blobs that are no newline-delimited JSON at all, by how their plain content begins.

Archives, compressed files, columnar files and text in UTF-16 or UTF-32 are told by their first bytes. JSON
that is laid out over several lines (an array, a pretty-printed document) is told by its first line: that is
no value by itself, but continues on the lines after it. A blob whose first line is merely damaged is not
among these: its other lines are rows.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto

import msgspec

from exporter.pipeline.gunzip import BrokenContentError
from exporter.pipeline.sanitize import too_deep

# Real lines are 2 KB, and documents over several lines have short ones: the layout shows well before this.
WINDOW_BYTES = 256 * 1024
BOM = b"\xef\xbb\xbf"
# A first line that begins an array may be as long as any other line.
FIRST_LINE_BYTES_MAX = 16 * 1024 * 1024
_MAGIC_BYTES_MAX = 16
_BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
_MAGIC = (
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"PK\x07\x08", "a zip archive"),
    (b"\x1f\x8b", "gzip within gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\0", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\xff\x06\0\0sNaPpY", "snappy"),
    (b"PAR1\x15", "Parquet"),
    (b"Obj\x01", "Avro"),
    # Those of UTF-32 first: one of them begins as one of UTF-16 does.
    (b"\xff\xfe\0\0", "text in UTF-32"),
    (b"\0\0\xfe\xff", "text in UTF-32"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
    (b"{\0\0\0", "text in UTF-32"),
    (b"\0\0\0{", "text in UTF-32"),
    (b"[\0\0\0", "text in UTF-32"),
    (b"\0\0\0[", "text in UTF-32"),
    (b"{\0", "text in UTF-16"),
    (b"\0{", "text in UTF-16"),
    (b"[\0", "text in UTF-16"),
    (b"\0[", "text in UTF-16"),
)
_ARRAY, _PRETTY = "a JSON array", "pretty-printed JSON"
NAMES = tuple(dict.fromkeys([name for _, name in _MAGIC] + ["bzip2", _ARRAY, _PRETTY]))
"""All that a blob may be said to look like."""
_anything = msgspec.json.Decoder(msgspec.Raw).decode
_TRUNCATED, _TRAILING = "Input data was truncated", re.compile(r"trailing characters \(byte (\d+)\)")
_LINES_MIN = 2


class Beginning:
    """The first pieces of a blob's plain content: as many as it takes to tell what it is.

    ``looks_like`` says what it is if it is no newline-delimited JSON, else it is None. ``pieces`` are all
    pieces of the content, those that were looked at included.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._taken: list[bytes] = []
        self._content = bytearray()
        self._broken: BrokenContentError | None = None
        self._ended = False
        self.looks_like = self._look()
        self._content = bytearray()

    @property
    def pieces(self) -> Iterator[bytes]:
        """All pieces of the content, once; raises ``BrokenContentError`` as reading them does."""
        taken, self._taken = self._taken, []
        yield from taken
        if self._broken is not None:
            raise self._broken
        yield from self._pieces

    def _more(self, bytes_max: int) -> bool:
        """Take another piece; False if there is none, or if more than that many bytes were taken."""
        if self._ended or len(self._content) > bytes_max:
            return False
        try:
            piece = next(self._pieces, None)
        except BrokenContentError as broken:
            self._broken = broken
            piece = None
        if piece is None:
            self._ended = True
            return False
        self._taken.append(piece)
        self._content += piece
        return True

    def _look(self) -> str | None:
        while len(self._content) < _MAGIC_BYTES_MAX and self._more(_MAGIC_BYTES_MAX):
            continue
        if _BZIP2.match(self._content):
            return "bzip2"
        found = next((name for magic, name in _MAGIC if self._content.startswith(magic)), None)
        return found or self._layout()

    def _layout(self) -> str | None:
        """Tell JSON over several lines, and an array that is alone in its line."""
        while not (start := self._content.removeprefix(BOM).lstrip()) and self._more(WINDOW_BYTES):
            continue
        if not start.startswith((b"{", b"[")):
            return None
        is_array = start.startswith(b"[")
        at = len(self._content) - len(start)
        while (end := self._content.find(b"\n", at)) < 0:
            if not self._more(FIRST_LINE_BYTES_MAX if is_array else WINDOW_BYTES):
                break
        if end < 0 and not self._ended:
            return None
        first = bytes(self._content[at : end if end >= 0 else None])
        if is_json(first):
            return _ARRAY if is_array and self._nothing_follows(at + len(first)) else None
        while _parsed(self._whole_lines(at))[1] is not _State.INVALID and self._more(WINDOW_BYTES):
            continue
        if not _goes_on(self._whole_lines(at)):
            return None
        return _ARRAY if is_array else _PRETTY

    def _nothing_follows(self, at: int) -> bool:
        """Whether there is nothing but white space from there on."""
        while not (follows := self._content[at:].strip()) and self._more(at + WINDOW_BYTES):
            continue
        return not follows and self._ended and self._broken is None

    def _whole_lines(self, at: int) -> bytes:
        """Return what was taken from there on, up to the last end of a line unless there is no more."""
        return bytes(self._content[at : None if self._ended else self._content.rfind(b"\n") + 1])


class _State(Enum):
    """How a window of JSON ends, that is one value or several."""

    WHOLE = auto()
    WITHIN_A_VALUE = auto()
    INVALID = auto()


def _goes_on(window: bytes) -> bool:
    """Whether the first line, which is no JSON, goes on in those after it, and is not just damaged."""
    values, state = _parsed(window)
    lines = [line for line in window.split(b"\n") if line.strip()]
    if state is _State.INVALID or len(lines) < _LINES_MIN or any(map(_is_row, values)):
        return False
    # A damaged line and a row after it may look like the beginning of a value; a third line settles it.
    return state is _State.WHOLE or not _is_row(lines[-1])


def _is_row(text: bytes) -> bool:
    """Whether the text is an object in one line."""
    return text.lstrip().startswith(b"{") and b"\n" not in text.strip() and is_json(text)


def is_json(line: bytes) -> bool:
    """Whether the text is one JSON value, nested no deeper than rows may be."""
    return _parsed(line) == ([line.strip()], _State.WHOLE)


def _parsed(window: bytes) -> tuple[list[bytes], _State]:
    """Return the values that stand one after the other, and how the window ends."""
    values: list[bytes] = []
    rest = window.strip()
    while rest:
        if too_deep(rest):
            return values, _State.INVALID
        try:
            _anything(rest)
        except msgspec.DecodeError as error:
            place = _TRAILING.search(str(error))
            if place is None:
                return values, _State.WITHIN_A_VALUE if _TRUNCATED in str(error) else _State.INVALID
            end = int(place[1]) - 1
        else:
            end = len(rest)
        values.append(rest[:end].rstrip())
        rest = rest[end:]
    return values, _State.WHOLE
