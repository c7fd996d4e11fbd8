"""The destinations' table: one row for each; its status is a column, so that the service can select by it.

Among them is a row for each container that any was made for: it changes whenever a destination takes names
there. It is in their partition, because a transaction is within one.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from exporter.domain.connection_test import ConnectionReport, ConnectionTest
from exporter.domain.destination import (
    Credentials,
    Destination,
    EarlierPlace,
    Output,
    Status,
    StorageTarget,
)
from exporter.domain.file_names import PathLayout
from exporter.domain.filter_parser import stored_filter
from exporter.domain.notifications import Webhook
from exporter.domain.versioned import Rows, RowsByKey, Versioned
from exporter.storage.clients import Account
from exporter.storage.own.entities import Entity, Moment, new_row, readable, versioned
from exporter.storage.own.tables import Table

_PARTITION = "destination"
# Beside the destinations: a test upload does not change the row of its destination, nor the ETag of it.
_TRIALS = "trial"
# Asked for by what they are not: a row of a status that nobody knows is found, and told.
_NOT_ACTIVE = tuple(status for status in Status if status is not Status.ACTIVE)
_ACTIVE = "PartitionKey eq @partition and RowKey lt @names" + "".join(
    f" and status ne @{status}" for status in _NOT_ACTIVE
)


class _Place(msgspec.Struct, forbid_unknown_fields=True):
    """Where files went earlier."""

    container: str
    prefix: str
    layout: PathLayout
    until: Moment


# Behind every id of a destination, since those have letters, digits and hyphens.
_NAMES = "~names:"


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
    # Not in rows that were written before a destination could be pointed elsewhere.
    events_since: Moment | None = None
    # JSON in its one form; not in rows that were written before there were filters.
    event_filter: str | None = None
    # Not in rows that were written before there were webhooks.
    webhook: Webhook | None = None
    # Not in rows that were written before the places of its files were kept.
    earlier: tuple[_Place, ...] = ()


class _Trial(msgspec.Struct, forbid_unknown_fields=True):
    """A test upload, as it is kept."""

    at: Moment
    report: ConnectionReport


_TRIAL = msgspec.json.Decoder(_Trial)


_DOCUMENT = msgspec.json.Decoder(_Document)


class DestinationsTable:
    """The destinations, as their owners made them."""

    def __init__(self, account: Account, table: str = "destinations") -> None:
        self._table = Table(account, table)

    def get(self, destination_id: str) -> Versioned[Destination] | None:
        """Return a destination."""
        found = self._table.get(_PARTITION, destination_id)
        return Versioned(found[0].parsed(_destination), found[1]) if found else None

    def all(self) -> Rows[Versioned[Destination]]:
        """Return every destination, by id."""
        rows = versioned(
            self._table.find(
                "PartitionKey eq @partition and RowKey lt @names", {"partition": _PARTITION, "names": _NAMES}
            ),
            _destination,
        )
        return Rows(sorted(rows, key=lambda each: each.value.id), rows.unreadable)

    def active(self) -> Rows[Destination]:
        """Return the active ones, by id."""
        others = {status.value: status.value for status in _NOT_ACTIVE}
        found = self._table.find(_ACTIVE, {"partition": _PARTITION, "names": _NAMES, **others})
        rows = readable(found, _destination)
        return Rows(sorted(rows, key=lambda each: each.id), rows.unreadable)

    def put(self, destination: Destination, etag: str | None) -> str:
        """Write a destination over the one of that ETag."""
        return self._table.put(_row(destination), etag)

    def names_version(self, place: str) -> str | None:
        """Return the version of the names in a container; None before the first."""
        found = self._table.get(_PARTITION, _names_key(place))
        return found[1] if found else None

    def put_with_names(
        self, destination: Destination, etag: str | None, versions: Mapping[str, str | None]
    ) -> str:
        """Write a destination that takes names, and new versions of its containers' names; all or nothing."""
        taken = [
            (new_row(_PARTITION, _names_key(place), by=destination.id), version)
            for place, version in versions.items()
        ]
        return self._table.put_together((_row(destination), etag), *taken)

    def last_test(self, destination_id: str) -> ConnectionTest | None:
        """Return a destination's last test upload."""
        found = self._table.get(_TRIALS, destination_id)
        return found[0].parsed(_trial) if found else None

    def last_tests(self) -> RowsByKey[str, ConnectionTest]:
        """Return the last test upload of every destination that had one, by id."""
        found = self._table.find("PartitionKey eq @partition", {"partition": _TRIALS})
        rows = readable(found, lambda row: (row.read("RowKey", str), _trial(row)))
        return RowsByKey(dict(rows), rows.unreadable)

    def record_test(self, destination_id: str, trial: ConnectionTest | None) -> None:
        """Keep a destination's last test upload in place of an earlier one; None forgets it."""
        if trial is None:
            self._table.delete(_TRIALS, destination_id)
        else:
            self._table.put_any(new_row(_TRIALS, destination_id, _Trial(at=trial.at, report=trial.report)))


def _names_key(place: str) -> str:
    """Return the key of a container's row: a hash, because not every account's address is legal in a key."""
    return f"{_NAMES}{hashlib.sha256(place.encode()).hexdigest()}"


def _trial(row: Entity) -> ConnectionTest:
    document = row.document(_TRIAL)
    return ConnectionTest(document.at, document.report)


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
        events_since=destination.events_since,
        event_filter=destination.event_filter.text if destination.event_filter else None,
        webhook=destination.webhook,
        earlier=tuple(
            _Place(container=each.container, prefix=each.prefix, layout=each.layout, until=each.until)
            for each in destination.earlier
        ),
    )
    return new_row(_PARTITION, destination.id, document, status=destination.status.value)


def _destination(row: Entity) -> Destination:
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
        events_since=document.events_since,
        event_filter=stored_filter(document.event_filter) if document.event_filter else None,
        webhook=document.webhook,
        earlier=tuple(
            EarlierPlace(each.container, each.prefix, each.layout, each.until) for each in document.earlier
        ),
    )
