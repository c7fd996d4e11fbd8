"""How rows become the bytes of a blob: gzip as a rule, and everything else that is allowed or happens."""

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
# The first three bits of a deflate block with tables of its own, which would follow. Nothing of it can be
# read, so what can be read of a torn blob does not depend on the reader.
_TORN_BLOCK = b"\x05"
_MEMBERS = 4
_SMALL_LEVEL = 6


class Form(StrEnum):
    """How a blob is written."""

    GZIP = "gzip"
    PLAIN = "plain"
    MULTI_MEMBER = "multi-member"
    TRUNCATED = "truncated"
    NO_LAST_NEWLINE = "no-last-newline"
    CRLF = "crlf"
    BOM = "bom"


def of_another_kind(name: str, rows: list[bytes]) -> bytes:
    """Return rows in a form that is no newline-delimited JSON: the kind that the blob's name has."""
    return next(make for kind, make in OTHER_KINDS.items() if f"-{kind}." in name)(rows)


def _zip(rows: list[bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        # Of 1980, as the same bytes are made at any time.
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
"""Forms that are no newline-delimited JSON."""


def written(form: Form, lines: Iterator[bytes], gzip_level: int) -> Iterator[bytes]:
    """Yield the blob's bytes; the two forms that large blobs have hold little of it in memory."""
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
    """Return the lines as if a file that begins with a byte order mark had been put behind another one."""
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
    """Return several members, cut wherever it falls, with an empty one in between."""
    edges = [len(data) * member // _MEMBERS for member in range(_MEMBERS + 1)]
    members = [_whole(data[low:high]) for low, high in itertools.pairwise(edges)]
    return b"".join([*members[:2], _whole(b""), *members[2:]])


def _truncated(data: bytes) -> bytes:
    """Return a gzip that ends right after the data, in the middle of a block: no end mark, no checksum."""
    packer = zlib_ng.compressobj(_SMALL_LEVEL, zlib_ng.DEFLATED, _GZIP_WBITS)
    return packer.compress(data) + packer.flush(zlib_ng.Z_SYNC_FLUSH) + _TORN_BLOCK
