"""Structured log lines: an event, followed by its facts as JSON.

``hour exported {"destination":"acme","data_type":"events","hour":"2020-01-25T17",...}`` is readable as it is,
and queries parse it. Metrics are derived from these lines, so that a worker starts without a metrics library
(decision 12). Facts contain no row content and no secret.
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
    """The event, which begins the line."""

    HOUR_EXPORTED = "hour exported"
    HOUR_FAILED = "hour failed"
    STREAM_BEHIND = "stream behind"
    DESTINATION_FAILING = "destination failing"
    TICK = "tick"
    ROW_UNREADABLE = "row unreadable"
    LANDING_CREATED = "landing created"
    SECRETS_RENEWED = "secrets renewed"
    CREDENTIALS_EXPIRE = "credentials expire"
    CHANGE_MADE = "change made"
    HOUR_PULLED = "hour pulled"
    PULL_FAILED = "pull failed"
    SOURCE_FAILING = "source failing"
    SOURCE_HOURS_FAILED = "source hours failed"


_LEVELS = {
    Event.HOUR_FAILED: logging.WARNING,
    Event.DESTINATION_FAILING: logging.WARNING,
    Event.CREDENTIALS_EXPIRE: logging.WARNING,
    Event.ROW_UNREADABLE: logging.ERROR,
    Event.LANDING_CREATED: logging.WARNING,
    Event.PULL_FAILED: logging.WARNING,
    Event.SOURCE_FAILING: logging.WARNING,
    Event.SOURCE_HOURS_FAILED: logging.WARNING,
}


def log_event(event: Event, **facts: object) -> None:
    """Log a line; log handlers find event and facts in the record's ``event`` and ``facts``."""
    level = _LEVELS.get(event, logging.INFO)
    if _log.isEnabledFor(level):
        text = json.dumps(facts, separators=(",", ":"), default=str)
        _log.log(level, "%s %s", event, text, extra={"event": str(event), "facts": facts})


def log_unreadable(rows: Iterable[Unreadable]) -> None:
    """Log a line for each stored row that cannot be read, with the reason."""
    for row in rows:
        log_event(Event.ROW_UNREADABLE, table=row.table, key=row.key, column=row.column, why=row.why)


def hour_fields(key: StreamKey, hour: Hour) -> dict[str, object]:
    """Return the facts that identify an hour."""
    stream = key.stream
    return {
        "destination": key.destination_id,
        "data_type": str(stream.data_type),
        "source_id": stream.source_id,
        "hour": hour.key,
    }


def row_fields(rows: RowCounts) -> dict[str, int]:
    """Return the row counts of an hour."""
    return {
        "read": rows.read,
        "exported": rows.exported,
        "filtered": rows.filtered,
        "duplicate": rows.duplicate,
        "rejected": rows.rejected,
    }


def bytes_of(parts: tuple[Part, ...]) -> int:
    """Return the total size of the files in bytes."""
    return sum(part.bytes for part in parts)
