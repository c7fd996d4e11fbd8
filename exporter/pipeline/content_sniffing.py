"""Content sniffing: recognises blobs that are not newline-delimited JSON by their first bytes and lines.

Archives, compressed files, columnar files and text in UTF-16 or UTF-32 are recognised by their first bytes.
JSON over several lines (an array, a pretty-printed document) is recognised by its first line, which is not a
value but continues on the next lines. A blob whose first line is damaged is still NDJSON: its other lines are
rows.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto

import msgspec

from exporter.pipeline.gunzip import BrokenContentError
from exporter.pipeline.sanitize import too_deep

# Typical lines have 2 KB, and documents over several lines have short ones: this is enough to see the layout.
WINDOW_BYTES = 256 * 1024
BOM = b"\xef\xbb\xbf"
# A first line that begins with an array may have any allowed length.
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
    # UTF-32 first: one of its marks begins with a mark of UTF-16.
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
"""Every name that ``looks_like`` can have."""
_anything = msgspec.json.Decoder(msgspec.Raw).decode
_TRUNCATED, _TRAILING = "Input data was truncated", re.compile(r"trailing characters \(byte (\d+)\)")
_LINES_MIN = 2


class SniffedContent:
    """A blob's plain content, of which as much is read ahead as its kind takes to recognise.

    ``looks_like`` names the kind, or is None for newline-delimited JSON. ``pieces`` are all pieces of the
    content, including those that were read ahead.
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
        """All pieces of the content, once; raises ``BrokenContentError`` where reading ahead did."""
        taken, self._taken = self._taken, []
        yield from taken
        if self._broken is not None:
            raise self._broken
        yield from self._pieces

    def _more(self, bytes_max: int) -> bool:
        """Read ahead one piece; False at the end, or if more than ``bytes_max`` bytes were read."""
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
        """Recognise JSON over several lines, and an array as the only line."""
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
        """Whether only white space follows."""
        while not (follows := self._content[at:].strip()) and self._more(at + WINDOW_BYTES):
            continue
        return not follows and self._ended and self._broken is None

    def _whole_lines(self, at: int) -> bytes:
        """Return the content from ``at`` to the last line end, or to the end of the blob."""
        return bytes(self._content[at : None if self._ended else self._content.rfind(b"\n") + 1])


class _State(Enum):
    """How a window of one or more JSON values ends."""

    WHOLE = auto()
    WITHIN_A_VALUE = auto()
    INVALID = auto()


def _goes_on(window: bytes) -> bool:
    """Whether the first line, which is not JSON, continues on the next lines and is not just damaged."""
    values, state = _parsed(window)
    lines = [line for line in window.split(b"\n") if line.strip()]
    if state is _State.INVALID or len(lines) < _LINES_MIN or any(map(_is_row, values)):
        return False
    # A damaged line followed by a row may look like the beginning of a value; a third line decides.
    return state is _State.WHOLE or not _is_row(lines[-1])


def _is_row(text: bytes) -> bool:
    """Whether the text is an object on one line."""
    return text.lstrip().startswith(b"{") and b"\n" not in text.strip() and is_json(text)


def is_json(line: bytes) -> bool:
    """Whether the text is one JSON value of allowed depth."""
    return _parsed(line) == ([line.strip()], _State.WHOLE)


def _parsed(window: bytes) -> tuple[list[bytes], _State]:
    """Return the consecutive values, and how the window ends."""
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
