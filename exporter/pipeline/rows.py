"""The chain from landing blobs to the lines that are exported, and the account of every row on the way."""

import base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import compress
from typing import NamedTuple

import msgspec

from exporter.domain.ledger import RowCounts
from exporter.domain.records import RejectedRow
from exporter.domain.streams import LandingBlob
from exporter.pipeline.codec import Codec
from exporter.pipeline.lines import Unfit, lines
from exporter.pipeline.seen import SeenKeys
from exporter.pipeline.utf8 import decoded


class Exported(NamedTuple):
    """Lines to export, with their newlines, and how many they are."""

    rows: int
    content: bytes


type Read = Callable[[LandingBlob], Iterator[bytes]]
type Reject = Callable[[RejectedRow], None]


@dataclass(slots=True)
class Tally:
    """Counts rows as they pass: each in exactly one way. ``dropped`` are those that somebody else exports."""

    exported: int = 0
    filtered: int = 0
    duplicate: int = 0
    rejected: int = 0
    dropped: int = 0

    def counts(self) -> RowCounts:
        """Return the counts so far."""
        return RowCounts(self.exported, self.filtered, self.duplicate, self.rejected)


def keep_all(_row: object) -> bool:
    """Keep every row: what a destination without a filter asks for."""
    return True


@dataclass(frozen=True, slots=True)
class RowChain[Row]:
    """What one hour's rows pass through. ``keep`` is the filter, ``seen`` the keys that passed it.

    The first row of a key in landing order is exported; one whose key is among the ``drops``, which somebody
    else exports, counts as duplicate. A row that is rejected or filtered stands in no later one's way.
    """

    codec: Codec[Row]
    reject: Reject
    keep: Callable[[Row], bool] = keep_all
    seen: SeenKeys = field(default_factory=SeenKeys)
    drops: SeenKeys | None = None
    tally: Tally = field(default_factory=Tally)

    def exported(self, blobs: Iterable[LandingBlob], read: Read) -> Iterator[Exported]:
        """Yield the lines to export, blob after blob, a few dozen at a time."""
        for blob in blobs:
            for found in lines(read(blob)):
                if isinstance(found, Unfit):
                    number, content, rejection, piece = found
                    self._reject(RejectedRow(blob.name, number, rejection, content, piece))
                    continue
                decoded = self.codec.decode_all(found.contents)
                for place, rejection in decoded.rejected:
                    row = RejectedRow(blob.name, found.number + place, rejection, found.contents[place])
                    self._reject(row)
                rows, contents = self._mine(decoded.rows, decoded.lines)
                if rows:
                    self.tally.exported += len(rows)
                    yield Exported(len(rows), self.codec.encode_all(rows, contents))

    def _mine(self, rows: list[Row], contents: list[bytes]) -> tuple[list[Row], list[bytes]]:
        """Return the rows, with their lines, that pass the filter and are nobody's duplicates."""
        if self.keep is not keep_all:
            kept = list(map(self.keep, rows))
            self.tally.filtered += kept.count(False)
            rows, contents = list(compress(rows, kept)), list(compress(contents, kept))
        keys = self.codec.keys(rows)
        if keys is not None:
            mine = self._first(keys)
            if not all(mine):
                rows, contents = list(compress(rows, mine)), list(compress(contents, mine))
        return rows, contents

    def _first(self, keys: list[bytes]) -> list[bool]:
        """Return for each key whether its row is to be exported: it is the first, and not somebody else's."""
        mine = self.seen.add_all(keys)
        if self.drops is not None:
            for place, key in enumerate(keys):
                if mine[place] and key in self.drops:
                    mine[place] = False
                    self.tally.dropped += 1
        self.tally.duplicate += mine.count(False)
        return mine

    def _reject(self, row: RejectedRow) -> None:
        if row.piece == 1:
            self.tally.rejected += 1
        self.reject(row)


def rejected_line(row: RejectedRow) -> bytes:
    """Return a rejected row as a line of JSON that holds every byte of it.

    The row itself is under ``row`` as text, or, where it is not UTF-8, under ``row_base64``.
    """
    place: dict[str, object] = {"blob": row.blob, "line": row.line}
    if row.piece > 1:
        place["piece"] = row.piece
    why = {"reason": row.rejection.reason, "detail": row.rejection.detail}
    # The row is put in piece by piece: encoded with the rest, one of 16 MiB would take nine times its size.
    try:
        content = [b',"row":"', *(msgspec.json.encode(text)[1:-1] for text in decoded(row.content))]
    except UnicodeDecodeError:
        content = [b',"row_base64":"', base64.b64encode(row.content)]
    return b"".join([msgspec.json.encode({**place, **why})[:-1], *content, b'"}\n'])
