"""The table of slices: while several workers stage a large hour, a row for each slice that was claimed."""

from typing import Any

from exporter.domain.hour import Hour
from exporter.domain.slices import SliceRecord
from exporter.domain.streams import StreamKey
from exporter.domain.versioned import Versioned
from exporter.storage.clients import Account
from exporter.storage.own.documents import Document, to_columns
from exporter.storage.own.entities import Entity, new_row
from exporter.storage.own.entity_table import EntityTable

_NUMBER_DIGITS = 6


_RECORD = Document(SliceRecord, without=("key", "hour", "sliced_id", "number"))


class SlicesTable:
    """How far the slices of large hours are."""

    def __init__(self, account: Account, table: str = "slices") -> None:
        self._table = EntityTable(account, table)

    def get(self, key: StreamKey, hour: Hour, sliced_id: str, number: int) -> Versioned[SliceRecord] | None:
        """Return the record of one slice."""
        found = self._table.get(_partition(key, hour), _row_key(sliced_id, number))
        return Versioned(_record(key, hour, found[0]), found[1]) if found else None

    def all(self, key: StreamKey, hour: Hour, sliced_id: str) -> list[Versioned[SliceRecord]]:
        """Return the records of a sliced export, in the order of their numbers."""
        found = self._table.find(
            "PartitionKey eq @hour and RowKey ge @first and RowKey lt @end",
            # The colon is the character after the digits: no number of this export comes after it.
            {"hour": _partition(key, hour), "first": f"{sliced_id}-", "end": f"{sliced_id}-:"},
        )
        return [Versioned(_record(key, hour, row), etag) for row, etag in found]

    def put(self, record: SliceRecord, etag: str | None) -> str:
        """Write a record over the one of that ETag."""
        return self._table.put(_row(record), etag)

    def discard(self, key: StreamKey, hour: Hour, sliced_id: str) -> None:
        """Delete the records of a sliced export that has ended."""
        for found in self.all(key, hour, sliced_id):
            self._table.delete(_partition(key, hour), _row_key(sliced_id, found.value.number))


def _partition(key: StreamKey, hour: Hour) -> str:
    return f"{key}:{hour.key}"


def _row_key(sliced_id: str, number: int) -> str:
    return f"{sliced_id}-{number:0{_NUMBER_DIGITS}}"


def _row(record: SliceRecord) -> dict[str, Any]:
    keys = _partition(record.key, record.hour), _row_key(record.sliced_id, record.number)
    return new_row(*keys) | to_columns(_RECORD.encode(record))


def _record(key: StreamKey, hour: Hour, row: Entity) -> SliceRecord:
    sliced_id, number = row.read("RowKey", _parts_of_key)
    return row.document(_RECORD, key=key, hour=hour, sliced_id=sliced_id, number=number)


def _parts_of_key(text: str) -> tuple[str, int]:
    sliced_id, _, number = text.rpartition("-")
    return sliced_id, int(number)
