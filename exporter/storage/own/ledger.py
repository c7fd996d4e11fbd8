"""The ledger's table: a partition for each stream, a row for each hour that was ever touched."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from exporter.domain.destination import Output
from exporter.domain.errors import Conflict, Fault
from exporter.domain.hour import Hour
from exporter.domain.hour_record import (
    Claim,
    Doubt,
    HourRecord,
    HourStatus,
    Provenance,
    Refusal,
    RowCounts,
    SlicedExport,
    unreadable_record,
)
from exporter.domain.marker import Part, StagedFile
from exporter.domain.streams import StreamKey
from exporter.domain.versioned import UnreadableRowError, Versioned
from exporter.storage.clients import Account
from exporter.storage.own.entities import Entity, Moment, moment_text, new_row, parse_moment
from exporter.storage.own.entity_table import EntityTable

# The row that tells this table from one that was made in its place; no stream has such a name.
_SELF = "ledger"
# What a tick reads of each hour: without the document, which lists the parts.
_STATE = [
    *("PartitionKey", "RowKey", "v", "status", "claim", "retry_at", "finished_at", "looked_at"),
    *("target", "not_moved_to"),
]
_RANGE = "PartitionKey eq @stream and RowKey ge @first and RowKey le @last"


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    """What a row holds besides the columns of ``_STATE``."""

    rows: RowCounts
    parts: tuple[Part, ...]
    filter_sha256: str | None
    attempts: int
    requested_by: str
    started_at: Moment | None
    error: Fault | None
    # Not in rows that were written before these were kept.
    output: Output | None = None
    origin: Provenance = msgspec.field(default_factory=Provenance)
    written_at: Moment | None = None
    committing: bool = False
    journal: tuple[StagedFile, ...] = ()
    in_doubt: tuple[Doubt, ...] = ()
    rejected: tuple[str, ...] = ()
    was: HourStatus | None = None
    was_at: Moment | None = None
    run: SlicedExport | None = None
    round: int = 0
    written_for: tuple[str, ...] = ()
    refused: Refusal | None = None
    setbacks: int = 0


_DOCUMENT = msgspec.json.Decoder(_Document)
_CLAIM = msgspec.json.Decoder(Claim)


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
        return self._readable(_record, key, first, last)

    def states(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[HourRecord]:
        """Yield what ``due`` and ``done`` look at, and nothing else."""
        return self._readable(_state, key, first, last, _STATE)

    def put(self, record: HourRecord, etag: str | None) -> str:
        """Write a record over the one of that ETag."""
        return self._table.put(_row(record), etag)

    def identity(self, now: datetime) -> str:
        """Return what tells this ledger from any other: when it was first asked."""
        found = self._table.get(_SELF, _SELF)
        if found is None:
            with suppress(Conflict):
                self._table.put(new_row(_SELF, _SELF, begun_at=moment_text(now)), None)
            found = self._table.get(_SELF, _SELF)
        # Any text will do: it is compared, and never read as a time.
        return "" if found is None else str(found[0].columns.get("begun_at", ""))

    def _readable(
        self,
        parse: Callable[[StreamKey, Entity], HourRecord],
        key: StreamKey,
        first: Hour,
        last: Hour,
        columns: list[str] | None = None,
    ) -> Iterator[HourRecord]:
        """Yield the records of a range, and in place of each that cannot be read one that says so."""
        for row, _ in self._table.find(_RANGE, _bounds(key, first, last), columns):
            try:
                yield row.parsed(lambda row: parse(key, row))
            except UnreadableRowError as error:
                # A row key between two hours that is none is about no hour.
                with suppress(ValueError):
                    yield unreadable_record(key, Hour.parse(str(row.columns.get("RowKey"))), error.row)


def _bounds(key: StreamKey, first: Hour, last: Hour) -> dict[str, str]:
    return {"stream": str(key), "first": first.key, "last": last.key}


def _row(record: HourRecord) -> dict[str, Any]:
    document = _Document(
        rows=record.rows,
        parts=record.parts,
        filter_sha256=record.filter_sha256,
        attempts=record.attempts,
        requested_by=record.requested_by,
        started_at=record.started_at,
        error=record.error,
        output=record.output,
        origin=record.origin,
        written_at=record.written_at,
        committing=record.committing,
        journal=record.journal,
        in_doubt=record.in_doubt,
        rejected=record.rejected,
        was=record.previous_status,
        was_at=record.previous_finished_at,
        run=record.run,
        round=record.round,
        written_for=record.written_for,
        refused=record.refused,
        setbacks=record.transient_failures,
    )
    return new_row(
        str(record.key),
        record.hour.key,
        document,
        status=record.status.value,
        claim=msgspec.json.encode(record.claim).decode() if record.claim else "",
        retry_at=moment_text(record.retry_at),
        finished_at=moment_text(record.finished_at),
        looked_at=moment_text(record.late_checked_at),
        target=record.origin.target,
        not_moved_to=record.not_moved_to,
    )


def _record(key: StreamKey, row: Entity) -> HourRecord:
    state, document = _state(key, row), row.document(_DOCUMENT)
    return HourRecord(
        key=key,
        hour=state.hour,
        status=state.status,
        rows=document.rows,
        parts=document.parts,
        filter_sha256=document.filter_sha256,
        attempts=document.attempts,
        requested_by=document.requested_by,
        started_at=document.started_at,
        finished_at=state.finished_at,
        error=document.error,
        output=document.output,
        claim=state.claim,
        retry_at=state.retry_at,
        origin=document.origin,
        written_at=document.written_at,
        late_checked_at=state.late_checked_at,
        committing=document.committing,
        journal=document.journal,
        in_doubt=document.in_doubt,
        rejected=document.rejected,
        previous_status=document.was,
        previous_finished_at=document.was_at,
        run=document.run,
        round=document.round,
        written_for=document.written_for,
        refused=document.refused,
        transient_failures=document.setbacks,
        not_moved_to=state.not_moved_to,
    )


def _state(key: StreamKey, row: Entity) -> HourRecord:
    row.check_version()
    return HourRecord(
        key=key,
        hour=row.read("RowKey", Hour.parse),
        status=row.read("status", HourStatus),
        claim=row.read("claim", _claim),
        retry_at=row.read("retry_at", parse_moment),
        finished_at=row.read("finished_at", parse_moment),
        late_checked_at=row.read_newer("looked_at", parse_moment),
        origin=Provenance(row.read_newer("target", str) or ""),
        not_moved_to=row.read_newer("not_moved_to", str) or "",
    )


def _claim(text: str) -> Claim | None:
    return _CLAIM.decode(text) if text else None
