"""The backfills' table: a partition for each destination, a row for each backfill."""

from typing import Any

import msgspec

from exporter.domain.backfills import Backfill, BackfillStatus
from exporter.domain.hours import Hour
from exporter.domain.stored import Versioned
from exporter.domain.streams import DataType
from exporter.storage.accounts import Account
from exporter.storage.rows import Moment, Row, new_row
from exporter.storage.tables import Table


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    first: str
    last: str
    data_types: tuple[DataType, ...]
    created_at: Moment
    since: Moment


_DOCUMENT = msgspec.json.Decoder(_Document)


class BackfillsTable:
    """The backfills that were asked for."""

    def __init__(self, account: Account, table: str = "backfills") -> None:
        self._table = Table(account, table)

    def get(self, destination_id: str, backfill_id: str) -> Versioned[Backfill] | None:
        """Return a backfill."""
        found = self._table.get(destination_id, backfill_id)
        return Versioned(_backfill(found[0]), found[1]) if found else None

    def put(self, backfill: Backfill, etag: str | None) -> str:
        """Write a backfill over the one of that ETag."""
        return self._table.put(_row(backfill), etag)


def _row(backfill: Backfill) -> dict[str, Any]:
    document = _Document(
        first=backfill.first.key,
        last=backfill.last.key,
        data_types=backfill.data_types,
        created_at=backfill.created_at,
        since=backfill.since,
    )
    return new_row(backfill.destination_id, backfill.id, document, status=backfill.status.value)


def _backfill(row: Row) -> Backfill:
    document = row.document(_DOCUMENT)
    return Backfill(
        id=row.read("RowKey", str),
        destination_id=row.read("PartitionKey", str),
        first=Hour.parse(document.first),
        last=Hour.parse(document.last),
        data_types=document.data_types,
        created_at=document.created_at,
        since=document.since,
        status=row.read("status", BackfillStatus),
    )
