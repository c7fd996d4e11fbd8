"""The codec protocol, which decodes lines to rows and encodes rows to lines, and its shared steps."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Protocol, Self

from exporter.domain.row_schema import Reason, Rejection
from exporter.pipeline.lines import Lines
from exporter.pipeline.normalize import Amended
from exporter.pipeline.sanitize import NESTING_MAX, may_be_deep, too_deep, without_lone_surrogates
from exporter.pipeline.utf8 import check


@dataclass(frozen=True, slots=True)
class Decoded[Row]:
    """Decoded lines: ``rows``, and the rejections of the other ones of the ``given`` lines.

    ``rejected`` holds (index of the line, rejection). ``amended`` maps the index of an amended row in
    ``rows`` to (index of the line, reason). Indexes of lines count all given lines from 0.
    """

    rows: Sequence[Row]
    given: Sequence[bytes]
    rejected: list[tuple[int, Rejection]] = field(default_factory=list)
    amended: dict[int, tuple[int, Rejection]] = field(default_factory=dict)

    @property
    def lines(self) -> Sequence[bytes]:
        """The lines that the rows come from."""
        if not self.rejected:
            return self.given
        contents = list(self.given)
        for place, _ in reversed(self.rejected):
            del contents[place]
        return contents

    @classmethod
    def of(cls, results: Iterable[Row | Amended[Row] | Rejection], lines: Sequence[bytes]) -> Self:
        """Return what was decoded from lines that gave these results, one each."""
        rows = list[Row]()
        decoded = cls(rows, lines)
        for place, result in enumerate(results):
            if isinstance(result, Rejection):
                decoded.rejected.append((place, result))
                continue
            if isinstance(result, Amended):
                decoded.amended[len(rows)] = place, result.why
            rows.append(result.row if isinstance(result, Amended) else result)
        return decoded


class Codec[Row](Protocol):
    """Decodes and checks lines of one stream and hour, and encodes rows with the destination's settings."""

    def decode_all(self, lines: Lines) -> Decoded[Row]:
        """Return the rows with canonical values, and the rejections of the other lines."""
        ...

    def keys(self, rows: Sequence[Row]) -> list[bytes] | None:
        """Return the 16-byte key of each row, by which duplicates are found; None if rows have no keys."""
        ...

    def encode_all(
        self, rows: Sequence[Row], lines: Sequence[bytes], mine: list[bool] | None = None
    ) -> bytes:
        """Return the lines to export, each with its newline; ``lines`` are those the rows were decoded from.

        ``mine`` says for each row whether it is exported; None: all are. Encoding may change the rows: do not
        use them afterwards.
        """
        ...


def marked[T](items: Sequence[T], marks: list[bool] | None) -> Sequence[T]:
    """Return the items that are marked; None: all."""
    return items if marks is None else list(compress(items, marks))


def one_by_one[Row](
    lines: Sequence[bytes], decode: Callable[[bytes], Row | Amended[Row] | Rejection]
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


def untouched(lines: Sequence[bytes], together: bytes) -> bool:
    """Whether ``readable`` returns every one of the lines unchanged; ``together`` they are one text."""
    if not together.isascii():
        try:
            check(together)
        except UnicodeDecodeError:
            return False
    # The cheap first half of each condition decides for most lines.
    if b"\\" in together and without_lone_surrogates(together) is not together:
        return False
    return not any(may_be_deep(line) and too_deep(line) for line in lines)
