"""What operators are told: a line for each thing that happened, its facts behind it as JSON.

``hour exported {"destination":"acme","data_type":"events","hour":"2020-01-25T17",...}``: people read it as it
is, and a query of the logs takes it apart. Metrics are made of these lines, so that a worker starts without a
library for them (decision 12). A fact is never a row's content, and never a secret.
"""

import json
import logging
from collections.abc import Iterable
from enum import StrEnum

from exporter.domain.hour import Hour
from exporter.domain.hour_content import RowCounts
from exporter.domain.marker import Part
from exporter.domain.streams import StreamKey
from exporter.domain.versioned import Unreadable

_log = logging.getLogger("exporter")


class Event(StrEnum):
    """What happened: the beginning of the line."""

    HOUR_EXPORTED = "hour exported"
    HOUR_FAILED = "hour failed"
    STREAM_BEHIND = "stream behind"
    DESTINATION_REFUSES = "destination refuses"
    TICK = "tick"
    ROW_UNREADABLE = "row unreadable"
    LANDING_CREATED = "landing created"


_LEVELS = {
    Event.HOUR_FAILED: logging.WARNING,
    Event.DESTINATION_REFUSES: logging.WARNING,
    Event.ROW_UNREADABLE: logging.ERROR,
    Event.LANDING_CREATED: logging.WARNING,
}


def log_event(event: Event, **facts: object) -> None:
    """Write a line; a handler also finds the facts in the record's ``facts``."""
    level = _LEVELS.get(event, logging.INFO)
    if _log.isEnabledFor(level):
        text = json.dumps(facts, separators=(",", ":"), default=str)
        _log.log(level, "%s %s", event, text, extra={"event": str(event), "facts": facts})


def log_unreadable(rows: Iterable[Unreadable]) -> None:
    """Tell operators which stored rows cannot be read, and why: each costs what it is about, and no more."""
    for row in rows:
        log_event(Event.ROW_UNREADABLE, table=row.table, key=row.key, column=row.column, why=row.why)


def hour_fields(key: StreamKey, hour: Hour) -> dict[str, object]:
    """Return the facts that name an hour."""
    stream = key.stream
    return {
        "destination": key.destination_id,
        "data_type": str(stream.data_type),
        "source_id": stream.source_id,
        "hour": hour.key,
    }


def row_fields(rows: RowCounts) -> dict[str, int]:
    """Return what became of an hour's rows."""
    return {
        "read": rows.read,
        "exported": rows.exported,
        "filtered": rows.filtered,
        "duplicate": rows.duplicate,
        "rejected": rows.rejected,
    }


def bytes_of(parts: tuple[Part, ...]) -> int:
    """Return the size of all files together."""
    return sum(part.bytes for part in parts)
