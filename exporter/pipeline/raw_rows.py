"""Splits content into lines byte for byte, and finds out of each line which row of which hour it is."""

import hashlib
import re
import uuid
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from exporter.domain.columns import END, in_columns
from exporter.domain.row_schema import Rejection
from exporter.domain.timestamps import HOUR_LENGTH, all_to_canonical, to_canonical
from exporter.pipeline.codec import readable
from exporter.pipeline.content_sniffing import BOM
from exporter.pipeline.gunzip import plain
from exporter.pipeline.key_set import KEY_BYTES
from exporter.pipeline.lines import LINE_BYTES_MAX

LINES_MAX = 256
_UUID_LENGTH, _UUID_SIGNS = 36, dict.fromkeys((8, 13, 18, 23), "-")
_DIGITS = re.compile(r"[0-9]{1,19}", re.ASCII)


class RawLines(NamedTuple):
    """Consecutive lines without their newlines, none of them blank."""

    contents: list[bytes]


class LinePiece(NamedTuple):
    """A piece of a line that is too long to be read as a whole; ``last`` ends the line."""

    content: bytes
    last: bool


class RowFacts(NamedTuple):
    """What is known of lines, each in its place.

    ``keys`` are 16 bytes: the UUID, or a hash of a line without one. ``hours`` are like ``2020-01-25 17``,
    None where the upload time is missing or cannot be read. ``foreign`` is another project's number, if a
    line names one.
    """

    keys: list[bytes]
    hours: list[str | None]
    foreign: int | None


class _Row(msgspec.Struct, gc=False):
    uuid: str
    server_upload_time: str
    app: int | None = None


_DECODER = msgspec.json.Decoder(_Row)
_ANY_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_ANY = msgspec.json.Decoder()


def raw_lines(chunks: Iterable[bytes]) -> Iterator[RawLines | LinePiece]:
    """Yield the lines of content, plain or gzip. Blank lines are left out; the last needs no newline.

    ``BrokenContentError`` if the content is damaged, after everything readable was yielded.
    """
    tail: list[bytes] = []
    tail_bytes, too_long = 0, False
    for piece in plain(chunks):
        contents = piece.split(b"\n")
        rest = contents.pop()
        if contents:
            contents[0] = b"".join([*tail, contents[0]])
            if too_long:
                yield LinePiece(contents.pop(0), last=True)
            tail, tail_bytes, too_long = [], 0, False
            yield from _batches(contents)
        if rest:
            tail.append(rest)
            tail_bytes += len(rest)
        if tail_bytes > LINE_BYTES_MAX:
            yield LinePiece(b"".join(tail), last=False)
            tail, tail_bytes, too_long = [], 0, True
    if too_long:
        yield LinePiece(b"".join(tail), last=True)
    elif tail:
        yield from _batches([b"".join(tail)])


def _batches(contents: list[bytes]) -> Iterator[RawLines]:
    lines = [line for line in contents if line and not line.isspace()]
    for start in range(0, len(lines), LINES_MAX):
        yield RawLines(lines[start : start + LINES_MAX])


def facts_of(lines: list[bytes], project_id: int) -> RowFacts:
    """Return what is known of lines of a project."""
    fast = _facts_fast(lines, project_id)
    if fast is not None:
        return fast
    keys, hours, foreign = list[bytes](), list[str | None](), None
    for line in lines:
        key, hour, app = _facts(line)
        keys.append(key)
        hours.append(hour)
        if foreign is None and app is not None and app != project_id:
            foreign = app
    return RowFacts(keys, hours, foreign)


def hash_key(line: bytes) -> bytes:
    """Return the key of a line without a UUID: equal lines are the same row."""
    return hashlib.md5(line, usedforsecurity=False).digest()


def _facts_fast(lines: list[bytes], project_id: int) -> RowFacts | None:
    """Return the facts if all lines are in the usual form, else None."""
    try:
        rows = list(map(_DECODER.decode, lines))
    except ValueError:
        return None
    if not {row.app for row in rows} <= {None, project_id}:
        return None
    uuids = END.join([row.uuid for row in rows])
    times = all_to_canonical([row.server_upload_time for row in rows])
    if times is None or not in_columns(uuids, len(rows), _UUID_LENGTH, _UUID_SIGNS):
        return None
    try:
        keys = bytes.fromhex(uuids.replace("-", ""))
    except ValueError:
        return None
    if len(keys) != KEY_BYTES * len(rows):
        return None
    starts = range(0, len(keys), KEY_BYTES)
    return RowFacts(
        [keys[start : start + KEY_BYTES] for start in starts], [time[:HOUR_LENGTH] for time in times], None
    )


def _facts(line: bytes) -> tuple[bytes, str | None, int | None]:
    """Return the key, the hour and the project of one line of any form."""
    values = _values(line)
    return _key(values.get("uuid"), line), _hour(values.get("server_upload_time")), _number(values.get("app"))


def _values(line: bytes) -> dict[str, Any]:
    """Return the values that are looked at; none of a line that is no JSON object."""
    text = readable(line.removeprefix(BOM))
    if isinstance(text, Rejection):
        return {}
    try:
        found = _ANY_OBJECT.decode(text)
        return {
            name: _ANY.decode(found[name]) for name in ("uuid", "server_upload_time", "app") if name in found
        }
    except (ValueError, RecursionError):
        return {}


def _key(value: object, line: bytes) -> bytes:
    try:
        return uuid.UUID(value).bytes if isinstance(value, str) else hash_key(line)
    except ValueError:
        return hash_key(line)


def _hour(value: object) -> str | None:
    try:
        return to_canonical(value)[:HOUR_LENGTH] if isinstance(value, str) else None
    except ValueError:
        return None


def _number(value: object) -> int | None:
    """Return the number of a project; None for what is not one: the exporter tells of it."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
