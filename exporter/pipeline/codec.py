"""What the events and the merged ids have in common: from a line to a row, and from a row to a line."""

from typing import Protocol

from exporter.domain.records import Reason, Rejection
from exporter.pipeline.repair import NESTING_MAX, too_deep, without_lone_surrogates
from exporter.pipeline.utf8 import decoded


class Codec[Row](Protocol):
    """Decodes and checks lines of one stream and hour, and encodes them as the destination wants them."""

    def decode(self, line: bytes) -> Row | Rejection:
        """Return the row, in canonical values, or why the line is none."""
        ...

    def key(self, row: Row) -> bytes | None:
        """Return the 16 bytes by which a duplicate of the row is known; None if it cannot have one."""
        ...

    def encode(self, row: Row, line: bytes) -> bytes:
        """Return the line to export, with its newline; ``line`` is what the row was decoded from.

        The row is spent: encoding may change it.
        """
        ...


def readable(line: bytes) -> bytes | Rejection:
    """Return the line fit for decoding: UTF-8, not nested beyond sense, without lone surrogates.

    The typed decoders leave the inside of objects unread, so what must hold there is seen to here.
    """
    if not line.isascii():
        try:
            for _ in decoded(line):
                pass
        except UnicodeDecodeError as error:
            return Rejection(Reason.NOT_UTF8, f"Byte {error.start + 1} of the line is not UTF-8.")
    if too_deep(line):
        return Rejection(Reason.TOO_DEEP, f"Objects and arrays are nested deeper than {NESTING_MAX} levels.")
    return without_lone_surrogates(line)
