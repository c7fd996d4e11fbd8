"""Rows of our tables, read strictly: a wrong one raises and is never taken for a default."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from exporter.domain.streams import DataType, Stream, StreamKey
from exporter.storage.documents import from_columns, to_columns

# The form of the rows. A row of another version was written by a newer exporter, or by somebody else.
VERSION = 1
type Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time in a document: one without a time zone is refused."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """A stored row; ``columns`` are its properties, keys included."""

    table: str
    columns: Mapping[str, Any]

    def read[Value](self, column: str, parse: Callable[[Any], Value]) -> Value:
        """Return a column's value as parsed; ValueError names the table, the row and the column."""
        if column not in self.columns:
            raise self._bad(column, "is missing")
        try:
            return parse(self.columns[column])
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            raise self._bad(column, str(error)) from error

    def read_newer[Value](self, column: str, parse: Callable[[Any], Value]) -> Value | None:
        """Return a column's value as parsed; None for rows that were written before there was this column."""
        return self.read(column, parse) if column in self.columns else None

    def document[Value](self, decoder: msgspec.json.Decoder[Value]) -> Value:
        """Return the row's document, decoded and checked.

        The decoder is made when its module is imported: to make it now would not be safe with several
        threads (tests/unit/test_decoders.py).
        """
        self.check_version()
        try:
            return decoder.decode(from_columns(self.columns))
        except (ValueError, msgspec.MsgspecError) as error:
            raise self._bad("document", str(error)) from error

    def check_version(self) -> None:
        """Refuse a row of a form that is not known here."""
        self.read("v", _known_version)

    def _bad(self, column: str, what: str) -> ValueError:
        keys = f"{self.columns.get('PartitionKey')} / {self.columns.get('RowKey')}"
        return ValueError(f"table {self.table}, row {keys}, column {column}: {what}")


def readable[Value](rows: Iterable[tuple[Row, str]], parse: Callable[[Row], Value]) -> Iterator[Value]:
    """Yield rows as parsed. One that cannot be read is logged by its keys, and keeps no other waiting."""
    for row, _ in rows:
        try:
            yield parse(row)
        except ValueError as error:
            _log.error("a row is left out, because it cannot be read: %s", error)


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
