"""The forms of a blob: gzip usually, and every other form that is allowed or occurs."""

import io
import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from enum import StrEnum

from zlib_ng import zlib_ng

# gzip's framing around deflate, with a header time of 0.
_GZIP_WBITS = 31
_BOM = b"\xef\xbb\xbf"
# The first three bits of a deflate block whose tables are missing. No reader gets a byte out of it, so all
# readers see the same of a truncated blob.
_TORN_BLOCK = b"\x05"
_MEMBERS = 4
_SMALL_LEVEL = 6


class Form(StrEnum):
    """The form of a blob."""

    GZIP = "gzip"
    PLAIN = "plain"
    MULTI_MEMBER = "multi-member"
    TRUNCATED = "truncated"
    NO_LAST_NEWLINE = "no-last-newline"
    CRLF = "crlf"
    BOM = "bom"


def of_another_kind(name: str, rows: list[bytes]) -> bytes:
    """Return rows in the form that the blob's name says, which is not newline-delimited JSON."""
    return next(make for kind, make in OTHER_KINDS.items() if f"-{kind}." in name)(rows)


def _zip(rows: list[bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        # Dated 1980, so that the bytes are always the same.
        archive.writestr(zipfile.ZipInfo("rows.json"), b"\n".join(rows))
    return content.getvalue()


def _pretty(rows: list[bytes]) -> bytes:
    return "\n".join(json.dumps(json.loads(row), indent=2) for row in rows).encode()


OTHER_KINDS: dict[str, Callable[[list[bytes]], bytes]] = {
    "zip": _zip,
    "array": lambda rows: b"[\n" + b",\n".join(rows) + b"\n]",
    "pretty": _pretty,
    "utf-16": lambda rows: b"\n".join(rows).decode().encode("utf-16"),
}
"""Forms that are not newline-delimited JSON."""


def written(form: Form, lines: Iterator[bytes], gzip_level: int) -> Iterator[bytes]:
    """Yield the blob's bytes. The two forms of large blobs keep little of it in memory."""
    match form:
        case Form.PLAIN:
            yield from lines
        case Form.GZIP:
            yield from _gzip(lines, gzip_level)
        case _:
            yield _special(form, b"".join(lines))


def _special(form: Form, data: bytes) -> bytes:
    match form:
        case Form.MULTI_MEMBER:
            return _members(data)
        case Form.TRUNCATED:
            return _truncated(data[:-1])
        case Form.NO_LAST_NEWLINE:
            return _whole(data[:-1])
        case Form.CRLF:
            return _whole(data.replace(b"\n", b"\r\n"))
        case _:
            return _whole(_BOM + _joined(data))


def _joined(data: bytes) -> bytes:
    """Return the lines as two appended files, of which the second begins with a byte order mark."""
    middle = data.index(b"\n", len(data) // 2) + 1
    return data[:middle] + _BOM + data[middle:] if data[middle:] else data


def _gzip(lines: Iterator[bytes], level: int) -> Iterator[bytes]:
    packer = zlib_ng.compressobj(level, zlib_ng.DEFLATED, _GZIP_WBITS)
    for some in lines:
        if packed := packer.compress(some):
            yield packed
    yield packer.flush()


def _whole(data: bytes) -> bytes:
    return b"".join(_gzip(iter([data]), _SMALL_LEVEL))


def _members(data: bytes) -> bytes:
    """Return several gzip members, cut anywhere, with an empty one in between."""
    edges = [len(data) * member // _MEMBERS for member in range(_MEMBERS + 1)]
    members = [_whole(data[low:high]) for low, high in itertools.pairwise(edges)]
    return b"".join([*members[:2], _whole(b""), *members[2:]])


def _truncated(data: bytes) -> bytes:
    """Return a gzip that ends after the data, in the middle of a block, without end mark and checksum."""
    packer = zlib_ng.compressobj(_SMALL_LEVEL, zlib_ng.DEFLATED, _GZIP_WBITS)
    return packer.compress(data) + packer.flush(zlib_ng.Z_SYNC_FLUSH) + _TORN_BLOCK
