"""Values that do not fit into a table's column: JSON, compressed, over as many columns as it takes."""

import zlib
from collections.abc import Mapping

# Azure allows 64 KiB a column.
COLUMN_BYTES = 60_000
# Azure allows 1 MiB a row. The emulator counts its base64, so this is what both take; the record of an hour
# with 10,000 parts needs half of it.
DOCUMENT_BYTES_MAX = 720_000
_PREFIX = "document"


def to_columns(document: bytes) -> dict[str, bytes]:
    """Return the columns ``document0``, ``document1``, ... that hold a document; the same for the same."""
    packed = zlib.compress(document)
    if len(packed) > DOCUMENT_BYTES_MAX:
        raise ValueError(f"a document of {len(packed)} bytes does not fit into a row ({DOCUMENT_BYTES_MAX})")
    starts = range(0, len(packed), COLUMN_BYTES)
    return {f"{_PREFIX}{number}": packed[at : at + COLUMN_BYTES] for number, at in enumerate(starts)}


def from_columns(columns: Mapping[str, object]) -> bytes:
    """Return the document that a row's columns hold; ValueError if they hold none, or not all of it."""
    count = sum(name.startswith(_PREFIX) for name in columns)
    pieces = [columns.get(f"{_PREFIX}{number}") for number in range(count)]
    if not pieces or not all(isinstance(piece, bytes) for piece in pieces):
        raise ValueError("has no document, or lacks a piece of it")
    try:
        return zlib.decompress(b"".join(piece for piece in pieces if isinstance(piece, bytes)))
    except zlib.error as error:
        raise ValueError(f"holds a broken document: {error}") from error
