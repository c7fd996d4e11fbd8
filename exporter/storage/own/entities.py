"""Rows of our tables, read strictly: a wrong one is an error and is never taken for a default.

What a list makes of a wrong row is stated by ``exporter.domain.versioned.Rows``, and done by ``versioned``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

import msgspec

from exporter.domain.streams import DataType, Stream, StreamKey
from exporter.domain.versioned import Rows, Unreadable, UnreadableRowError, Versioned
from exporter.storage.own.documents import from_columns, to_columns

# The form of the rows. A row of another version was written by a newer exporter, or by another program.
VERSION = 1
type Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time in a document: one without a time zone is refused."""


class Decoder[Value](Protocol):
    """A decoder of msgspec, or an ``ExactDecoder``."""

    def decode(self, document: bytes, /) -> Value:
        """Return the value; ``ValueError`` or ``MsgspecError`` if it is none."""
        ...


@dataclass(frozen=True, slots=True)
class Entity:
    """A stored row; ``columns`` are its properties, keys included."""

    table: str
    columns: Mapping[str, Any]

    def read[Value](self, column: str, parse: Callable[[Any], Value]) -> Value:
        """Return a column's value as parsed; ``UnreadableRowError`` names table, row and column."""
        if column not in self.columns:
            raise self._bad(column, "is missing")
        try:
            return parse(self.columns[column])
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            raise self._bad(column, str(error)) from error

    def read_newer[Value](self, column: str, parse: Callable[[Any], Value]) -> Value | None:
        """Return a column's value as parsed; None for rows that were written before there was this column."""
        return self.read(column, parse) if column in self.columns else None

    def document[Value](self, decoder: Decoder[Value]) -> Value:
        """Return the row's document, decoded and checked.

        The decoder is made when its module is imported: to make it now would not be safe with several
        threads (tests/unit/storage/test_decoders.py).
        """
        self.check_version()
        try:
            return decoder.decode(from_columns(self.columns))
        except (ValueError, msgspec.MsgspecError) as error:
            raise self._bad("document", str(error)) from error

    def parsed[Value](self, parse: Callable[["Entity"], Value]) -> Value:
        """Return what ``parse`` makes of the row; ``UnreadableRowError`` whatever it finds wrong."""
        try:
            return parse(self)
        except UnreadableRowError:
            raise
        except (TypeError, ValueError, OverflowError) as error:
            raise self._bad("document", str(error)) from error

    def check_version(self) -> None:
        """Refuse a row of a form that is not known here."""
        self.read("v", _known_version)

    def _bad(self, column: str, what: str) -> UnreadableRowError:
        keys = f"{self.columns.get('PartitionKey')} / {self.columns.get('RowKey')}"
        return UnreadableRowError(Unreadable(self.table, keys, column, what))


def versioned[Value](
    found: Iterable[tuple[Entity, str]], parse: Callable[[Entity], Value]
) -> Rows[Versioned[Value]]:
    """Return what ``parse`` makes of each row, with its ETag; rows that it cannot read are told apart."""
    values: list[Versioned[Value]] = []
    unreadable: list[Unreadable] = []
    for row, etag in found:
        try:
            values.append(Versioned(row.parsed(parse), etag))
        except UnreadableRowError as error:
            unreadable.append(error.row)
    return Rows(values, unreadable)


def readable[Value](found: Iterable[tuple[Entity, str]], parse: Callable[[Entity], Value]) -> Rows[Value]:
    """Return what ``parse`` makes of each row; rows that it cannot read are told apart."""
    rows = versioned(found, parse)
    return Rows((row.value for row in rows), rows.unreadable)


def new_row(partition: str, key: str, document: object = None, **columns: str) -> dict[str, Any]:
    """Return the columns of a row to be stored."""
    row: dict[str, Any] = {"PartitionKey": partition, "RowKey": key, "v": VERSION, **columns}
    return row if document is None else row | to_columns(msgspec.json.encode(document))


def moment_text(moment: datetime | None) -> str:
    """Return a time as a column holds it: ISO text in UTC, or nothing."""
    return moment.astimezone(UTC).isoformat() if moment else ""


def parse_moment(text: str) -> datetime | None:
    """Read a time from a column."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without a time zone: {text!r}")
    return moment.astimezone(UTC)


def parse_stream_key(text: str) -> StreamKey:
    """Read ``acme:events:187520``."""
    destination_id, data_type, source_id = text.split(":")
    return StreamKey(destination_id, Stream(DataType(data_type), int(source_id)))


def _known_version(version: object) -> None:
    if version != VERSION:
        raise ValueError(f"the version is {version!r}, and only {VERSION} is known here")
