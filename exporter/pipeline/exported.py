"""What the row chain yields: encoded rows, or a landing blob that passes through as a file."""

from typing import NamedTuple


class Exported(NamedTuple):
    """Encoded rows: how many they are, and their lines joined, each with its newline."""

    rows: int
    content: bytes


class WholeFile(NamedTuple):
    """A finished gzip file: how many rows it has, and its bytes in pieces."""

    rows: int
    pieces: list[bytes]


NOTHING = Exported(0, b"")
