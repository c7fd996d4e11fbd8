"""The table of the ledger: a partition for each stream, a row for each hour that was ever touched.

A row holds the whole record as its document. Its columns repeat what a tick and a summary read of every hour,
so that reading years of hours loads no documents.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

from exporter.domain.claims import Claim
from exporter.domain.errors import Conflict
from exporter.domain.hour import Hour
from exporter.domain.hour_content import HourContent, HourFigures, Provenance
from exporter.domain.hour_record import HourRecord, HourStatus, unreadable_record
from exporter.domain.streams import StreamKey
from exporter.domain.versioned import UnreadableRowError, Versioned
from exporter.domain.work_item import WorkItem
from exporter.storage.clients import Account
from exporter.storage.own.documents import Document, to_columns
from exporter.storage.own.entities import Entity, moment_text, new_row, parse_moment
from exporter.storage.own.entity_table import EntityTable

# The row that tells this table from one that was made in its place; no stream has such a name.
_SELF = "ledger"
# What ``HourRecord.state`` holds, as columns.
_STATE = [
    *("PartitionKey", "RowKey", "v", "status", "claim", "retry_at", "finished_at", "late_checked_at"),
    *("target", "not_moved_to"),
]
# Numbers as text; with these columns, what ``HourRecord.outline`` holds.
_FIGURES = ["rows", "rejected", "bytes", "late"]
_SUMMARY = ["PartitionKey", "RowKey", "v", "status", "claim", "target", "not_moved_to", *_FIGURES]
_RANGE = "PartitionKey eq @stream and RowKey ge @first and RowKey le @last"
_RECORD = Document(HourRecord, without=("key", "hour"))
_CLAIM = Document(Claim)


class LedgerTable:
    """Hour by hour, what was exported."""

    def __init__(self, account: Account, table: str = "ledger") -> None:
        self._table = EntityTable(account, table)

    def get(self, key: StreamKey, hour: Hour) -> Versioned[HourRecord] | None:
        """Return the record of one hour."""
        found = self._table.get(str(key), hour.key)
        if found is None:
            return None
        return Versioned(found[0].parsed(lambda row: _record(key, row)), found[1])

    def between(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[HourRecord]:
        """Yield the records from the first to the last hour, oldest first."""
        return self._readable(key, (first, last), _record, _as_it_is)

    def states(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[HourRecord]:
        """Yield the ``HourRecord.state`` of the records from the first to the last hour, oldest first."""
        return self._readable(key, (first, last), _state, _as_it_is, _STATE)

    def figures(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[tuple[HourRecord, HourFigures]]:
        """Yield the outlines of a range, oldest first, each with the figures of its content."""
        return self._readable(key, (first, last), _with_figures, _without_figures, _SUMMARY)

    def put(self, record: HourRecord, etag: str | None) -> str:
        """Write a record over the one of that ETag."""
        return self._table.put(_row(record), etag)

    def identity(self, now: datetime) -> str:
        """Return what tells this ledger from any other: the time of the first call."""
        found = self._table.get(_SELF, _SELF)
        if found is None:
            with suppress(Conflict):
                self._table.put(new_row(_SELF, _SELF, begun_at=moment_text(now)), None)
            found = self._table.get(_SELF, _SELF)
        # Any text will do: it is compared, and never read as a time.
        return "" if found is None else str(found[0].columns.get("begun_at", ""))

    def _readable[Found](
        self,
        key: StreamKey,
        span: tuple[Hour, Hour],
        parse: Callable[[StreamKey, Entity], Found],
        stand_in: Callable[[HourRecord], Found],
        columns: list[str] | None = None,
    ) -> Iterator[Found]:
        """Yield the rows of a range as parsed; an unreadable row by way of its ``unreadable_record``."""
        bounds = {"stream": str(key), "first": span[0].key, "last": span[1].key}
        for row, _ in self._table.find(_RANGE, bounds, columns):
            try:
                yield row.parsed(lambda row: parse(key, row))
            except UnreadableRowError as error:
                # A row whose key is no hour is about no hour: it is left out.
                with suppress(ValueError):
                    hour = Hour.parse(str(row.columns.get("RowKey")))
                    yield stand_in(unreadable_record(key, hour, error.row))


def _as_it_is(record: HourRecord) -> HourRecord:
    return record


def _row(record: HourRecord) -> dict[str, Any]:
    columns = new_row(
        str(record.key),
        record.hour.key,
        status=record.status.value,
        claim=_CLAIM.encode(record.work.claim).decode() if record.work.claim else "",
        retry_at=moment_text(record.work.retry_at),
        finished_at=moment_text(record.finished_at),
        late_checked_at=moment_text(record.late_checked_at),
        target=record.content.origin.target,
        not_moved_to=record.not_moved_to,
        **_figures_columns(record.content.figures),
    )
    return columns | to_columns(_RECORD.encode(record))


def _record(key: StreamKey, row: Entity) -> HourRecord:
    """Read a row; its columns have to say the same as its document."""
    state = _state(key, row)
    record = row.document(_RECORD, key=key, hour=state.hour)
    if (record.state(), record.content.figures) != (state, _figures(row)):
        raise ValueError("the columns of the row do not say what its document says")
    return record


def _state(key: StreamKey, row: Entity) -> HourRecord:
    row.check_version()
    return HourRecord(
        key,
        row.read("RowKey", Hour.parse),
        row.read("status", HourStatus),
        row.read("finished_at", parse_moment),
        WorkItem(claim=row.read("claim", _claim), retry_at=row.read("retry_at", parse_moment)),
        HourContent(origin=Provenance(row.read("target", str))),
        late_checked_at=row.read("late_checked_at", parse_moment),
        not_moved_to=row.read("not_moved_to", str),
    )


def _with_figures(key: StreamKey, row: Entity) -> tuple[HourRecord, HourFigures]:
    row.check_version()
    outline = HourRecord(
        key,
        row.read("RowKey", Hour.parse),
        row.read("status", HourStatus),
        work=WorkItem(claim=row.read("claim", _claim)),
        content=HourContent(origin=Provenance(row.read("target", str))),
        not_moved_to=row.read("not_moved_to", str),
    )
    return outline, _figures(row)


def _without_figures(record: HourRecord) -> tuple[HourRecord, HourFigures]:
    return record, HourFigures()


def _figures_columns(figures: HourFigures) -> dict[str, str]:
    return {name: str(int(getattr(figures, name))) for name in _FIGURES}


def _figures(row: Entity) -> HourFigures:
    rows, rejected, size, late = (row.read(name, int) for name in _FIGURES)
    return HourFigures(rows, rejected, size, bool(late))


def _claim(text: str) -> Claim | None:
    return _CLAIM.decode(text.encode()) if text else None
