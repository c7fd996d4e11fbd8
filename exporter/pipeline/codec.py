"""The codec protocol, which decodes lines to rows and encodes rows to lines, and its shared steps."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from exporter.domain.row_schema import Reason, Rejection
from exporter.pipeline.normalize import Amended
from exporter.pipeline.sanitize import NESTING_MAX, may_be_deep, too_deep, without_lone_surrogates
from exporter.pipeline.utf8 import check


@dataclass(frozen=True, slots=True)
class Decoded[Row]:
    """Decoded lines: ``rows`` with the ``lines`` that they come from, and the rejections of the other lines.

    ``rejected`` holds (index of the line, rejection). ``amended`` maps the index of an amended row in
    ``rows`` to (index of the line, reason). Indexes of lines count all given lines from 0.
    """

    rows: Sequence[Row]
    lines: list[bytes]
    rejected: list[tuple[int, Rejection]] = field(default_factory=list)
    amended: dict[int, tuple[int, Rejection]] = field(default_factory=dict)

    @classmethod
    def of(cls, results: Iterable[Row | Amended[Row] | Rejection], lines: Iterable[bytes]) -> Self:
        """Return what was decoded from lines that gave these results, one each."""
        rows, contents = list[Row](), list[bytes]()
        decoded = cls(rows, contents)
        for place, (result, line) in enumerate(zip(results, lines, strict=True)):
            if isinstance(result, Rejection):
                decoded.rejected.append((place, result))
                continue
            if isinstance(result, Amended):
                decoded.amended[len(rows)] = place, result.why
            rows.append(result.row if isinstance(result, Amended) else result)
            contents.append(line)
        return decoded


class Codec[Row](Protocol):
    """Decodes and checks lines of one stream and hour, and encodes rows with the destination's settings."""

    def decode_all(self, lines: list[bytes]) -> Decoded[Row]:
        """Return the rows with canonical values, and the rejections of the other lines."""
        ...

    def keys(self, rows: Sequence[Row]) -> list[bytes] | None:
        """Return the 16-byte key of each row, by which duplicates are found; None if rows have no keys."""
        ...

    def encode_all(self, rows: Sequence[Row], lines: list[bytes]) -> bytes:
        """Return the lines to export, each with its newline; ``lines`` are those the rows were decoded from.

        Encoding may change the rows: do not use them afterwards.
        """
        ...


def one_by_one[Row](
    lines: list[bytes], decode: Callable[[bytes], Row | Amended[Row] | Rejection]
) -> Decoded[Row]:
    """Decode each line separately: the slow way, which finds every problem of a line."""
    return Decoded[Row].of(map(decode, lines), lines)


def readable(line: bytes) -> bytes | Rejection:
    """Return the line ready for decoding: UTF-8, of bounded depth, without lone surrogates; or its rejection.

    Typed decoders do not read the inside of objects, so the whole text is checked here.
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
    """Whether ``readable`` returns every one of the lines unchanged."""
    together = b"\n".join(lines)
    if not together.isascii():
        try:
            check(together)
        except UnicodeDecodeError:
            return False
    # The cheap first half of each condition decides for most lines.
    if b"\\" in together and without_lone_surrogates(together) is not together:
        return False
    return not any(may_be_deep(line) and too_deep(line) for line in lines)
