"""Calls the native code (scan.c), which reads and writes plain lines of events.

It is a library of C functions and not an extension module: it is built without Python's headers, one file
serves every version of Python, and Python's lock is released during a call.
"""

import ctypes
import hashlib
import platform
from collections.abc import Collection, Iterator, Sequence
from ctypes import POINTER, c_char_p, c_int32, c_uint8, c_uint32, c_uint64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, override

from exporter.domain.row_schema import Field, Kind

FOLDER = Path(__file__).parent
SOURCE = FOLDER / "scan.c"
KEYS_SOURCE = FOLDER / "keys.c"
# Longer groups of lines, which are single long lines, are left to Python: the result needs memory of its own.
SCANNED_BYTES_MAX = 1024 * 1024
_KEY_BYTES = 16
# The order of the enumeration in scan.c.
_KINDS = (
    Kind.STRING,
    Kind.INTEGER,
    Kind.FLOAT,
    Kind.BOOLEAN,
    Kind.TIME,
    Kind.UUID,
    Kind.DICT,
    Kind.TEXTS,
)
# As in scan.c: what a value may need besides its own bytes, and the ends of a line.
_FIELD_EXTRA_BYTES = 40
_LINE_EXTRA_BYTES = 4

_allowed = True


class Scanned(NamedTuple):
    """A row as it is exported: the 16 bytes of its UUID, and its line with the newline.

    ``picked`` is an object with the fields that a filter reads.
    """

    key: bytes
    line: bytes
    picked: bytes = b""


class ScannedRows(Sequence[Scanned]):
    """Rows in one text of lines, each of which ends at its place in ``ends``, and one text of keys."""

    def __init__(self, text: bytes, ends: Sequence[int], keys: bytes) -> None:
        self.text = text
        self._ends = ends
        self._keys = keys

    def keys(self) -> list[bytes]:
        """Return the 16 bytes of each UUID."""
        keys = self._keys
        return [keys[at : at + _KEY_BYTES] for at in range(0, len(keys), _KEY_BYTES)]

    @override
    def __len__(self) -> int:
        return len(self._ends)

    @override
    def __iter__(self) -> Iterator[Scanned]:
        starts = [0, *self._ends][:-1]
        lines = (self.text[start:end] for start, end in zip(starts, self._ends, strict=True))
        return map(Scanned, self.keys(), lines)

    @override
    def __getitem__(self, place: Any) -> Any:
        return list(self)[place]


class _Field(ctypes.Structure):
    _fields_ = (
        ("name", c_char_p),
        ("name_bytes", c_uint32),
        ("kind", c_uint8),
        ("required", c_uint8),
        ("is_app", c_uint8),
        ("is_upload_time", c_uint8),
    )


class _Settings(ctypes.Structure):
    _fields_ = (
        ("fields", POINTER(_Field)),
        ("app", c_char_p),
        ("hour", c_char_p),
        ("picks", c_uint64),
        ("field_count", c_uint32),
        ("app_bytes", c_uint32),
        ("iso8601", c_uint32),
    )


def allow(allowed: bool) -> None:  # noqa: FBT001  the value of a setting
    """Use native code from now on, or do not, in this process: the setting ``NATIVE_CODE``."""
    global _allowed  # noqa: PLW0603  one setting a process
    _allowed = allowed


def library() -> ctypes.CDLL | None:
    """Return the native code; None if it is switched off, was not built, or not for this system."""
    return _built() if _allowed else None


def file_name(system: str, machine: str) -> str:
    """Return the name of the file that was built for a system and a processor, as ``platform`` calls them."""
    return f"scan-{system.lower()}-{machine.lower()}.so"


@cache
def _built() -> ctypes.CDLL | None:
    return opened(FOLDER / file_name(platform.system(), platform.machine()))


