"""The chain from landing blobs to the lines that are exported, and the account of every row on the way."""

import base64
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import compress
from operator import and_
from typing import Any

import msgspec

from exporter.domain.hour_record import RowCounts
from exporter.domain.row_schema import Reason, RejectedRow
from exporter.domain.streams import LandingBlob
from exporter.pipeline.codec import Codec
from exporter.pipeline.exported import NOTHING, Exported, WholeFile
from exporter.pipeline.gunzip import Members
from exporter.pipeline.key_set import KeySet
from exporter.pipeline.lines import Lines, Unfit, lines
from exporter.pipeline.passthrough import Look, exported, whole_or_lines
from exporter.pipeline.utf8 import decoded

type Read = Callable[[LandingBlob], Iterator[bytes]]
type Reject = Callable[[RejectedRow], None]


@dataclass(slots=True)
class Tally:
    """Counts rows as they pass: each in exactly one way. ``dropped`` are those that somebody else exports.

    ``amended`` are among the exported, and ``dropped`` among the duplicates.
    """

    exported: int = 0
    filtered: int = 0
    duplicate: int = 0
    rejected: Counter[Reason] = field(default_factory=Counter)
    amended: int = 0
    dropped: int = 0

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


def keep_all(rows: list[Any], _lines: list[bytes]) -> list[bool]:
    """Keep every row: what a destination without a filter asks for."""
    return [True] * len(rows)


@dataclass(frozen=True, slots=True)
class RowChain[Row]:
    """What one hour's rows pass through. ``keep`` is the filter, ``seen`` the keys that passed it.

    The filter is given rows and the lines that they were decoded from. The first row of a key in landing
    order is exported; one whose key is among the ``drops``, which somebody else exports, counts as duplicate.
    A row that is rejected or filtered stands in no later one's way.
    """

    codec: Codec[Row]
    reject: Reject
    keep: Callable[[list[Row], list[bytes]], list[bool]] = keep_all
    seen: KeySet = field(default_factory=KeySet)
    drops: KeySet | None = None
    tally: Tally = field(default_factory=Tally)

    def exported(self, blobs: Iterable[LandingBlob], read: Read) -> Iterator[Exported]:
        """Yield what is exported, blob after blob, some lines at a time."""
        for blob in blobs:
            yield from exported(self._looks(blob, read(blob)))

    def exported_or_whole(
        self, blobs: Iterable[LandingBlob], read: Read, whole_sizes: range
    ) -> Iterator[Exported | WholeFile]:
        """Yield the same, but blobs of these sizes, in bytes, as they came, if all their lines pass."""
        for blob in blobs:
            if blob.size in whole_sizes:
                yield from whole_or_lines(read(blob), partial(self._looks, blob))
            else:
                yield from exported(self._looks(blob, read(blob)))

    def _looks(
        self, blob: LandingBlob, chunks: Iterable[bytes], members: Members | None = None
    ) -> Iterator[Look]:
        for found in lines(chunks, members):
            if isinstance(found, Unfit):
                number, content, rejection, piece, cut = found
                blob_bytes = blob.size if cut else None
                self._reject(RejectedRow(blob.name, number, rejection, content, piece, blob_bytes=blob_bytes))
                yield Look(None, NOTHING)
            else:
                yield Look(found, self._some(blob, found))

    def _some(self, blob: LandingBlob, found: Lines) -> Exported:
        """Return what is exported of some lines, and keep aside what is rejected."""
        decoded = self.codec.decode_all(found.contents)
        for place, rejection in decoded.rejected:
            number, content = found.number + place, found.contents[place]
            self._reject(RejectedRow(blob.name, number, rejection, content))
        rows, contents = decoded.rows, decoded.lines
        if (mine := self._mine(rows, contents)) is not None:
            rows, contents = list(compress(rows, mine)), list(compress(contents, mine))
        for number, (place, why) in decoded.amended.items():
            if mine is None or mine[number]:
                self.tally.amended += 1
                at, content = found.number + place, found.contents[place]
                self.reject(RejectedRow(blob.name, at, why, content, exported=True))
        self.tally.exported += len(rows)
        return Exported(len(rows), self.codec.encode_all(rows, contents)) if rows else NOTHING

    def _mine(self, rows: list[Row], contents: list[bytes]) -> list[bool] | None:
        """Return which rows pass the filter and are nobody's duplicates; None if all of them."""
        kept = None
        if self.keep is not keep_all:
            kept = self.keep(rows, contents)
            self.tally.filtered += kept.count(False)
            rows = list(compress(rows, kept))
        keys = self.codec.keys(rows)
        if keys is None:
            return kept
        mine = self._first(keys)
        if kept is None:
            return None if all(mine) else mine
        first = iter(mine)
        return [each and next(first) for each in kept]

    def _first(self, keys: list[bytes]) -> list[bool]:
        """Return for each key whether its row is to be exported: it is the first, and not somebody else's."""
        mine = self.seen.add_all(keys)
        if self.drops is not None:
            elsewhere = self.drops.known(keys)
            self.tally.dropped += sum(map(and_, mine, elsewhere))
            mine = [own and not other for own, other in zip(mine, elsewhere, strict=True)]
        self.tally.duplicate += mine.count(False)
        return mine

    def _reject(self, row: RejectedRow) -> None:
        if row.piece == 1:
            self.tally.rejected[row.rejection.reason] += 1
        self.reject(row)


def rejected_line(row: RejectedRow) -> bytes:
    """Return a rejected row as a line of JSON that holds every byte of it.

    The row itself is under ``row`` as text, or, where it is not UTF-8, under ``row_base64``.
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
    # The row is put in piece by piece: encoded with the rest, one of 16 MiB would take nine times its size.
    try:
        content = [b',"row":"', *(msgspec.json.encode(text)[1:-1] for text in decoded(row.content))]
    except UnicodeDecodeError:
        content = [b',"row_base64":"', base64.b64encode(row.content)]
    return b"".join([msgspec.json.encode({**place, **why})[:-1], *content, b'"}\n'])
