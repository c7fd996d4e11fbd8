"""Repairs and checks on the text of a JSON line before it is decoded.

Working on the text keeps all numbers and all other characters unchanged.
"""

import re

# JSON allows any depth, but readers fail somewhere between 512 and some thousand levels.
NESTING_MAX = 512
_OBJECT_BYTES_MIN = len(b'{"":')

# Matches one escape at a time from the left, so an escaped backslash before "u" is not mistaken for "\u".
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_REPLACEMENT = rb"\ufffd"
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def without_lone_surrogates(line: bytes) -> bytes:
    r"""Return the line with each lone escaped surrogate replaced by ``\ufffd``.

    A lone surrogate is not a character, and most readers refuse the whole file for it.
    """
    # Searching for one byte is ten times faster than for three, and most lines have no escape.
    if b"\\" not in line or (b"\\ud" not in line and b"\\uD" not in line):
        return line
    # An iterator: a list of all escapes would take fifty times the memory of the line.
    mended, end = bytearray(), 0
    for escape in _ESCAPE.finditer(line):
        if escape["lone"]:
            mended += line[end : escape.start()] + _REPLACEMENT
            end = escape.end()
    return bytes(mended + line[end:]) if end else line


def may_be_deep(line: bytes) -> bool:
    """Whether ``too_deep`` needs more than this quick check of a line.

    A nested object takes ``_OBJECT_BYTES_MIN`` bytes or more, so in a short line only arrays count.
    """
    objects, arrays, place = len(line) // _OBJECT_BYTES_MIN, 0, line.find(b"[")
    # Searching one by one takes half the time of counting if there are few.
    while place >= 0 and objects + arrays <= NESTING_MAX:
        arrays, place = arrays + 1, line.find(b"[", place + 1)
    return objects + arrays > NESTING_MAX


def too_deep(line: bytes) -> bool:
    """Whether objects and arrays are nested deeper than ``NESTING_MAX``; may be False for invalid JSON."""
    # Counting is enough for all typical rows.
    if not may_be_deep(line) or line.count(b"{") + line.count(b"[") <= NESTING_MAX:
        return False
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(line):
        bracket = token[0]
        if bracket in b"{[":
            depth += 1
            if depth > NESTING_MAX:
                return True
        elif bracket in b"}]":
            depth -= 1
    return False