def opened(path: Path) -> ctypes.CDLL | None:
    """Return the native code in a file; None if it is not for this system, or of other sources."""
    try:
        found = ctypes.CDLL(str(path))
        scan, source = found.scan_events, found.scan_source
    except (OSError, AttributeError):
        return None
    source.restype = c_char_p
    if source() != source_digest().encode():
        return None
    scan.argtypes = (
        POINTER(_Settings),
        c_char_p,
        c_uint32,
        c_void_p,
        c_uint32,
        c_uint32,
        c_void_p,
        c_void_p,
        c_void_p,
    )
    scan.restype = c_int32
    return found


def source_digest() -> str:
    """Return the SHA-256 of all sources in hexadecimal digits; a library has that of its own sources."""
    return hashlib.sha256(SOURCE.read_bytes() + KEYS_SOURCE.read_bytes()).hexdigest()


class Scanner:
    """Scans lines of one project and hour. ``fields`` are in the order of writing.

    ``hour`` is the beginning of a canonical time, such as ``2020-01-25 17``. ``picks`` are the names of the
    fields that a filter reads. A scanner is used by one thread.
    """

    def __init__(  # noqa: PLR0913  what the lines are of, each by its name
        self,
        native: ctypes.CDLL,
        fields: tuple[Field, ...],
        app: int,
        hour: str,
        *,
        iso8601: bool,
        picks: Collection[str] = (),
    ) -> None:
        self._scan = native.scan_events
        # The structures below point into these bytes.
        self._names = [each.name.encode() for each in fields]
        self._table = (_Field * len(fields))(
            *(
                _Field(
                    name,
                    len(name),
                    _KINDS.index(each.kind),
                    each.required,
                    each.name == "app",
                    each.name == "server_upload_time",
                )
                for each, name in zip(fields, self._names, strict=True)
            )
        )
        self._app, self._hour = str(app).encode(), hour.encode()
        bits = sum(1 << at for at, each in enumerate(fields) if each.name in picks)
        self._picks = bool(bits)
        self._settings = _Settings(
            self._table, self._app, self._hour, bits, len(fields), len(self._app), iso8601
        )
        names_bytes = sum(map(len, self._names))
        self._line_extra = _LINE_EXTRA_BYTES + len(self._app) + names_bytes + _FIELD_EXTRA_BYTES * len(fields)
        self._out = ctypes.create_string_buffer(0)

    def scan(self, lines: list[bytes]) -> Sequence[Scanned | None]:
        """Return each line as it is exported, or None if the Python way has to read it.

        If that is none of them, and nothing is picked, the result is ``ScannedRows``.
        """
        content, count = b"\n".join(lines), len(lines)
        if len(content) > SCANNED_BYTES_MAX:
            return [None] * count
        room = (len(content) + count * self._line_extra) * (2 if self._picks else 1)
        if len(self._out) < room:
            self._out = ctypes.create_string_buffer(room)
        out, ends, keys = self._out, (c_uint32 * count)(), ctypes.create_string_buffer(count * _KEY_BYTES)
        picked = (c_uint32 * count)() if self._picks else ends
        odd = self._scan(self._settings, content, len(content), out, len(out), count, ends, picked, keys)
        if odd < 0:
            return [None] * count
        text = ctypes.string_at(out, picked[-1])
        if self._picks:
            return _with_picks(text, ends[:], picked[:], keys.raw)
        rows = ScannedRows(text, ends[:], keys.raw)
        return [row if row.line else None for row in rows] if odd else rows


def _with_picks(text: bytes, ends: Sequence[int], picked: Sequence[int], keys: bytes) -> list[Scanned | None]:
    rows, begin = list[Scanned | None](), 0
    for number, (end, stop) in enumerate(zip(ends, picked, strict=True)):
        at = number * _KEY_BYTES
        row = Scanned(keys[at : at + _KEY_BYTES], text[begin:end], text[end:stop])
        rows.append(row if end > begin else None)
        begin = stop
    return rows
