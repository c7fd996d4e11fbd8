"""The codec of events that reads and writes plain lines in native code, and all others in Python."""

import ctypes
from collections.abc import Collection, Sequence

from exporter.domain.row_schema import EVENT_FIELDS
from exporter.pipeline.codec import Decoded
from exporter.pipeline.events import Event, EventCodec
from exporter.pipeline.native.scanner import Scanned, ScannedRows, Scanner

type EventRow = Event | Scanned


class NativeEventCodec:
    """Decodes and encodes as its ``python`` codec does, which must not keep unknown keys.

    Only this codec can read its rows; ``picks`` are the names of fields that it picks for a filter.
    """

    def __init__(self, python: EventCodec, native: ctypes.CDLL, picks: Collection[str] = ()) -> None:
        self._python = python
        self._scanner = Scanner(
            native,
            EVENT_FIELDS,
            python.project_id,
            python.hour_begins,
            iso8601=python.iso8601,
            picks=picks,
        )

    def decode_all(self, lines: list[bytes]) -> Decoded[EventRow]:
        """Return the events, most of them as they are exported, and the rejections of the other lines."""
        rows = self._scanner.scan(lines)
        if isinstance(rows, ScannedRows):
            return Decoded(rows, lines)
        odd = [line for line, row in zip(lines, rows, strict=True) if row is None]
        decoded = iter(self._python.decode_each(odd))
        return Decoded[EventRow].of((row or next(decoded) for row in rows), lines)

    def keys(self, rows: Sequence[EventRow]) -> list[bytes]:
        """Return the UUIDs: rows of an hour with the same UUID are the same event."""
        if isinstance(rows, ScannedRows):
            return rows.keys()
        decoded = iter(self._python.keys(_decoded(rows)))
        return [row.key if isinstance(row, Scanned) else next(decoded) for row in rows]

    def encode_all(self, rows: Sequence[EventRow], lines: list[bytes]) -> bytes:  # noqa: ARG002  as all codecs
        """Return the lines to export, with the 49 keys."""
        if isinstance(rows, ScannedRows):
            return rows.text
        events = _decoded(rows)
        decoded = iter(self._python.encode_all(events, []).splitlines(keepends=True) if events else ())
        return b"".join([row.line if isinstance(row, Scanned) else next(decoded) for row in rows])


def _decoded(rows: Sequence[EventRow]) -> list[Event]:
    return [row for row in rows if isinstance(row, Event)]
