"""Decodes UTF-8 in pieces: as one text, a line of 16 MiB with one emoji takes 64 MiB."""

import codecs
from collections.abc import Iterator

# Longer than nearly every line, so most lines are one piece.
PIECE_BYTES = 64 * 1024


def decoded(content: bytes) -> Iterator[str]:
    """Yield the text; ``UnicodeDecodeError`` has the place of the first wrong byte in the whole content."""
    start = 0
    while start < len(content):
        piece = content[start : start + PIECE_BYTES]
        try:
            text, used = codecs.utf_8_decode(piece, "strict", start + len(piece) == len(content))
        except UnicodeDecodeError as error:
            places = start + error.start, start + error.end
            raise UnicodeDecodeError(error.encoding, content, *places, error.reason) from None
        yield text
        start += used


def check(content: bytes) -> None:
    """Raise ``UnicodeDecodeError`` unless the content is UTF-8."""
    if len(content) <= PIECE_BYTES:
        content.decode()
    else:
        for _ in decoded(content):
            continue
