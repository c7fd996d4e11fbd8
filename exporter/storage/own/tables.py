"""Tables of values by key: one specification a table, and the gateways that all tables share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import batched
from types import MappingProxyType
from typing import Any, cast

import msgspec

from exporter.domain.versioned import Rows, RowsByKey, Versioned
from exporter.storage.clients import Account
from exporter.storage.own.columns import Column
from exporter.storage.own.documents import Document, from_columns, to_columns
from exporter.storage.own.entities import Entity, new_row, versioned
from exporter.storage.own.entity_table import TRANSACTION_ROWS_MAX, EntityTable

_NONE: Mapping[str, Column[Any]] = MappingProxyType({})
_BETWEEN = "PartitionKey eq @partition and RowKey ge @first and RowKey le @last"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec[*Key, Value]:
    """How the values of one table are stored.

    ``keys`` returns the partition key and the row key of a key; ``parse_keys`` returns the key of both, and
    raises ValueError if they are not a key. ``key_fields`` are the fields of the value that make its key;
    empty if the value does not contain it. ``partition`` is the partition of all rows; empty if there are
    several. ``columns`` are the fields that are stored as text in columns of their own, so that the service
    can select by them; ``document`` stores all the other fields. Without a document, the other fields are
    not stored, and have their defaults when they are read.
    """

    name: str
    kind: type[Value]
    keys: Callable[[*Key], tuple[str, str]]
    parse_keys: Callable[[str, str], tuple[*Key]]
    key_fields: tuple[str, ...] = ()
    partition: str = ""
    columns: Mapping[str, Column[Any]] = field(default=_NONE)
    document: Document[Value] | None = None

    def key_of(self, value: Value) -> tuple[*Key]:
        """Return the key that a value contains."""
        return cast("tuple[*Key]", tuple(getattr(value, name) for name in self.key_fields))

    def encode(self, key: tuple[*Key], value: Value) -> dict[str, Any]:
        """Return the row of a value."""
        columns = {name: column.encode(getattr(value, name)) for name, column in self.columns.items()}
        document = to_columns(self.document.encode(value)) if self.document else {}
        return new_row(*self.keys(*key), **columns) | document

    def decode(self, row: Entity) -> tuple[tuple[*Key], Value]:
        """Return the key and the value of a row; ``UnreadableRowError`` names table, keys and column."""
        row.check_version()
        partition = row.read("PartitionKey", str)
        key = row.read("RowKey", lambda text: self.parse_keys(partition, text))
        # Without key fields there is nothing to pair.
        fields: dict[str, Any] = dict(zip(self.key_fields, cast("tuple[Any, ...]", key), strict=False))
        fields |= {name: row.read(name, column.decode) for name, column in self.columns.items()}
        if self.document is None:
            return key, self.kind(**fields)
        try:
            return key, self.document.decode(from_columns(row.columns), **fields)
        except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
            raise row.unreadable("document", str(error)) from error


def in_partition[Key, Value](  # noqa: PLR0913  the parts of a specification, each by its name
    partition: str,
    key: Column[Key],
    *,
    name: str,
    kind: type[Value],
    key_field: str | None = None,
    columns: Mapping[str, Column[Any]] = _NONE,
    document: Document[Value] | None = None,
) -> TableSpec[Key, Value]:
    """Return the specification of values in one partition whose row key is one value."""
    return TableSpec(
        name=name,
        kind=kind,
        keys=lambda value: (partition, key.encode(value)),
        parse_keys=lambda _, text: (key.decode(text),),
        key_fields=(key_field,) if key_field else (),
        partition=partition,
        columns=columns,
        document=document,
    )


class Table[*Key, Value]:
    """The table of one specification: values by key, changed by compare-and-swap."""

    def __init__(self, account: Account, spec: TableSpec[*Key, Value], name: str | None = None) -> None:
        self.spec = spec
        self.entities = EntityTable(account, name or spec.name)

    def get(self, *key: *Key) -> Versioned[Value] | None:
        """Return the value of a key, or None."""
        found = self.entities.get(*self.spec.keys(*key))
        return Versioned(self.spec.decode(found[0])[1], found[1]) if found else None

    def find(self, condition: str, **parameters: str) -> Rows[Versioned[Value]]:
        """Return the values whose rows meet an OData condition, in the order of their keys."""
        return versioned(self.entities.find(condition, parameters), lambda row: self.spec.decode(row)[1])

    def put(self, value: Value, etag: str | None) -> str:
        """Write a value over the one of that ETag (None: where none is), and return its new ETag."""
        return self.entities.put(self.spec.encode(self.spec.key_of(value), value), etag)


class LastWriteTable[Key, Value, Default = None]:
    """A partition of a table in which the last write wins; ``default`` stands for a missing value."""

    def __init__(
        self, account: Account, spec: TableSpec[Key, Value], default: Default, name: str | None = None
    ) -> None:
        self._spec = spec
        self._entities = EntityTable(account, name or spec.name)
        self._default = default

    def get(self, key: Key) -> Value | Default:
        """Return the value of a key, or the default."""
        found = self._entities.get(*self._spec.keys(key))
        return self._spec.decode(found[0])[1] if found else self._default

    def all(self) -> RowsByKey[Key, Value]:
        """Return every value by its key."""
        return self._found("PartitionKey eq @partition")

    def between(self, first: Key, last: Key) -> RowsByKey[Key, Value]:
        """Return the values from the first to the last key, both included."""
        (_, low), (_, high) = self._spec.keys(first), self._spec.keys(last)
        return self._found(_BETWEEN, first=low, last=high)

    def _found(self, condition: str, **parameters: str) -> RowsByKey[Key, Value]:
        found = self._entities.find(condition, {"partition": self._spec.partition, **parameters})
        rows = versioned(found, self._spec.decode)
        values = (row.value for row in rows)
        return RowsByKey({key: value for (key,), value in values}, rows.unreadable)

    def put(self, key: Key, value: Value) -> None:
        """Write a value, whatever is stored."""
        self._entities.put_any(self._spec.encode((key,), value))

    def put_all(self, values: Mapping[Key, Value]) -> None:
        """Write values, whatever is stored, ``TRANSACTION_ROWS_MAX`` with one call."""
        for some in batched(values.items(), TRANSACTION_ROWS_MAX, strict=False):
            self._entities.put_any_together([self._spec.encode((key,), value) for key, value in some])

    def forget(self, key: Key) -> None:
        """Delete the value of a key, if there is one."""
        self._entities.delete(*self._spec.keys(key))
