"""Calls the native code (scan.c), which reads and writes plain lines of events.

It is a library of C functions and not an extension module: it is built without Python's headers, one file
serves every version of Python, and Python's lock is released during a call.
"""

import ctypes
import hashlib
import platform
from array import array
from collections.abc import Collection, Iterator, Sequence
from ctypes import POINTER, addressof, c_char, c_char_p, c_int32, c_uint8, c_uint32, c_uint64, c_void_p
from functools import cache
from itertools import batched
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
# As in scan.c: the room of a key with its quotes and colon, what a value may need besides its own bytes, and
# what a line needs besides its fields.
_KEY_ROOM = 32
_FIELD_EXTRA_BYTES = 40
_LINE_EXTRA_BYTES = 32 + 4
_FIELDS_MAX = 64
_NUMBER_BYTES = 4
_SPARE_PART = 4
# Numbers for each odd line.
_ODD_NUMBERS = 3

_allowed = True


class OddLine(NamedTuple):
    """A line that the Python way has to read: how many rows are before it, and where it is in the text."""

    rows_before: int
    start: int
    end: int


class Scanned(NamedTuple):
    """A row as it is exported: the 16 bytes of its UUID, and its line with the newline."""

    key: bytes
    line: bytes


class ScannedRows(Sequence[Scanned]):
    """Rows in one text of lines, each of which ends at its place in ``ends``, and their joined keys.

    ``odd`` are the lines between them that are no rows yet.
    """

    def __init__(self, text: bytes, ends: Sequence[int], keys: bytes, odd: Sequence[OddLine] = ()) -> None:
        self.text = text
        self.keys = keys
        self.odd = odd
        self._ends = ends

    def chosen(self, mine: bytes) -> bytes:
        """Return the lines of the rows whose byte is not 0. Mostly none is 0, or few are."""
        kept, start, place = list[bytes](), 0, -1
        while (place := mine.find(0, place + 1)) >= 0:
            kept.append(self.text[start : self._end(place - 1)])
            start = self._end(place)
        return b"".join((*kept, self.text[start:])) if kept else self.text

    def with_mended(self, mended: Sequence[tuple[int, Scanned]]) -> "ScannedRows":
        """Return these rows and others, each with how many of these are before it."""
        lines, keys, ends, size, start = list[bytes](), list[bytes](), list[int](), 0, 0
        for before, row in (*mended, (len(self), Scanned(b"", b""))):
            scanned = self.text[self._end(start - 1) : self._end(before - 1)]
            moved = size - self._end(start - 1)
            ends += [end + moved for end in self._ends[start:before]]
            lines += scanned, row.line
            keys += self.keys[start * _KEY_BYTES : before * _KEY_BYTES], row.key
            size, start = size + len(scanned) + len(row.line), before
            if row.line:
                ends.append(size)
        # A text that is the only one is not copied: it may be a line of many megabytes.
        return ScannedRows(b"".join(filter(None, lines)), ends, b"".join(keys))

    def _end(self, place: int) -> int:
        """Return where a row ends; 0 for the one before the first."""
        return self._ends[place] if place >= 0 else 0

    @override
    def __len__(self) -> int:
        return len(self._ends)

    @override
    def __iter__(self) -> Iterator[Scanned]:
        starts = [0, *self._ends][:-1]
        lines = (self.text[start:end] for start, end in zip(starts, self._ends, strict=True))
        keys = (self.keys[at : at + _KEY_BYTES] for at in range(0, len(self.keys), _KEY_BYTES))
        return map(Scanned, keys, lines)

    @override
    def __getitem__(self, place: Any) -> Any:
        return list(self)[place]


NO_ROWS = ScannedRows(b"", (), b"")


class _Field(ctypes.Structure):
    _fields_ = (
        ("key", c_char * _KEY_ROOM),
        ("key_bytes", c_uint8),
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
        ("writes", c_uint64),
        ("field_count", c_uint32),
        ("app_bytes", c_uint32),
        ("iso8601", c_uint32),
    )


