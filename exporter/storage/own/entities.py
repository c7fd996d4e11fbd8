"""Rows of our tables, read strictly: a bad value is an error, and no default replaces it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec

from exporter.domain.versioned import Rows, Unreadable, UnreadableRowError, Versioned
from exporter.storage.own.columns import moment_text, parse_moment
from exporter.storage.own.documents import from_columns, to_columns

__all__ = ["Entity", "Moment", "moment_text", "new_row", "parse_moment", "unversioned", "versioned"]

# The form of the rows. A row with another version was written by a newer exporter, or by another program.
VERSION = 1
type Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time in a document; one without a time zone is refused."""


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

    def read_newer[Value](self, column: str, parse: Callable[[Any], Value]) -> Value | None:
        """Return a column's value as parsed; None for rows that were written before there was this column."""
        return self.read(column, parse) if column in self.columns else None

    def document[Value](self, decoder: msgspec.json.Decoder[Value]) -> Value:
        """Return the row's document, decoded and checked."""
        self.check_version()
        try:
            return decoder.decode(from_columns(self.columns))
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


def new_row(partition: str, key: str, document: object = None, **columns: str) -> dict[str, Any]:
    """Return the columns of a row to be stored."""
    row: dict[str, Any] = {"PartitionKey": partition, "RowKey": key, "v": VERSION, **columns}
    return row if document is None else row | to_columns(msgspec.json.encode(document))


def _known_version(version: object) -> None:
    if version != VERSION:
        raise ValueError(f"the version is {version!r}; this exporter reads only version {VERSION}")
