"""The rejected and amended rows of an hour, page by page."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.domain.errors import NotFound
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord
from exporter.domain.row_schema import Reason
from exporter.domain.streams import StreamKey
from exporter.pipeline.gunzip import BrokenContentError
from exporter.pipeline.rejected_rows import KeptRow, kept_lines, kept_row
from exporter.ports import BlobStore, Ledger

LIMIT_DEFAULT = 50
LIMIT_MAX = 200
# Rows that are looked at for one page, if few of them have the reason.
EXAMINED_MAX = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedQuery:
    """Which rows of an hour: up to ``limit`` after the number ``after``, with a ``reason`` or with any."""

    reason: Reason | None = None
    after: int = 0
    limit: int = LIMIT_DEFAULT


@dataclass(frozen=True, slots=True)
class RejectedPage:
    """Rows of an hour by number, counted from 1; the next page begins after the number ``next_after``.

    ``lost`` is the number of blobs that are gone or damaged: a lifecycle rule may have deleted them.
    """

    record: HourRecord
    rows: list[tuple[int, KeptRow]]
    next_after: int | None
    lost: int


def rejected_rows(
    ledger: Ledger, rejected: BlobStore, key: StreamKey, hour: Hour, query: RejectedQuery
) -> RejectedPage:
    """Return the rejected and amended rows of an hour; ``NotFound`` if nothing of it is exported."""
    # A list, because a record that cannot be read is shown there like one that failed.
    record = next(iter(ledger.between(key, hour, hour)), None)
    if record is None or not record.done:
        raise NotFound("hour_not_found", f"The hour {hour} is not exported.")
    found, lost, number = list[tuple[int, KeptRow]](), 0, 0
    for name in record.content.rejected:
        try:
            for line in _lines(rejected, name):
                if len(found) == query.limit or number == query.after + EXAMINED_MAX:
                    return RejectedPage(record, found, number, lost)
                number += 1
                if number <= query.after:
                    continue
                row = kept_row(line)
                if query.reason in {None, row.reason}:
                    found.append((number, row))
        except BrokenContentError:
            lost += 1
    return RejectedPage(record, found, None, lost)


def _lines(rejected: BlobStore, name: str) -> Iterator[bytes]:
    """Yield the lines of a blob; ``BrokenContentError`` if it is gone."""
    pieces = rejected.read(name)
    if pieces is None:
        raise BrokenContentError(f"{name} is gone")
    return kept_lines(pieces)
