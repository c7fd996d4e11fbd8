"""The same hour, exported the way one would write it in ten minutes, with the standard library alone.

It checks less: neither the types of values, nor how deep they are nested, nor lone surrogates. On rows that
are in order it comes to the same result.
"""

import gzip
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exporter.domain.row_schema import EVENT_FIELDS, Kind

_LEVEL = 6
_HOUR_LENGTH = 13


def export(blobs: Iterable[Path], target: Path, project_id: int, hour: str) -> int:
    """Write the hour's rows into one gzip file, and return how many; the hour is like ``2026-01-31T13``."""
    seen: set[str] = set()
    with gzip.open(target, "wb", compresslevel=_LEVEL) as output:
        for blob in blobs:
            with gzip.open(blob, "rb") as lines:
                for line in lines:
                    row = _normalised(line, project_id)
                    if row is None or row["server_upload_time"][:_HOUR_LENGTH] != hour or row["uuid"] in seen:
                        continue
                    seen.add(row["uuid"])
                    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
                    output.write(text.encode() + b"\n")
    return len(seen)


def _normalised(line: bytes, project_id: int) -> dict[str, Any] | None:
    """Return the 49 keys with all times in one form, or None if the line is no row."""
    try:
        found = json.loads(line, parse_constant=_refuse)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    row: dict[str, Any] = {}
    for field in EVENT_FIELDS:
        value = found.get(field.name)
        if value is None:
            if field.required:
                return None
            value = {} if field.kind is Kind.DICT else None
        elif field.kind is Kind.TIME:
            value = _iso8601(value)
        row[field.name] = value
    row["uuid"] = row["uuid"].lower()
    if row["app"] is None:
        row["app"] = project_id
    return row if row["app"] == project_id else None


def _refuse(word: str) -> float:
    """Take NaN and Infinity for what they are: no JSON."""
    raise ValueError(word)


def _iso8601(text: str) -> str:
    moment = datetime.fromisoformat(text)
    utc = moment.astimezone(UTC) if moment.tzinfo else moment
    return utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
