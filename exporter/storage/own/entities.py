"""Rows of our tables, read strictly: a bad value is an error, and no default replaces it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from exporter.domain.versioned import Rows, Unreadable, UnreadableRowError, Versioned
from exporter.storage.own.columns import moment_text, parse_moment
from exporter.storage.own.documents import Document, from_columns

__all__ = ["Entity", "moment_text", "new_row", "parse_moment", "unversioned", "versioned"]

# The form of the rows. A row with another version was written by a newer exporter, or by another program.
VERSION = 1


@dataclass(frozen=True, slots=True)
class Entity:
    """A stored row; ``columns`` are its properties, keys included."""

    table: str
    columns: Mapping[str, Any]

    def read[Value](self, column: str, parse: Callable[[Any], Value]) -> Value:
        """Return a column's value as parsed; ``UnreadableRowError`` names table, row and column."""
        if column not in self.columns:
            raise self.unreadable(column, "is missing")
        try:
            return parse(self.columns[column])
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            raise self.unreadable(column, str(error)) from error

    def document[Value](self, document: Document[Value], **others: object) -> Value:
        """Return the value of the row's document and of its other fields, checked."""
        self.check_version()
        try:
            return document.decode(from_columns(self.columns), **others)
        except (ValueError, msgspec.MsgspecError) as error:
            raise self.unreadable("document", str(error)) from error

    def parsed[Value](self, parse: Callable[["Entity"], Value]) -> Value:
        """Return the row as parsed; any error of ``parse`` becomes ``UnreadableRowError``."""
        try:
            return parse(self)
        except UnreadableRowError:
            raise
        except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
            raise self.unreadable("document", str(error)) from error

    def check_version(self) -> None:
        """Raise ``UnreadableRowError`` unless the row has the known version."""
        self.read("v", _known_version)

    def unreadable(self, column: str, why: str) -> UnreadableRowError:
        """Return the error for a row with a bad column."""
        keys = f"{self.columns.get('PartitionKey')} / {self.columns.get('RowKey')}"
        return UnreadableRowError(Unreadable(self.table, keys, column, why))


def versioned[Value](
    found: Iterable[tuple[Entity, str]], parse: Callable[[Entity], Value]
) -> Rows[Versioned[Value]]:
    """Return each row as parsed, with its ETag; unreadable rows are listed apart (``Rows``)."""
    values: list[Versioned[Value]] = []
    unreadable: list[Unreadable] = []
    for row, etag in found:
        try:
            values.append(Versioned(row.parsed(parse), etag))
        except UnreadableRowError as error:
            unreadable.append(error.row)
    return Rows(values, unreadable)


def unversioned[Value](rows: Rows[Versioned[Value]]) -> Rows[Value]:
    """Return rows without their ETags."""
    return Rows((row.value for row in rows), rows.unreadable)


def new_row(partition: str, key: str, **columns: str) -> dict[str, Any]:
    """Return the columns of a row to be stored."""
    return {"PartitionKey": partition, "RowKey": key, "v": VERSION, **columns}


def _known_version(version: object) -> None:
    if version != VERSION:
        raise ValueError(f"the version is {version!r}; this exporter reads only version {VERSION}")
