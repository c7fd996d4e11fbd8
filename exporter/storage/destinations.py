"""The destinations' table: one row for each; its status is a column, so that the service can select by it."""

from typing import Any

import msgspec

from exporter.domain.destination import Credentials, Destination, Output, Status, StorageTarget
from exporter.domain.stored import Versioned
from exporter.storage.accounts import Account
from exporter.storage.rows import Moment, Row, new_row
from exporter.storage.tables import Table

_PARTITION = "destination"


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    """What a row holds besides its id and its status."""

    name: str
    storage: StorageTarget
    credentials: Credentials
    created_at: Moment
    project_id: int | None
    org_id: int | None
    output: Output
    activated_at: Moment | None


_DOCUMENT = msgspec.json.Decoder(_Document)


class DestinationsTable:
    """The destinations, as their owners made them."""

    def __init__(self, account: Account, table: str = "destinations") -> None:
        self._table = Table(account, table)

    def get(self, destination_id: str) -> Versioned[Destination] | None:
        """Return a destination."""
        found = self._table.get(_PARTITION, destination_id)
        return Versioned(_destination(found[0]), found[1]) if found else None

    def all(self) -> list[Versioned[Destination]]:
        """Return every destination, by id."""
        found = self._table.find("PartitionKey eq @partition", {"partition": _PARTITION})
        return sorted(
            (Versioned(_destination(row), etag) for row, etag in found), key=lambda each: each.value.id
        )

    def active(self) -> list[Destination]:
        """Return the active ones, by id."""
        found = self._table.find(
            "PartitionKey eq @partition and status eq @status",
            {"partition": _PARTITION, "status": Status.ACTIVE.value},
        )
        return sorted((_destination(row) for row, _ in found), key=lambda each: each.id)

    def put(self, destination: Destination, etag: str | None) -> str:
        """Write a destination over the one of that ETag."""
        return self._table.put(_row(destination), etag)


def _row(destination: Destination) -> dict[str, Any]:
    document = _Document(
        name=destination.name,
        storage=destination.storage,
        credentials=destination.credentials,
        created_at=destination.created_at,
        project_id=destination.project_id,
        org_id=destination.org_id,
        output=destination.output,
        activated_at=destination.activated_at,
    )
    return new_row(_PARTITION, destination.id, document, status=destination.status.value)


def _destination(row: Row) -> Destination:
    document = row.document(_DOCUMENT)
    return Destination(
        id=row.read("RowKey", str),
        name=document.name,
        storage=document.storage,
        credentials=document.credentials,
        created_at=document.created_at,
        project_id=document.project_id,
        org_id=document.org_id,
        output=document.output,
        status=row.read("status", Status),
        activated_at=document.activated_at,
    )
