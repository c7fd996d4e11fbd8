"""The breakers' table: a row for each destination that ever met a fault."""

from exporter.domain.breaker import CLOSED, Breaker
from exporter.domain.versioned import RowsByKey
from exporter.storage.clients import Account
from exporter.storage.own.entities import Entity, moment_text, new_row, parse_moment, readable
from exporter.storage.own.tables import Table

_PARTITION = "destination"


class BreakersTable:
    """How destinations fare with their customers' storage."""

    def __init__(self, account: Account, table: str = "breakers") -> None:
        self._table = Table(account, table)

    def all(self) -> RowsByKey[str, Breaker]:
        """Return what is remembered, by destination."""
        found = self._table.find("PartitionKey eq @partition", {"partition": _PARTITION})
        rows = readable(found, lambda row: (row.read("RowKey", str), _standing(row)))
        return RowsByKey(dict(rows), rows.unreadable)

    def get(self, destination_id: str) -> Breaker:
        """Return one destination's standing; one that nothing is remembered of is good."""
        found = self._table.get(_PARTITION, destination_id)
        return found[0].parsed(_standing) if found else CLOSED

    def put(self, destination_id: str, breaker: Breaker) -> None:
        """Write a destination's standing, whatever was there."""
        row = new_row(
            _PARTITION,
            destination_id,
            faults=str(breaker.faults),
            retry_at=moment_text(breaker.retry_at),
            healed_at=moment_text(breaker.healed_at),
        )
        self._table.put_any(row)


def _standing(row: Entity) -> Breaker:
    row.check_version()
    return Breaker(
        faults=row.read("faults", int),
        retry_at=row.read("retry_at", parse_moment),
        healed_at=row.read("healed_at", parse_moment),
    )
