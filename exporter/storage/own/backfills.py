"""The backfills' table: a partition for each destination, a row for each backfill."""

from typing import Any

import msgspec

from exporter.domain.backfill import ENDED, Backfill, BackfillStatus, FailedHour, Tally
from exporter.domain.errors import Fault
from exporter.domain.hour import Hour
from exporter.domain.streams import Stream
from exporter.domain.versioned import Rows, Versioned
from exporter.storage.clients import Account
from exporter.storage.own.entities import Entity, Moment, new_row, readable
from exporter.storage.own.tables import Table

_OPEN = [status for status in BackfillStatus if status not in ENDED]


class _Failed(msgspec.Struct, forbid_unknown_fields=True):
    stream: Stream
    hour: str
    error: Fault


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    start: str
    end: str
    first: str
    last: str
    streams: tuple[Stream, ...]
    total: int
    created_at: Moment
    since: Moment
    tried_since: Moment
    moved_at: Moment
    settled: str
    planned: str
    begins: tuple[str, ...]
    clamped: bool
    clamped_start: bool
    allow_loss: bool
    round: int
    chosen: str | None
    step: int
    resent_step: int
    setbacks: int
    tally: Tally
    failed: tuple[_Failed, ...]
    started_at: Moment | None
    finished_at: Moment | None
    error: Fault | None


_DOCUMENT = msgspec.json.Decoder(_Document)


class BackfillsTable:
    """The backfills that were asked for."""

    def __init__(self, account: Account, table: str = "backfills") -> None:
        self._table = Table(account, table)

    def get(self, destination_id: str, backfill_id: str) -> Versioned[Backfill] | None:
        """Return a backfill."""
        found = self._table.get(destination_id, backfill_id)
        return Versioned(found[0].parsed(_backfill), found[1]) if found else None

    def of(self, destination_id: str) -> Rows[Backfill]:
        """Return the backfills of a destination."""
        found = self._table.find("PartitionKey eq @destination", {"destination": destination_id})
        return readable(found, _backfill)

    def unfinished(self) -> Rows[Backfill]:
        """Return those that have not ended."""
        # The service reads all rows for this. People ask for backfills by hand: they stay few.
        condition = " or ".join(f"status eq @{status}" for status in _OPEN)
        found = self._table.find(condition, {status.value: status.value for status in _OPEN})
        return readable(found, _backfill)

    def put(self, backfill: Backfill, etag: str | None) -> str:
        """Write a backfill over the one of that ETag."""
        return self._table.put(_row(backfill), etag)


def _row(backfill: Backfill) -> dict[str, Any]:
    document = _Document(
        start=backfill.start,
        end=backfill.end,
        first=backfill.first.key,
        last=backfill.last.key,
        streams=backfill.streams,
        total=backfill.total,
        created_at=backfill.created_at,
        since=backfill.since,
        tried_since=backfill.retry_since,
        moved_at=backfill.moved_at,
        settled=backfill.done_before.key,
        planned=backfill.queued_before.key,
        begins=tuple(each.key for each in backfill.begins),
        clamped=backfill.clamped,
        clamped_start=backfill.clamped_start,
        allow_loss=backfill.allow_loss,
        round=backfill.round,
        chosen=backfill.hour_list,
        step=backfill.step,
        resent_step=backfill.resent_step,
        setbacks=backfill.transient_failures,
        tally=backfill.tally,
        failed=tuple(_Failed(each.stream, each.hour.key, each.error) for each in backfill.failed),
        started_at=backfill.started_at,
        finished_at=backfill.finished_at,
        error=backfill.error,
    )
    return new_row(backfill.destination_id, backfill.id, document, status=backfill.status.value)


def _backfill(row: Entity) -> Backfill:
    document = row.document(_DOCUMENT)
    return Backfill(
        id=row.read("RowKey", str),
        destination_id=row.read("PartitionKey", str),
        start=document.start,
        end=document.end,
        first=Hour.parse(document.first),
        last=Hour.parse(document.last),
        streams=document.streams,
        total=document.total,
        created_at=document.created_at,
        since=document.since,
        retry_since=document.tried_since,
        moved_at=document.moved_at,
        done_before=Hour.parse(document.settled),
        queued_before=Hour.parse(document.planned),
        begins=tuple(map(Hour.parse, document.begins)),
        clamped=document.clamped,
        clamped_start=document.clamped_start,
        allow_loss=document.allow_loss,
        round=document.round,
        hour_list=document.chosen,
        status=row.read("status", BackfillStatus),
        step=document.step,
        resent_step=document.resent_step,
        transient_failures=document.setbacks,
        tally=document.tally,
        failed=tuple(FailedHour(each.stream, Hour.parse(each.hour), each.error) for each in document.failed),
        started_at=document.started_at,
        finished_at=document.finished_at,
        error=document.error,
    )
