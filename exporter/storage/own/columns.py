"""Columns of our tables: how a value is stored as text, and read back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from exporter.domain.data_types import DataType
from exporter.domain.hour import Hour
from exporter.domain.streams import Stream, StreamKey


@dataclass(frozen=True, slots=True)
class Column[Value]:
    """How values of one type are stored; ``decode`` raises TypeError or ValueError for any other text."""

    encode: Callable[[Value], str]
    decode: Callable[[str], Value]


def enum_column[Member: StrEnum](members: type[Member]) -> Column[Member]:
    """Return the column of an enum: its value."""
    return Column(str, members)


def moment_text(moment: datetime | None) -> str:
    """Return a time as ISO text in UTC; empty for None."""
    return moment.astimezone(UTC).isoformat() if moment else ""


def parse_moment(text: str) -> datetime | None:
    """Return the time of a text, in UTC; None if it is empty, ValueError if it has no time zone."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time without a time zone: {text!r}")
    return moment.astimezone(UTC)


def parse_stream_key(text: str) -> StreamKey:
    """Return the stream of ``acme:events:187520``; ValueError if it is not one."""
    destination_id, data_type, source_id = text.split(":")
    return StreamKey(destination_id, Stream(DataType(data_type), int(source_id)))


def _text(value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"not a text: {value!r}")
    return value


TEXT = Column(_text, _text)
NUMBER = Column[int](str, int)
STREAM_KEY = Column[StreamKey](str, parse_stream_key)
MOMENT = Column(moment_text, parse_moment)
HOUR = Column[Hour](str, Hour.parse)
HOURS = Column[tuple[Hour, ...]](
    lambda hours: " ".join(hour.key for hour in hours), lambda text: tuple(map(Hour.parse, text.split()))
)
