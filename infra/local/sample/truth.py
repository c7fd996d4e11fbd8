"""The expected export of an hour, derived from the plan of the hour and not from its files."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from infra.local.sample.faults import Fault
from infra.local.sample.plan import Blob, Plan, Regular
from infra.local.sample.recipe import DataType
from infra.local.sample.rows import DICT_KEYS, EVENT_KEYS, MERGE_KEYS, Row, Verdict, without_surrogates

type Record = dict[str, Any]

_DIGEST_MODULUS = 1 << 128


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of rows of an hour without a filter. Blank lines are not counted."""

    exported: int = 0
    duplicate: int = 0
    rejected: int = 0
    amended: int = 0
    """How many of the exported rows are amended."""

    @property
    def read(self) -> int:
        """The number of all rows."""
        return self.exported + self.duplicate + self.rejected

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.exported + other.exported,
            self.duplicate + other.duplicate,
            self.rejected + other.rejected,
            self.amended + other.amended,
        )


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest of a set of rows, whatever their order: count, sum and xor of 128-bit numbers.

    An event's number is its uuid; a merge's is ``amplitude_id << 64`` plus ``merged_amplitude_id``.
    """

    count: int = 0
    total: int = 0
    xor: int = 0

    def add(self, number: int) -> "Digest":
        """Return the digest with one more row."""
        return Digest(self.count + 1, (self.total + number) % _DIGEST_MODULUS, self.xor ^ number)

    def __add__(self, other: "Digest") -> "Digest":
        total = (self.total + other.total) % _DIGEST_MODULUS
        return Digest(self.count + other.count, total, self.xor ^ other.xor)


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that must be kept and not exported. ``blob`` is the full name; lines are numbered from 1.

    Blank lines are numbered too. The line is without its newline.
    """

    blob: str
    line_number: int
    fault: Fault
    line: bytes


@dataclass(frozen=True, slots=True)
class Truth:
    """The expected export of some blobs of one data type and hour, read in landing order.

    For late blobs: what they must add to an hour whose other blobs were exported before.
    """

    data_type: DataType
    project_id: int
    folder: str
    plan: Plan
    blobs: tuple[Blob, ...]

    def counts(self) -> Counts:
        """Return how many rows must be exported, dropped as duplicates, rejected and amended."""
        found, amended = dict.fromkeys(Verdict, 0), 0
        for _, piece in self._pieces():
            if isinstance(piece, Regular):
                found[Verdict.EXPORTED] += piece.end - piece.first
            else:
                found[piece.verdict] += 1
                amended += piece.amended
        return Counts(found[Verdict.EXPORTED], found[Verdict.DUPLICATE], found[Verdict.REJECTED], amended)

    def event_ids(self) -> Iterator[str]:
        """Yield the uuids (of merges ``source:target``) that must be exported, in landing order."""
        for _, piece in self._pieces():
            if isinstance(piece, Regular):
                yield from self.plan.rows.identities(piece.first, piece.end)
            elif piece.verdict is Verdict.EXPORTED:
                yield piece.identity

    def digest(self) -> Digest:
        """Return the digest of the rows that must be exported."""
        count, total, xor = 0, 0, 0
        for identity in self.event_ids():
            number = number_of(identity)
            count, total, xor = count + 1, total + number, xor ^ number
        return Digest(count, total % _DIGEST_MODULUS, xor)

    def records(self, *, extra_keys: bool = False) -> Iterator[Record]:
        """Yield the rows that must be exported, in landing order; for hours that are not large.

        Missing fields are filled in, values have the types of their keys, and lone surrogates are replaced.
        Times stand as they landed.
        """
        for _, piece in self._pieces():
            if isinstance(piece, Regular):
                for line in self.plan.rows.meant(piece.first, piece.end):
                    yield self._record(line, extra_keys=extra_keys)
            elif piece.verdict is Verdict.EXPORTED:
                yield self._record(piece.meant or piece.line, extra_keys=extra_keys)

    def rejected(self) -> Iterator[RejectedLine]:
        """Yield the lines that must be rejected, in landing order; a blob without lines is one."""
        yield from self._kept(lambda row: row.verdict is Verdict.REJECTED)

    def amended(self) -> Iterator[RejectedLine]:
        """Yield the lines of rows that are exported without some values, and kept unchanged."""
        yield from self._kept(lambda row: row.amended)

    def _kept(self, wanted: Callable[[Row], bool]) -> Iterator[RejectedLine]:
        for blob in self.blobs:
            number = 1
            for piece in self.plan.pieces(blob):
                if isinstance(piece, Regular):
                    number += piece.end - piece.first
                    continue
                if wanted(piece) and piece.fault:
                    yield RejectedLine(self.folder + blob.name, number, piece.fault, piece.line)
                number += 1

    def _pieces(self) -> Iterator[tuple[Blob, Regular | Row]]:
        for blob in self.blobs:
            for piece in self.plan.pieces(blob):
                yield blob, piece

    def _record(self, line: bytes, *, extra_keys: bool) -> Record:
        landed = without_surrogates(json.loads(line))
        if not isinstance(landed, dict):
            raise TypeError("an exported row must be an object")
        keys = EVENT_KEYS if self.data_type is DataType.EVENTS else MERGE_KEYS
        record: Record = {key: landed.get(key, {} if key in DICT_KEYS else None) for key in keys}
        if self.data_type is DataType.EVENTS and "app" not in landed:
            record["app"] = self.project_id
        return landed | record if extra_keys else record


def number_of(identity: str) -> int:
    """Return the number of a row in a digest."""
    if ":" in identity:
        source, target = identity.split(":")
        return ((int(source) << 64) + int(target)) % _DIGEST_MODULUS
    return int(identity.replace("-", ""), 16)
