"""The destinations' table: a row for each destination, and one for each container in which names are taken.

The row of a container changes whenever a destination takes names there. It is in the same partition as the
destinations, because a transaction is limited to one partition.
"""

import hashlib
from collections.abc import Mapping
from itertools import islice

from exporter.domain.connection_test import ConnectionTest
from exporter.domain.destination import Destination, Status
from exporter.domain.versioned import Page, Rows, RowsByKey, Versioned
from exporter.storage.clients import Account
from exporter.storage.own.entities import new_row, unversioned, versioned
from exporter.storage.own.specs import CONNECTION_TESTS, DESTINATIONS
from exporter.storage.own.tables import LastWriteTable, Table

# Sorts after the id of every destination: ids consist of letters, digits and hyphens.
_NAMES = "~names:"
_ALL = "PartitionKey eq @partition and RowKey lt @names"
# Selected by exclusion: a row with an unknown status is found, and reported as unreadable.
_NOT_ACTIVE = {status.value: status.value for status in Status if status is not Status.ACTIVE}
_ACTIVE = " and ".join([_ALL, *(f"status ne @{status}" for status in _NOT_ACTIVE)])


class DestinationsTable(Table[str, Destination]):
    """The destinations, their connection tests, and who takes names in which container."""

    def __init__(self, account: Account, name: str | None = None) -> None:
        super().__init__(account, DESTINATIONS, name)
        self._tests = LastWriteTable(account, CONNECTION_TESTS, None, name)

    def all(self) -> Rows[Versioned[Destination]]:
        """Return every destination, by id."""
        return self._sorted(_ALL)

    def active(self) -> Rows[Destination]:
        """Return the active destinations, by id."""
        return unversioned(self._sorted(_ACTIVE, **_NOT_ACTIVE))

    def page(self, after: str, size: int, *, deleted: bool) -> Page[Destination]:
        """Return up to ``size`` destinations whose ids follow ``after``: the deleted ones or the others."""
        condition = f"{_ALL} and RowKey gt @after and status {'eq' if deleted else 'ne'} @deleted"
        parameters = {
            "partition": DESTINATIONS.partition,
            "names": _NAMES,
            "after": after,
            "deleted": Status.DELETED.value,
        }
        # One more row says whether there is a next page.
        found = self.entities.find(condition, parameters, page_rows=size + 1)
        rows = list(islice(found, size + 1))
        kept = rows[:size]
        page = unversioned(versioned(kept, lambda row: self.spec.decode(row)[1]))
        last = str(kept[-1][0].columns["RowKey"]) if len(rows) > size else None
        return Page(page, page.unreadable, last)

    def _sorted(self, condition: str, **parameters: str) -> Rows[Versioned[Destination]]:
        rows = self.find(condition, partition=DESTINATIONS.partition, names=_NAMES, **parameters)
        return Rows(sorted(rows, key=lambda each: each.value.id), rows.unreadable)

    def names_version(self, place: str) -> str | None:
        """Return the version of the names in a container; None before the first."""
        found = self.entities.get(DESTINATIONS.partition, _names_key(place))
        return found[1] if found else None

    def put_with_names(
        self, destination: Destination, etag: str | None, versions: Mapping[str, str | None]
    ) -> str:
        """Write a destination that takes names, and new versions of its containers' names; all or nothing."""
        taken = [
            (new_row(DESTINATIONS.partition, _names_key(place), by=destination.id), version)
            for place, version in versions.items()
        ]
        row = self.spec.encode((destination.id,), destination)
        return self.entities.put_together((row, etag), *taken)

    def last_test(self, destination_id: str) -> ConnectionTest | None:
        """Return a destination's last connection test."""
        return self._tests.get(destination_id)

    def last_tests(self, first: str, last: str) -> RowsByKey[str, ConnectionTest]:
        """Return the last connection tests of the destinations from the first to the last id, by id."""
        return self._tests.between(first, last)

    def record_test(self, destination_id: str, test: ConnectionTest | None) -> None:
        """Replace a destination's last connection test; None deletes it."""
        if test is None:
            self._tests.forget(destination_id)
        else:
            self._tests.put(destination_id, test)


def _names_key(place: str) -> str:
    """Return the row key of a container: a hash, because an account's address may be illegal in a key."""
    return f"{_NAMES}{hashlib.sha256(place.encode()).hexdigest()}"
