"""The slices' table: while a large hour is staged by several workers, a row for each slice that was begun."""

from typing import Any

import msgspec

from exporter.domain.hour import Hour
from exporter.domain.hour_record import Claim
from exporter.domain.slices import SliceRecord, SliceResult
from exporter.domain.streams import StreamKey
from exporter.domain.versioned import Versioned
from exporter.storage.clients import Account
from exporter.storage.own.entities import Entity, new_row
from exporter.storage.own.entity_table import EntityTable

_NUMBER_DIGITS = 6


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    claim: Claim | None
    result: SliceResult | None
    drops: str | None


_DOCUMENT = msgspec.json.Decoder(_Document)


class SlicesTable:
    """How far the slices of large hours are."""

    def __init__(self, account: Account, table: str = "slices") -> None:
        self._table = EntityTable(account, table)

    def get(self, key: StreamKey, hour: Hour, run: str, number: int) -> Versioned[SliceRecord] | None:
        """Return the record of one slice."""
        found = self._table.get(_partition(key, hour), _row_key(run, number))
        return Versioned(_record(key, hour, found[0]), found[1]) if found else None

    def all(self, key: StreamKey, hour: Hour, run: str) -> list[Versioned[SliceRecord]]:
        """Return the records of a run's slices, in order."""
        found = self._table.find(
            "PartitionKey eq @hour and RowKey ge @first and RowKey lt @end",
            # The colon is the character after the digits: no number of this run is beyond it.
            {"hour": _partition(key, hour), "first": f"{run}-", "end": f"{run}-:"},
        )
        return [Versioned(_record(key, hour, row), etag) for row, etag in found]

    def put(self, record: SliceRecord, etag: str | None) -> str:
        """Write a record over the one of that ETag."""
        return self._table.put(_row(record), etag)

    def discard(self, key: StreamKey, hour: Hour, run: str) -> None:
        """Delete the records of a run that is over."""
        for found in self.all(key, hour, run):
            self._table.delete(_partition(key, hour), _row_key(run, found.value.number))


def _partition(key: StreamKey, hour: Hour) -> str:
    return f"{key}:{hour.key}"


def _row_key(run: str, number: int) -> str:
    return f"{run}-{number:0{_NUMBER_DIGITS}}"


def _row(record: SliceRecord) -> dict[str, Any]:
    document = _Document(record.claim, record.result, record.drops)
    return new_row(_partition(record.key, record.hour), _row_key(record.run, record.number), document)


def _record(key: StreamKey, hour: Hour, row: Entity) -> SliceRecord:
    document = row.document(_DOCUMENT)
    run, number = row.read("RowKey", _parts_of_key)
    return SliceRecord(key, hour, run, number, document.claim, document.result, document.drops)


def _parts_of_key(text: str) -> tuple[str, int]:
    run, _, number = text.rpartition("-")
    return run, int(number)
