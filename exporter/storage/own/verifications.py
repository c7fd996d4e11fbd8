"""The verifications' table: a row for each verification that was begun in the background."""

from typing import Any

import msgspec

from exporter.domain.errors import Fault
from exporter.domain.hour import Hour
from exporter.domain.streams import DataType
from exporter.domain.verification import Counts, Span, Verification, VerificationStatus
from exporter.domain.versioned import Rows, Versioned
from exporter.storage.clients import Account
from exporter.storage.own.entities import Entity, Moment, new_row, readable
from exporter.storage.own.tables import Table


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    first: str
    last: str
    data_types: tuple[DataType, ...]
    open: int
    repair: bool
    created_at: Moment
    moved_at: Moment
    next: str
    setbacks: int
    counts: Counts
    found: tuple[str, ...]
    backfill_id: str | None
    finished_at: Moment | None
    error: Fault | None


_DOCUMENT = msgspec.json.Decoder(_Document)


class VerificationsTable:
    """The verifications that run in the background, or have; the partition is the destination."""

    def __init__(self, account: Account, table: str = "verifications") -> None:
        self._table = Table(account, table)

    def get(self, destination_id: str, verification_id: str) -> Versioned[Verification] | None:
        """Return a verification."""
        found = self._table.get(destination_id, verification_id)
        return Versioned(found[0].parsed(_verification), found[1]) if found else None

    def unfinished(self) -> Rows[Verification]:
        """Return those that have not ended."""
        # The service reads all rows for this. People ask for verifications by hand: they stay few.
        found = self._table.find("status eq @status", {"status": VerificationStatus.RUNNING.value})
        return readable(found, _verification)

    def put(self, verification: Verification, etag: str | None) -> str:
        """Write a verification over the one of that ETag."""
        span = verification.span
        document = _Document(
            first=span.first.key,
            last=span.last.key,
            data_types=span.data_types,
            open=span.open,
            repair=verification.repair,
            created_at=verification.created_at,
            moved_at=verification.moved_at,
            next=verification.next.key,
            setbacks=verification.transient_failures,
            counts=verification.counts,
            found=verification.found,
            backfill_id=verification.backfill_id,
            finished_at=verification.finished_at,
            error=verification.error,
        )
        row: dict[str, Any] = new_row(
            verification.destination_id, verification.id, document, status=verification.status.value
        )
        return self._table.put(row, etag)


def _verification(row: Entity) -> Verification:
    document = row.document(_DOCUMENT)
    return Verification(
        id=row.read("RowKey", str),
        destination_id=row.read("PartitionKey", str),
        span=Span(Hour.parse(document.first), Hour.parse(document.last), document.data_types, document.open),
        repair=document.repair,
        created_at=document.created_at,
        moved_at=document.moved_at,
        next=Hour.parse(document.next),
        transient_failures=document.setbacks,
        status=row.read("status", VerificationStatus),
        counts=document.counts,
        found=document.found,
        backfill_id=document.backfill_id,
        finished_at=document.finished_at,
        error=document.error,
    )