class _Results(ctypes.Structure):
    _fields_ = (
        ("out", c_void_p),
        ("scratch", c_void_p),
        ("keys", c_void_p),
        ("ends", c_void_p),
        ("odd", c_void_p),
        ("order", c_void_p),
        ("out_bytes", c_uint32),
        ("scratch_bytes", c_uint32),
        ("lines_max", c_uint32),
        ("rows", c_uint32),
        ("odd_lines", c_uint32),
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
    scan.argtypes = POINTER(_Settings), c_char_p, c_uint32, POINTER(_Results)
    scan.restype = c_int32
    return found


def source_digest() -> str:
    """Return the SHA-256 of all sources in hexadecimal digits; a library has that of its own sources."""
    return hashlib.sha256(SOURCE.read_bytes() + KEYS_SOURCE.read_bytes()).hexdigest()


class Scanner:
    """Scans lines of one project and hour. ``fields`` are in the order of writing.

    ``hour`` is the beginning of a canonical time, such as ``2020-01-25 17``. ``writes`` are the names of the
    fields that are written; None: all of them. A call takes ``lines_max`` lines at most. A scanner is used by
    one thread.
    """

    def __init__(  # noqa: PLR0913  what the lines are of, each by its name
        self,
        native: ctypes.CDLL,
        fields: tuple[Field, ...],
        app: int,
        hour: str,
        *,
        iso8601: bool,
        lines_max: int,
        writes: Collection[str] | None = None,
    ) -> None:
        self._scan = native.scan_events
        keys = [b'"%b":' % each.name.encode() for each in fields]
        # The structures below point into these objects.
        self._table = (_Field * len(fields))(
            *(
                _Field(
                    key,
                    len(key),
                    _KINDS.index(each.kind),
                    each.required,
                    each.name == "app",
                    each.name == "server_upload_time",
                )
                for each, key in zip(fields, keys, strict=True)
            )
        )
        self._app, self._hour = str(app).encode(), hour.encode()
        bits = sum(1 << at for at, each in enumerate(fields) if writes is None or each.name in writes)
        self._settings = _Settings(
            self._table, self._app, self._hour, bits, len(fields), len(self._app), iso8601
        )
        self.line_extra = (
            _LINE_EXTRA_BYTES + len(self._app) + sum(map(len, keys)) + _FIELD_EXTRA_BYTES * len(fields)
        )
        # Both grow with the lines that come: most hours are small.
        self._out = self._scratch = ctypes.create_string_buffer(0)
        self._keys = ctypes.create_string_buffer(lines_max * _KEY_BYTES)
        self._ends = (c_uint32 * lines_max)()
        self._odd = (c_uint32 * (lines_max * _ODD_NUMBERS))()
        self._order = (c_uint8 * (_FIELDS_MAX + 1))()
        self._results = _Results(
            keys=addressof(self._keys),
            ends=addressof(self._ends),
            odd=addressof(self._odd),
            order=addressof(self._order),
            lines_max=lines_max,
        )

    def scan(self, text: bytes, count: int) -> ScannedRows | None:
        """Return so many lines as they are exported; None if the Python way has to read them.

        Each line ends with a newline; they are ``lines_max`` at most.
        """
        if len(text) > SCANNED_BYTES_MAX:
            return None
        self._make_room(len(text) + count * self.line_extra, len(text) + self.line_extra)
        to = self._results
        if self._scan(self._settings, text, len(text), to):
            return None
        ends = array("I", ctypes.string_at(to.ends, to.rows * _NUMBER_BYTES))
        numbers = self._odd[: to.odd_lines * _ODD_NUMBERS]
        return ScannedRows(
            ctypes.string_at(to.out, ends[-1] if ends else 0),
            ends,
            ctypes.string_at(to.keys, to.rows * _KEY_BYTES),
            [OddLine(*each) for each in batched(numbers, _ODD_NUMBERS, strict=True)],
        )

    def _make_room(self, out_bytes: int, scratch_bytes: int) -> None:
        """Make the buffers as large as this, and a little larger: groups of lines are of similar sizes."""
        to = self._results
        if to.out_bytes < out_bytes:
            self._out = ctypes.create_string_buffer(out_bytes + out_bytes // _SPARE_PART)
            to.out, to.out_bytes = addressof(self._out), len(self._out)
        if to.scratch_bytes < scratch_bytes:
            self._scratch = ctypes.create_string_buffer(scratch_bytes + scratch_bytes // _SPARE_PART)
            to.scratch, to.scratch_bytes = addressof(self._scratch), len(self._scratch)
