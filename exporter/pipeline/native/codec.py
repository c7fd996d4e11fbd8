"""The codec of events that reads and writes plain lines in native code, and all others in Python."""

import ctypes
from collections.abc import Collection, Sequence
from typing import NamedTuple

from exporter.domain.row_schema import EVENT_FIELDS, Rejection
from exporter.pipeline.codec import Decoded, marked
from exporter.pipeline.events import Event, EventCodec
from exporter.pipeline.lines import LINES_MAX, Lines
from exporter.pipeline.native.scanner import NO_ROWS, SCANNED_BYTES_MAX, Scanned, ScannedRows, Scanner
from exporter.pipeline.normalize import Amended


class NativeEventCodec:
    """Decodes and encodes as its ``python`` codec does, which must not keep unknown keys.

    Its rows are encoded when they are decoded.
    """

    def __init__(self, python: EventCodec, native: ctypes.CDLL) -> None:
        self._python = python
        self._scanner = scanner_of(python, native, iso8601=python.iso8601)

    def decode_all(self, lines: Lines) -> Decoded[Scanned]:
        """Return the events as they are exported, and the rejections of the other lines."""
        read = read_lines(self._scanner, self._python, lines)
        mended = [(before, self._scanned(event)) for before, event in read.mended]
        rows = read.rows.with_mended(mended) if mended else read.rows
        return Decoded(rows, lines, read.rejected, read.amended)

    def _scanned(self, event: Event) -> Scanned:
        return Scanned(self._python.keys([event]), self._python.encode_all([event], []))

    def keys(self, rows: Sequence[Scanned]) -> bytes:
        """Return the UUIDs: rows of an hour with the same UUID are the same event."""
        return rows.keys if isinstance(rows, ScannedRows) else b"".join(row.key for row in rows)

    def encode_all(
        self,
        rows: Sequence[Scanned],
        lines: Sequence[bytes],  # noqa: ARG002  as all codecs
        mine: bytes | None = None,
    ) -> bytes:
        """Return the lines to export, with the 49 keys."""
        if isinstance(rows, ScannedRows):
            return rows.text if mine is None else rows.chosen(mine)
        return b"".join(row.line for row in marked(rows, mine))


class Read(NamedTuple):
    """Rows that were scanned; of the other lines, events with how many of these rows are before them.

    ``rejected`` and ``amended`` are as in ``Decoded``, for all rows in their order.
    """

    rows: ScannedRows
    mended: list[tuple[int, Event]]
    rejected: list[tuple[int, Rejection]]
    amended: dict[int, tuple[int, Rejection]]


def scanner_of(
    python: EventCodec, native: ctypes.CDLL, *, iso8601: bool, writes: Collection[str] | None = None
) -> Scanner:
    """Return the scanner of a codec's lines, which writes these fields; None: all."""
    return Scanner(
        native,
        EVENT_FIELDS,
        python.project_id,
        python.hour_begins,
        iso8601=iso8601,
        lines_max=LINES_MAX,
        writes=writes,
    )


def read_lines(scanner: Scanner, python: EventCodec, lines: Lines) -> Read:
    """Scan lines, and read the odd ones in Python: all of them if they are too long to be scanned."""
    scanned = scanner.scan(lines.text, len(lines)) if lines.size <= SCANNED_BYTES_MAX else None
    if scanned is None:
        rows, odd = NO_ROWS, [(0, line) for line in lines]
    else:
        rows, odd = scanned, [(each.rows_before, lines.text[each.start : each.end]) for each in scanned.odd]
    read = Read(rows, [], [], {})
    results = python.decode_each([line for _, line in odd]) if odd else []
    for number, ((before, _), result) in enumerate(zip(odd, results, strict=True)):
        place = before + number
        if isinstance(result, Rejection):
            read.rejected.append((place, result))
        elif isinstance(result, Amended):
            read.amended[before + len(read.mended)] = place, result.why
            read.mended.append((before, result.row))
        else:
            read.mended.append((before, result))
    return read
