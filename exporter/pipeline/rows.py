"""The chain from landing blobs to the lines that are exported, and the account of every row on the way."""

import base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from exporter.domain.ledger import RowCounts
from exporter.domain.records import RejectedRow, Rejection
from exporter.domain.streams import LandingBlob
from exporter.pipeline.codec import Codec
from exporter.pipeline.lines import lines
from exporter.pipeline.seen import SeenKeys
from exporter.pipeline.utf8 import decoded

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

    def exported(self, blobs: Iterable[LandingBlob], read: Read) -> Iterator[bytes]:
        """Yield the lines to export, blob after blob."""
        codec, tally, drops = self.codec, self.tally, self.drops
        for blob in blobs:
            for line in lines(read(blob)):
                if line.rejection is not None:
                    self._reject(
                        RejectedRow(blob.name, line.number, line.rejection, line.content, line.piece)
                    )
                    continue
                row = codec.decode(line.content)
                if isinstance(row, Rejection):
                    self._reject(RejectedRow(blob.name, line.number, row, line.content))
                elif not self.keep(row):
                    tally.filtered += 1
                elif (key := codec.key(row)) is not None and not self.seen.add(key):
                    tally.duplicate += 1
                elif drops is not None and key is not None and key in drops:
                    tally.duplicate += 1
                    tally.dropped += 1
                else:
                    tally.exported += 1
                    yield codec.encode(row, line.content)

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
