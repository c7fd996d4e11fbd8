"""The first row of a zip whose beginning is known: enough to tell whose rows it has."""

import struct
import zlib
from collections.abc import Iterator

LOCAL_FILE = b"PK\x03\x04"
_HEADER = struct.Struct("<4sHHHHHLLLHH")
_DEFLATED = 8
_RAW_DEFLATE = -15
_GZIP = 31
# Longer than a line, and little enough for a request: a beginning may unfold to a thousand times its size.
UNFOLDED_BYTES_MAX = 4 * 1024 * 1024


def first_line(beginning: bytes) -> bytes | None:
    """Return the first line of the first gzip member, without its end.

    None if the beginning holds no whole line of it, or the member is no gzip.
    """
    if len(beginning) < _HEADER.size or not beginning.startswith(LOCAL_FILE):
        return None
    fields = _HEADER.unpack_from(beginning)
    method, name_bytes, extra_bytes = fields[3], fields[9], fields[10]
    content = beginning[_HEADER.size + name_bytes + extra_bytes :]
    try:
        if method == _DEFLATED:
            content = zlib.decompressobj(_RAW_DEFLATE).decompress(content, UNFOLDED_BYTES_MAX)
        lines = zlib.decompressobj(_GZIP).decompress(content, UNFOLDED_BYTES_MAX)
    except zlib.error:
        return None
    line, end, _ = lines.partition(b"\n")
    return line if end else None


def up_to(size: int, pieces: Iterator[bytes]) -> bytes:
    """Read pieces until there are ``size`` bytes, or no more pieces; return these bytes, and no more."""
    taken = bytearray()
    while len(taken) < size and (piece := next(pieces, None)) is not None:
        taken += piece
    return bytes(taken[:size])
