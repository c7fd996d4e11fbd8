"""The codec of events for a filter, with native code: only the fields that the filter reads are decoded."""

import ctypes
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from msgspec import field

from exporter.pipeline.codec import Decoded
from exporter.pipeline.events import Event, EventCodec
from exporter.pipeline.native.codec import EventRow, NativeEventCodec
from exporter.pipeline.native.scanner import Scanned


class FilteredEventCodec:
    """Decodes and encodes as its ``python`` codec does, which must not keep unknown keys.

    Its rows have these ``fields``, with the attributes and values that ``Event`` has.
    """

    def __init__(self, python: EventCodec, native: ctypes.CDLL, fields: Collection[str]) -> None:
        self._codec = NativeEventCodec(python, native, fields)
        known = {each.encode_name: each for each in msgspec.structs.fields(Event)}
        picked = [
            (each.name, each.type, field(name=name, default=None))
            for name, each in known.items()
            if name in fields
        ]
        struct = msgspec.defstruct("PickedEvent", [*picked, (_SCANNED, Any, None)], gc=False)
        self._pick = msgspec.json.Decoder(struct).decode

    def decode_all(self, lines: list[bytes]) -> Decoded[Any]:
        """Return the events for the filter, and the rejections of the other lines."""
        decoded = self._codec.decode_all(lines)
        rows = [self._picked(row) for row in decoded.rows]
        return Decoded[Any](rows, decoded.lines, decoded.rejected, decoded.amended)

    def _picked(self, row: EventRow) -> object:
        if isinstance(row, Event):
            return row
        picked = self._pick(row.picked)
        setattr(picked, _SCANNED, row)
        return picked

    def keys(self, rows: Sequence[Any]) -> list[bytes]:
        """Return the UUIDs: rows of an hour with the same UUID are the same event."""
        return self._codec.keys(_scanned(rows))

    def encode_all(self, rows: Sequence[Any], lines: list[bytes]) -> bytes:
        """Return the lines to export, with the 49 keys."""
        return self._codec.encode_all(_scanned(rows), lines)


# Where a row has its scanned line. No key of an event has this name, nor an attribute.
_SCANNED = "scanned_row"


def _scanned(rows: Sequence[Any]) -> list[Event | Scanned]:
    return [row if isinstance(row, Event) else getattr(row, _SCANNED) for row in rows]
