"""The blobs of an hour and their rows, in order.

The landing files and the expected export are both derived from this plan.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from infra.local.sample.entropy import Dice
from infra.local.sample.faults import BLOB_FAULTS, HEAVY_FAULTS, ROW_FAULTS, Fault
from infra.local.sample.forms import OTHER_KINDS, Form, of_another_kind
from infra.local.sample.rows import Row, Rows, Spot, Verdict

# Each variant of a row fault occurs once an hour, and each fault once more in so many rows.
_ROWS_PER_FAULT = 1000
# The least number of rows that a blob can have besides the regular ones: each variant of each fault.
_EXTRAS_PER_BLOB = 256
_ROWS_PER_FAULTY_BLOB = 12
_ROWS_PER_LATE_BLOB = 20
_REPEATED_ROWS = 5
_FAULTY_BLOB_NUMBER = 900_000
_LAST_BLOB_NUMBER = 999_999
_FORMS = {
    Fault.PLAIN_BLOB: Form.PLAIN,
    Fault.MULTI_MEMBER_GZIP: Form.MULTI_MEMBER,
    Fault.TRUNCATED_GZIP: Form.TRUNCATED,
    Fault.NO_LAST_NEWLINE: Form.NO_LAST_NEWLINE,
    Fault.CRLF: Form.CRLF,
    Fault.BOM: Form.BOM,
}


@dataclass(frozen=True, slots=True)
class Regular:
    """Regular rows, ``first <= number < end``."""

    first: int
    end: int


type Piece = Regular | Row


@dataclass(frozen=True, slots=True)
class Blob:
    """A planned blob: its name below the hour's folder, its form, and its rows.

    It has either regular rows with faulty ones among them, or the rows of one blob fault (``own``).
    """

    name: str
    form: Form
    number: int
    regular: Regular = Regular(0, 0)
    own: Fault | None = None


class Plan:
    """The blobs of one data type and hour."""

    __slots__ = ("_blobs", "_extras_per_blob", "_faults", "_gzip", "_suffix", "rows")

    def __init__(self, rows: Rows, blobs: int, faults: frozenset[Fault], *, gzip: bool, suffix: str) -> None:
        self.rows = rows
        self._blobs = blobs
        self._faults = faults
        self._gzip = gzip
        self._suffix = suffix
        # Large enough that no two blobs use the same extra rows.
        struck = rows.regular // max(1, blobs) // _ROWS_PER_FAULT + 1
        self._extras_per_blob = _EXTRAS_PER_BLOB + struck * len(ROW_FAULTS)

    def blobs(self) -> Iterator[Blob]:
        """Yield the blobs that have landed when the hour ends, in landing order."""
        form = Form.GZIP if self._gzip else Form.PLAIN
        for number in range(self._blobs):
            first, end = (self.rows.regular * edge // self._blobs for edge in (number, number + 1))
            yield Blob(self._name(number, "", form), form, number, Regular(first, end))
        faulty = self._faulty_blobs() if self._blobs else iter(())
        for count, (fault, form, note) in enumerate(faulty):
            name = self._name(_FAULTY_BLOB_NUMBER + count, f"-{note}", Form.GZIP)
            yield Blob(name, form, self._blobs + count, own=fault)

    def late_blobs(self) -> Iterator[Blob]:
        """Yield the late blobs: one sorts before all others, one after."""
        if self._blobs and Fault.LATE_BLOB in self._faults:
            for count, stem in enumerate((0, _LAST_BLOB_NUMBER)):
                number = self._blobs + len(Fault) + count
                yield Blob(self._name(stem, "-late", Form.GZIP), Form.GZIP, number, own=Fault.LATE_BLOB)

    def pieces(self, blob: Blob) -> Iterator[Piece]:
        """Yield the rows of the blob, in order."""
        extras = itertools.count(blob.number * self._extras_per_blob)
        if blob.own is not None:
            yield from self._own_rows(blob, blob.own, extras)
            return
        at = blob.regular.first
        for spot, fault, variant in self._strikes(blob):
            if at < spot:
                yield Regular(at, spot)
            at = spot
            yield from self.rows.faulty(
                fault, variant, Spot(blob.regular.first, at, blob.regular.end), extras
            )
        if at < blob.regular.end:
            yield Regular(at, blob.regular.end)

    def _name(self, number: int, note: str, form: Form) -> str:
        return f"{number:06d}{self._suffix}{note}.json" + (".gz" if form is Form.GZIP else "")

    def _faulty_blobs(self) -> Iterator[tuple[Fault, Form, str]]:
        if Fault.DUPLICATES_ACROSS_BLOBS in self._faults and self.rows.repeated(0):
            yield Fault.DUPLICATES_ACROSS_BLOBS, Form.GZIP, "again"
        for fault in BLOB_FAULTS:
            if fault in self._faults and fault is Fault.EMPTY_BLOB:
                yield fault, Form.PLAIN, "empty-plain"
                yield fault, Form.GZIP, "empty-gzip"
            elif fault in self._faults and fault is Fault.NOT_NDJSON:
                for kind in OTHER_KINDS:
                    yield fault, Form.NO_LAST_NEWLINE, kind
            elif fault in self._faults:
                yield fault, _FORMS[fault], fault.value

    def _own_rows(self, blob: Blob, fault: Fault, extras: Iterator[int]) -> Iterator[Row]:
        match fault:
            case Fault.EMPTY_BLOB:
                return
            case Fault.DUPLICATES_ACROSS_BLOBS:
                yield from self._repeated(blob)
                return
            case Fault.NOT_NDJSON:
                rows = [self.rows.beyond(next(extras)).line for _ in range(_ROWS_PER_FAULTY_BLOB)]
                yield Row(of_another_kind(blob.name, rows), Verdict.REJECTED, fault)
                return
            case Fault.LATE_BLOB:
                count = _ROWS_PER_LATE_BLOB
                yield from self._repeated(blob)
            case _:
                count = _ROWS_PER_FAULTY_BLOB
        for _ in range(count):
            yield self.rows.beyond(next(extras))
        if fault is Fault.TRUNCATED_GZIP:
            torn = self.rows.beyond(next(extras)).line
            yield Row(torn[: len(torn) // 2], Verdict.REJECTED, fault)

    def _repeated(self, blob: Blob) -> Iterator[Row]:
        """Yield some regular rows again, the hour's first and last ones among them."""
        for step in range(_REPEATED_ROWS):
            number = (self.rows.regular - 1) * step // (_REPEATED_ROWS - 1)
            if row := self.rows.repeated(number):
                yield Row(row.line, row.verdict, blob.own)

    def _strikes(self, blob: Blob) -> list[tuple[int, Fault, int]]:
        """Return which faults strike before which regular rows of the blob, in order."""
        dice = Dice("strikes", blob.number, blob.regular.first, blob.regular.end)
        strikes: list[tuple[int, Fault, int]] = []
        for order, fault in enumerate(fault for fault in ROW_FAULTS if fault in self._faults):
            ways = self.rows.variants.get(fault, 0)
            found = [way for way in range(ways) if (order * 5 + way) % self._blobs == blob.number]
            if ways and fault not in HEAVY_FAULTS:
                rows = blob.regular.end - blob.regular.first
                found += [dice.number(0, ways - 1) for _ in range(rows // _ROWS_PER_FAULT)]
            strikes += [(dice.number(blob.regular.first, blob.regular.end), fault, way) for way in found]
        return sorted(strikes)
