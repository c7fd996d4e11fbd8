"""The shape of real rows, as public files show it: 55 keys, arrays, and mistyped values.

Every row has the 49 keys and six more, in an order that differs between sources. Most rows of mobile devices
have an array of attribution ids. Some rows went through a warehouse or a script, which left booleans and
numbers as text, empty text for missing values, and empty arrays for empty objects. Such a row means the same
as the row with proper types.
"""

import json
from functools import lru_cache
from typing import Any
from zlib import crc32

from infra.local.sample.entropy import mix
from infra.local.sample.rows import EVENT_KEYS

type Record = dict[str, Any]

MORE_KEYS: Record = {
    "$insert_key": None,
    "data_type": "event",
    "global_user_properties": {},
    "partner_id": None,
    "plan": {},
    "source_id": None,
}
# So many consecutive rows come from one source and have their keys in the same order.
ROWS_OF_A_SOURCE = 64
# One of so many rows went through a warehouse.
_LOOSE_ROW_IN = 8
_MOBILE_ROWS, _MOBILE_ROWS_WITH_IDS = 13, 7


def meant(line: bytes, number: int) -> Record:
    """Return the row with all keys of real rows and with proper types."""
    row: Record = json.loads(line)
    row = MORE_KEYS | row
    lot = mix(number, 1)
    if row["platform"] in {"iOS", "Android"} and lot % _MOBILE_ROWS < _MOBILE_ROWS_WITH_IDS:
        row["amplitude_attribution_ids"] = [f"{mix(lot, each):016x}" for each in range(1 + lot % 2)]
    return row


def shaped(line: bytes, number: int) -> bytes:
    """Return the row as a line in the shape of real rows."""
    row = meant(line, number)
    if number % _LOOSE_ROW_IN == 0:
        row = loose(row, mix(number, 2))
    ordered = {key: row[key] for key in _order(number // ROWS_OF_A_SOURCE)}
    return json.dumps(ordered, ensure_ascii=False, separators=(",", ":")).encode()


@lru_cache(maxsize=64)
def _order(source: int) -> tuple[str, ...]:
    """Return all keys in the order of a source."""
    keys = (*EVENT_KEYS, *MORE_KEYS)
    return tuple(sorted(keys, key=lambda key: mix(source, crc32(key.encode()))))


def loose(row: Record, lot: int) -> Record:
    """Return a row with the same meaning and the types that warehouses and scripts leave."""
    changes: Record = {
        "paying": "" if row["paying"] is None else str(row["paying"]).upper(),
        "is_attribution_event": str(row["is_attribution_event"]).lower(),
        "session_id": float(row["session_id"]) if lot % 2 else str(row["session_id"]),
        "event_id": "" if row["event_id"] is None else f"{row['event_id']}",
        "location_lat": "" if row["location_lat"] is None else repr(row["location_lat"]),
        "location_lng": "" if row["location_lng"] is None else repr(row["location_lng"]),
        "sample_rate": "",
        "processed_time": row["processed_time"] or "",
        "groups": row["groups"] or [],
        "group_properties": row["group_properties"] or ("" if lot % 3 else []),
        "user_properties": json.dumps(row["user_properties"], ensure_ascii=False),
        "uuid": row["uuid"].upper() if lot % 2 else f"{{{row['uuid']}}}",
    }
    return row | changes
