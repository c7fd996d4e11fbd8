"""The codec of events for a filter, with native code: only the fields that the filter reads are decoded."""

import ctypes
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from msgspec import field

from exporter.pipeline.codec import Decoded, marked
from exporter.pipeline.events import Event, EventCodec
from exporter.pipeline.lines import Lines
from exporter.pipeline.native.codec import NativeEventCodec, read_lines, scanner_of

_UUID = "uuid"


class FilteredEventCodec:
    """Decodes and encodes as its ``python`` codec does, which must not keep unknown keys.

    Its rows have these ``fields`` and the uuid, with the attributes and values that ``Event`` has. Native
    code writes these fields of each line, as JSON in canonical form, which is decoded. The lines of rows that
    are kept are read again, as a whole.
    """

    def __init__(self, python: EventCodec, native: ctypes.CDLL, fields: Collection[str]) -> None:
        self._python = python
        self._whole = NativeEventCodec(python, native)
        read = {*fields, _UUID}
        self._scanner = scanner_of(python, native, iso8601=False, writes=read)
        picked = [
            (each.name, each.type, field(name=each.encode_name, default=None))
            for each in msgspec.structs.fields(Event)
            if each.encode_name in read
        ]
        struct = msgspec.defstruct("PickedEvent", picked, gc=False)
        self._decoder = msgspec.json.Decoder(struct)

    def decode_all(self, lines: Lines) -> Decoded[Any]:
        """Return the events for the filter, and the rejections of the other lines."""
        read = read_lines(self._scanner, self._python, lines)
        rows: list[Any] = self._decoder.decode_lines(read.rows.text)
        for number, (before, event) in enumerate(read.mended):
            rows.insert(before + number, event)
        return Decoded[Any](rows, lines, read.rejected, read.amended)

    def keys(self, rows: Sequence[Any]) -> bytes:
        """Return the UUIDs: rows of an hour with the same UUID are the same event."""
        return self._python.keys(rows)

    def encode_all(
        self,
        rows: Sequence[Any],  # noqa: ARG002  as all codecs
        lines: Sequence[bytes],
        mine: bytes | None = None,
    ) -> bytes:
        """Return the lines to export, with the 49 keys."""
        kept = self._whole.decode_all(Lines(1, list(marked(lines, mine))))
        return self._whole.encode_all(kept.rows, [])
