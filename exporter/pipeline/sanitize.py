"""The few things in a line of JSON that are mended before it is read, without touching anything else.

Working on the text keeps every number and every other character exactly as it came.
"""

import re

# JSON allows any depth; readers do not. Those of the files we write give up between 512 and some thousands.
NESTING_MAX = 512
_OBJECT_BYTES_MIN = len(b'{"":')

# One escape at a time, from the left: so an escaped backslash before a "u" is never taken for a "\u".
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_REPLACEMENT = rb"\ufffd"
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def without_lone_surrogates(line: bytes) -> bytes:
    r"""Return the line with each escaped half of a surrogate pair replaced by ``\ufffd``.

    Half a pair is no character: most readers refuse the whole file for it.
    """
    # One byte is found ten times as fast as three, and most lines have no escape at all.
    if b"\\" not in line or (b"\\ud" not in line and b"\\uD" not in line):
        return line
    # One escape after the other: a list of all of them would take fifty times the memory of the line.
    mended, end = bytearray(), 0
    for escape in _ESCAPE.finditer(line):
        if escape["lone"]:
            mended += line[end : escape.start()] + _REPLACEMENT
            end = escape.end()
    return bytes(mended + line[end:]) if end else line


def may_be_deep(line: bytes) -> bool:
    """Whether it takes more than one look to say that a line of JSON is not ``too_deep``.

    An object within another value takes ``_OBJECT_BYTES_MIN`` or more, so in a short line only arrays count.
    """
    objects, arrays, place = len(line) // _OBJECT_BYTES_MIN, 0, line.find(b"[")
    # Searching for them one by one takes half the time of counting, if they are few.
    while place >= 0 and objects + arrays <= NESTING_MAX:
        arrays, place = arrays + 1, line.find(b"[", place + 1)
    return objects + arrays > NESTING_MAX


def too_deep(line: bytes) -> bool:
    """Whether objects and arrays are nested deeper than ``NESTING_MAX``; says no of some that are no JSON."""
    # Counting settles it for all real rows.
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
