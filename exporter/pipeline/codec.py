"""The codec protocol, which decodes lines to rows and encodes rows to lines, and its shared steps."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from typing import Any, Protocol, Self, override

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
        return _Accepted(self.given, [place for place, _ in self.rejected]) if self.rejected else self.given

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


class _Accepted(Sequence[bytes]):
    """Lines without those at some places. They are cut out of their text only if they are read."""

    def __init__(self, given: Sequence[bytes], rejected: Sequence[int]) -> None:
        self._given = given
        self._rejected = rejected

    @cached_property
    def _contents(self) -> list[bytes]:
        contents = list(self._given)
        for place in reversed(self._rejected):
            del contents[place]
        return contents

    @override
    def __len__(self) -> int:
        return len(self._given) - len(self._rejected)

    @override
    def __iter__(self) -> Iterator[bytes]:
        return iter(self._contents)

    @override
    def __getitem__(self, place: Any) -> Any:
        return self._contents[place]


class Codec[Row](Protocol):
    """Decodes and checks lines of one stream and hour, and encodes rows with the destination's settings."""

    def decode_all(self, lines: Lines) -> Decoded[Row]:
        """Return the rows with canonical values, and the rejections of the other lines."""
        ...

    def keys(self, rows: Sequence[Row]) -> bytes | None:
        """Return the joined 16-byte keys of the rows, by which duplicates are found; None: they have none."""
        ...

    def encode_all(self, rows: Sequence[Row], lines: Sequence[bytes], mine: bytes | None = None) -> bytes:
        """Return the lines to export, each with its newline; ``lines`` are those the rows were decoded from.

        ``mine`` has a byte for each row: 1 if it is exported; None: all are. Encoding may change the rows: do
        not use them afterwards.
        """
        ...


def marked[T](items: Sequence[T], marks: bytes | None) -> Sequence[T]:
    """Return the items whose mark is not 0; None: all."""
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
