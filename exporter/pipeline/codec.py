"""What the events and the merged ids have in common: from a line to a row, and from a row to a line."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from exporter.domain.row_schema import Reason, Rejection
from exporter.pipeline.normalize import Amended
from exporter.pipeline.sanitize import NESTING_MAX, may_be_deep, too_deep, without_lone_surrogates
from exporter.pipeline.utf8 import check


@dataclass(frozen=True, slots=True)
class Decoded[Row]:
    """What became of lines: ``rows``, the ``lines`` that they are from, and what is wrong with the others.

    ``rejected`` has the place of each among the lines that were given, from 0. So has ``amended``, of rows
    that are among ``rows``, by their places there: where the line was, and what is left out of the row.
    """

    rows: list[Row]
    lines: list[bytes]
    rejected: list[tuple[int, Rejection]]
    amended: dict[int, tuple[int, Rejection]] = field(default_factory=dict)

    def add(self, found: Row | Amended[Row] | Rejection, place: int, line: bytes) -> None:
        """Take what became of the line at a place."""
        if isinstance(found, Rejection):
            self.rejected.append((place, found))
            return
        if isinstance(found, Amended):
            self.amended[len(self.rows)] = place, found.why
            found = found.row
        self.rows.append(found)
        self.lines.append(line)


class Codec[Row](Protocol):
    """Decodes and checks lines of one stream and hour, and encodes them as the destination wants them."""

    def decode_all(self, lines: list[bytes]) -> Decoded[Row]:
        """Return the rows, in canonical values, and why the other lines are none."""
        ...

    def keys(self, rows: list[Row]) -> list[bytes] | None:
        """Return the 16 bytes by which a duplicate of each row is known; None if they cannot have one."""
        ...

    def encode_all(self, rows: list[Row], lines: list[bytes]) -> bytes:
        """Return the lines to export, with their newlines; ``lines`` are what the rows were decoded from.

        The rows are spent: encoding may change them.
        """
        ...


def one_by_one[Row](
    lines: Iterable[bytes], decode: Callable[[bytes], Row | Amended[Row] | Rejection]
) -> Decoded[Row]:
    """Decode each line by itself: the way that tells what is wrong, and takes its time."""
    decoded = Decoded[Row]([], [], [])
    for place, line in enumerate(lines):
        decoded.add(decode(line), place, line)
    return decoded


def readable(line: bytes) -> bytes | Rejection:
    """Return the line fit for decoding: UTF-8, not nested beyond sense, without lone surrogates.

    The typed decoders leave the inside of objects unread, so what must hold there is seen to here.
    """
    if not line.isascii():
        try:
            check(line)
        except UnicodeDecodeError as error:
            return Rejection(Reason.NOT_UTF8, f"Byte {error.start + 1} of the line is not UTF-8.")
    if too_deep(line):
        return Rejection(Reason.TOO_DEEP, f"Objects and arrays are nested deeper than {NESTING_MAX} levels.")
    return without_lone_surrogates(line)


def untouched(lines: list[bytes]) -> bool:
    """Whether ``readable`` returns each of the lines as it is."""
    together = b"\n".join(lines)
    if not together.isascii():
        try:
            check(together)
        except UnicodeDecodeError:
            return False
    # The first half of each condition is all that most lines take.
    if b"\\" in together and without_lone_surrogates(together) is not together:
        return False
    return not any(may_be_deep(line) and too_deep(line) for line in lines)
