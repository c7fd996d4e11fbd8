"""The standings' table: a row for each destination that ever met a fault."""

from exporter.domain.breaker import GOOD, Standing
from exporter.domain.versioned import RowsByKey
from exporter.storage.clients import Account
from exporter.storage.own.entities import Row, moment_text, new_row, parse_moment, readable
from exporter.storage.own.tables import Table

_PARTITION = "destination"


class StandingsTable:
    """How destinations fare with their customers' storage."""

    def __init__(self, account: Account, table: str = "standings") -> None:
        self._table = Table(account, table)

    def all(self) -> RowsByKey[str, Standing]:
        """Return what is remembered, by destination."""
        found = self._table.find("PartitionKey eq @partition", {"partition": _PARTITION})
        rows = readable(found, lambda row: (row.read("RowKey", str), _standing(row)))
        return RowsByKey(dict(rows), rows.unreadable)

    def get(self, destination_id: str) -> Standing:
        """Return one destination's standing; one that nothing is remembered of is good."""
        found = self._table.get(_PARTITION, destination_id)
        return found[0].parsed(_standing) if found else GOOD

    def put(self, destination_id: str, standing: Standing) -> None:
        """Write a destination's standing, whatever was there."""
        row = new_row(
            _PARTITION,
            destination_id,
            faults=str(standing.faults),
            retry_at=moment_text(standing.retry_at),
            healed_at=moment_text(standing.healed_at),
        )
        self._table.put_any(row)


def _standing(row: Row) -> Standing:
    row.check_version()
    return Standing(
        faults=row.read("faults", int),
        retry_at=row.read("retry_at", parse_moment),
        healed_at=row.read("healed_at", parse_moment),
    )
