"""The codec of merged ids: from a landed line to the exported line."""

from collections.abc import Sequence

import msgspec

from exporter.domain.hour import Hour
from exporter.domain.row_schema import MERGED_ID_FIELDS, Reason, Rejection
from exporter.pipeline.codec import Decoded, marked, one_by_one, readable
from exporter.pipeline.lines import Lines
from exporter.pipeline.normalize import read_line

_ENCODER = msgspec.json.Encoder()
_HOUR_MS = 60 * 60 * 1000


class MergedId(msgspec.Struct, gc=False):
    """The ids ``amplitude_id`` and ``merged_amplitude_id`` are one user; times are epoch milliseconds."""

    scope: int
    merge_time: int
    merge_server_time: int
    amplitude_id: int
    merged_amplitude_id: int


_DECODER = msgspec.json.Decoder(MergedId)


class MergedIdCodec:
    """The codec of one organization's merged ids of one hour."""

    def __init__(self, hour: Hour) -> None:
        self._hour = hour
        self._first_ms = int(hour.start.timestamp() * 1000)
        self._end_ms = self._first_ms + _HOUR_MS

    def decode(self, line: bytes) -> MergedId | Rejection:
        """Return the merged id, or the rejection of the line."""
        text = readable(line)
        if isinstance(text, Rejection):
            return text
        try:
            merge = _DECODER.decode(text)
        except msgspec.DecodeError:
            found = read_line(text, MERGED_ID_FIELDS)
            if isinstance(found, Rejection):
                return found
            merge = MergedId(**found.values)  # type: ignore[arg-type]
        if not self._first_ms <= merge.merge_server_time < self._end_ms:
            detail = f"merge_server_time {merge.merge_server_time} is not in the hour {self._hour}."
            return Rejection(Reason.OUTSIDE_HOUR, detail, ("merge_server_time",))
        return merge

    def decode_all(self, lines: Lines) -> Decoded[MergedId]:
        """Return the merged ids, and the rejections of the other lines."""
        return one_by_one(lines, self.decode)

    def keys(self, rows: Sequence[MergedId]) -> None:
        """Return None: merged ids have no key, and a repeated one changes nothing for readers."""

    def encode_all(
        self,
        rows: Sequence[MergedId],
        lines: Sequence[bytes],  # noqa: ARG002  only events keep unknown keys
        mine: bytes | None = None,
    ) -> bytes:
        """Return the lines to export, with exactly the five keys."""
        return _ENCODER.encode_lines(marked(rows, mine))
