"""The row chain: from landing blobs to exported lines, with a count of what became of each row."""

import base64
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec

from exporter.domain.hour_content import RowCounts
from exporter.domain.row_schema import Reason, RejectedRow
from exporter.domain.streams import LandingBlob
from exporter.pipeline.codec import Codec, marked
from exporter.pipeline.exported import NOTHING, Exported, WholeFile
from exporter.pipeline.gunzip import Members
from exporter.pipeline.key_set import ApproximateKeySet, KeySet
from exporter.pipeline.lines import Lines, Unfit, lines
from exporter.pipeline.passthrough import Checked, exported, whole_or_lines
from exporter.pipeline.utf8 import decoded

type Read = Callable[[LandingBlob], Iterator[bytes]]
type Predicate[Row] = Callable[[Sequence[Row], Sequence[bytes]], list[bool]]
type Reject = Callable[[RejectedRow], None]


@dataclass(slots=True)
class Tally:
    """Counts of rows. Each row is exported, filtered, duplicate or rejected, and counts once.

    ``amended`` rows are part of ``exported``. Rows that another slice or file has are part of ``duplicate``.
    """

    exported: int = 0
    filtered: int = 0
    duplicate: int = 0
    rejected: Counter[Reason] = field(default_factory=Counter)
    amended: int = 0

    def counts(self) -> RowCounts:
        """Return the counts so far."""
        return RowCounts(
            self.exported,
            self.filtered,
            self.duplicate,
            self.rejected.total(),
            self.amended,
            tuple(sorted(self.rejected.items())),
        )


def accept_all(rows: Sequence[Any], _lines: Sequence[bytes]) -> list[bool]:
    """Accept every row: the predicate of a destination without a filter."""
    return [True] * len(rows)


@dataclass(frozen=True, slots=True)
class RowChain[Row]:
    """The steps that the rows of one hour pass: codec, filter, duplicate check.

    ``predicate`` is the filter: it gets rows and the lines that they were decoded from. ``seen`` collects the
    keys of the rows that pass it. The first row of a key in landing order is exported. A row whose key is in
    ``drops`` is exported elsewhere, or seems to be; it counts as duplicate. The key of a rejected or filtered
    row is not recorded, so a later row with the same key can be exported.
    """

    codec: Codec[Row]
    reject: Reject
    predicate: Predicate[Row] = accept_all
    seen: KeySet = field(default_factory=KeySet)
    drops: KeySet | ApproximateKeySet | None = None
    tally: Tally = field(default_factory=Tally)

    def exported(self, blobs: Iterable[LandingBlob], read: Read) -> Iterator[Exported]:
        """Yield the exported rows blob by blob, a few dozen at a time."""
        for blob in blobs:
            yield from exported(self._checked(blob, read(blob)))

    def exported_or_whole(
        self, blobs: Iterable[LandingBlob], read: Read, whole_sizes: range
    ) -> Iterator[Exported | WholeFile]:
        """Yield the same, but blobs of these sizes, in bytes, whole if all of their lines are unchanged."""
        for blob in blobs:
            if blob.size in whole_sizes:
                yield from whole_or_lines(read(blob), partial(self._checked, blob))
            else:
                yield from exported(self._checked(blob, read(blob)))

    def _checked(
        self, blob: LandingBlob, chunks: Iterable[bytes], members: Members | None = None
    ) -> Iterator[Checked]:
        for found in lines(chunks, members):
            if isinstance(found, Unfit):
                number, content, rejection, piece, cut = found
                blob_bytes = blob.size if cut else None
                self._reject(RejectedRow(blob.name, number, rejection, content, piece, blob_bytes=blob_bytes))
                yield Checked(None, NOTHING)
            else:
                yield Checked(found, self._some(blob, found))

    def _some(self, blob: LandingBlob, found: Lines) -> Exported:
        """Return the exported rows of some lines, and hand the rejected ones to ``reject``."""
        decoded = self.codec.decode_all(found)
        for place, rejection in decoded.rejected:
            self._reject(RejectedRow(blob.name, found.number + place, rejection, found.line(place)))
        rows, contents = decoded.rows, decoded.lines
        mine = self._mine(rows, contents)
        count = len(rows) if mine is None else mine.count(1)
        for number, (place, why) in decoded.amended.items():
            if mine is None or mine[number]:
                self.tally.amended += 1
                self.reject(
                    RejectedRow(blob.name, found.number + place, why, found.line(place), exported=True)
                )
        self.tally.exported += count
        return Exported(count, self.codec.encode_all(rows, contents, mine)) if count else NOTHING

    def _mine(self, rows: Sequence[Row], contents: Sequence[bytes]) -> bytes | None:
        """Return a byte for each row: 1 if it passes the filter and is no duplicate; None if all do."""
        kept = None
        if self.predicate is not accept_all:
            kept = bytes(self.predicate(rows, contents))
            self.tally.filtered += kept.count(0)
            rows = marked(rows, kept)
        keys = self.codec.keys(rows)
        if keys is None:
            return kept
        mine = self._first(keys)
        if kept is None:
            return mine if 0 in mine else None
        first = iter(mine)
        return bytes(each and next(first) for each in kept)

    def _first(self, keys: bytes) -> bytes:
        """Return for each key whether its row is exported here: the key is new, and not among the drops."""
        mine = self.seen.add_joined(keys)
        if self.drops is not None:
            elsewhere = self.drops.known_joined(keys)
            mine = bytes(own and not other for own, other in zip(mine, elsewhere, strict=True))
        self.tally.duplicate += mine.count(0)
        return mine

    def _reject(self, row: RejectedRow) -> None:
        if row.piece == 1:
            self.tally.rejected[row.rejection.reason] += 1
        self.reject(row)


def rejected_line(row: RejectedRow) -> bytes:
    """Return a rejected row as a line of JSON that contains the original line byte for byte.

    The original is in ``row`` as text, or in ``row_base64`` if it is not UTF-8.
    """
    place: dict[str, object] = {"blob": row.blob, "line": row.line}
    if row.piece > 1:
        place["piece"] = row.piece
    why: dict[str, object] = {"reason": row.rejection.reason, "detail": row.rejection.detail}
    if row.rejection.keys:
        why["keys"] = row.rejection.keys
    if row.exported:
        why["exported"] = True
    if row.blob_bytes is not None:
        why["blob_bytes"] = row.blob_bytes
    # Encoded in pieces: a row of 16 MiB encoded at once takes nine times its size in memory.
    try:
        content = [b',"row":"', *(msgspec.json.encode(text)[1:-1] for text in decoded(row.content))]
    except UnicodeDecodeError:
        content = [b',"row_base64":"', base64.b64encode(row.content)]
    return b"".join([msgspec.json.encode({**place, **why})[:-1], *content, b'"}\n'])
