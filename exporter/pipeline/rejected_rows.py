"""Reads back the rejected and amended rows that ``chain.rejected_line`` writes, with little memory.

A row may have 16 MiB. It is the last field of its line, so that the beginning of a line is enough to show it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from exporter.pipeline.gunzip import plain

# What is shown of a row.
SHOWN_BYTES_MAX = 4096
# Place and reason need less, and the longest escape of JSON has six characters for one.
_READ_BYTES_MAX = 64 * 1024
_TEXT, _BASE64 = b',"row":"', b',"row_base64":"'
# A cut through an escape, a surrogate pair or a character of UTF-8 leaves less than that.
_BROKEN_BYTES_MAX = 12


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A rejected or amended row: ``why`` has its place and its reason, by the names in the stored line.

    ``content`` is the row as text, or in base64 if ``base64`` is true; ``cut`` says that there is more of it.
    """

    why: dict[str, Any]
    content: str
    base64: bool
    cut: bool

    @property
    def reason(self) -> str:
        """The reason, by its stable name."""
        return str(self.why["reason"])


def kept_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the beginnings of the lines of a blob; ``BrokenContentError`` after the last readable one."""
    line = bytearray()
    for piece in plain(pieces):
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            line += piece[start:end][: _READ_BYTES_MAX - len(line)]
            yield bytes(line)
            line.clear()
            start = end + 1
        line += piece[start:][: _READ_BYTES_MAX - len(line)]


def kept_row(line: bytes) -> KeptRow:
    """Return the row of a line, or of the beginning of one; ValueError if it is none."""
    # Within a text a quotation mark is escaped: these bytes begin the last field, and nothing else.
    marker = _TEXT if _TEXT in line else _BASE64
    head, found, rest = line.partition(marker)
    if not found:
        raise ValueError("not a line of rejected rows")
    why = orjson.loads(head + b"}")
    complete = rest.endswith(b'"}') and len(line) < _READ_BYTES_MAX
    content = rest[:-2] if complete else rest
    if marker == _BASE64:
        # Four characters are three bytes.
        shown = content[: SHOWN_BYTES_MAX // 3 * 4]
        return KeptRow(why, shown.decode(), base64=True, cut=not complete or shown != content)
    text = _unescaped(content if complete else content[: SHOWN_BYTES_MAX * 6])
    shown_text = text.encode()[:SHOWN_BYTES_MAX].decode(errors="ignore")
    return KeptRow(why, shown_text, base64=False, cut=not complete or shown_text != text)


def _unescaped(content: bytes) -> str:
    """Return the text of JSON's escapes, without a last character that is cut."""
    for fewer in range(min(_BROKEN_BYTES_MAX, len(content)) + 1):
        try:
            return str(orjson.loads(b'"' + content[: len(content) - fewer] + b'"'))
        except orjson.JSONDecodeError:
            continue
    raise ValueError("not a text of JSON")
