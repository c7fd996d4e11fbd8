"""A slow, simple reader of landing files. It shares no code with the generator and the pipeline."""

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from exporter.domain.row_schema import EVENT_FIELDS, MERGED_ID_FIELDS
from infra.local.sample import Counts, LandingFile
from tests.properties.rows import expected

HOUR = timedelta(hours=1)
LEVELS_MAX = 200
BOM = b"\xef\xbb\xbf"
TEXTS = (
    "$insert_id adid amplitude_event_type city country device_brand device_carrier device_family device_id "
    "device_manufacturer device_model device_type dma idfa ip_address language library os_name os_version "
    "platform region start_version user_id version_name event_type"
)
INTEGERS = "$schema amplitude_id app event_id session_id"
FLOATS = "location_lat location_lng sample_rate"
BOOLEANS = "is_attribution_event paying"
DICTS = "data event_properties group_properties groups user_properties"
TIMES = (
    "client_event_time client_upload_time event_time processed_time server_received_time server_upload_time "
    "user_creation_time"
)
REQUIRED = "uuid event_type event_time server_upload_time"
KEYS = sorted(each.name for each in EVENT_FIELDS)
MERGE_KEYS = tuple(each.name for each in MERGED_ID_FIELDS)


class BadRowError(Exception):
    """The row must be rejected."""


@dataclass
class Reading:
    """The expected export of the files."""

    records: list[dict[str, Any]] = field(default_factory=list)
    duplicates: int = 0
    rejected: list[tuple[str, int, bytes]] = field(default_factory=list)
    amended: list[tuple[str, int, bytes]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def counts(self) -> Counts:
        """Return the numbers of exported, duplicate, rejected and amended rows."""
        return Counts(len(self.records), self.duplicates, len(self.rejected), len(self.amended))

    @property
    def ids(self) -> list[str]:
        """The uuids of the exported rows; of merges, both ids."""
        return [row["uuid"] if "uuid" in row else merge_id(row) for row in self.records]


def merge_id(row: dict[str, Any]) -> str:
    """Return a merge's id in the generator's ``Truth``."""
    return f"{row['amplitude_id']}:{row['merged_amplitude_id']}"


def read(files: Iterable[LandingFile], hour: datetime, app: int, reading: Reading | None = None) -> Reading:
    """Read files in the order of their names, after those that were read before."""
    found = reading or Reading()
    for file in sorted(files, key=lambda file: file.name):
        for number, line, torn in lines(file.content()):
            try:
                expect(not torn)
                events = file.data_type == "events"
                row, mistyped = event(line, hour, app) if events else (merge(line, hour), False)
            except BadRowError:
                found.rejected.append((file.name, number, line))
                continue
            if row.get("uuid") in found.seen:
                found.duplicates += 1
                continue
            if "uuid" in row:
                found.seen.add(row["uuid"])
            found.records.append(row)
            if mistyped:
                found.amended.append((file.name, number, line))
    return found


def lines(blob: bytes) -> list[tuple[int, bytes, bool]]:
    """Return number, content and a flag of each line that is not blank.

    The flag says that the line cannot be a row: it is truncated, or it is a whole blob of another format.
    """
    data, torn = unpacked(blob)
    if of_another_kind(data):
        return [(1, data, True)]
    numbered = [(number, line.removeprefix(BOM)) for number, line in enumerate(data.split(b"\n"), start=1)]
    return [(number, line, torn and number == len(numbered)) for number, line in numbered if line.strip()]


def of_another_kind(data: bytes) -> bool:
    """Whether it is an archive, UTF-16, or JSON over several lines."""
    if data.startswith((b"PK", b"\xff\xfe")):
        return True
    first = data.partition(b"\n")[0].strip()
    return first in {b"[", b"{"}


def unpacked(blob: bytes) -> tuple[bytes, bool]:
    """Return the text of a blob, gzip or not, and whether it ends too early."""
    if not blob.startswith(b"\x1f\x8b"):
        return blob, False
    text = b""
    while blob:
        member = zlib.decompressobj(31)
        text += member.decompress(blob)
        if not member.eof:
            return text, True
        blob = member.unused_data
    return text, False


def event(line: bytes, hour: datetime, app: int) -> tuple[dict[str, Any], bool]:
    """Return the expected event, with datetimes as times, and whether it lacks a mistyped value."""
    landed = loaded(line)
    found = expected(line, EVENT_FIELDS)
    expect(not found.rejected(EVENT_FIELDS))
    row = found.values
    row["app"] = app if row["app"] is None else row["app"]
    for key in TIMES.split():
        row[key] = moment(row[key]) if row[key] is not None else None
    expect(row["app"] == app and levels(landed) <= LEVELS_MAX)
    expect(hour <= row["server_upload_time"] < hour + HOUR)
    return row, bool(found.mistyped)


def merge(line: bytes, hour: datetime) -> dict[str, Any]:
    """Return the expected merge."""
    loaded(line)
    found = expected(line, MERGED_ID_FIELDS)
    expect(not found.rejected(MERGED_ID_FIELDS))
    start = round(hour.timestamp() * 1000)
    expect(start <= found.values["merge_server_time"] < start + 3_600_000)
    return found.values


def expect(fine: bool) -> None:  # noqa: FBT001  it reads like an assertion
    """Raise ``BadRowError`` unless this is true."""
    if not fine:
        raise BadRowError


def loaded(line: bytes) -> dict[str, Any]:
    """Return the object on the line, lone surrogates replaced."""

    def no_number(text: str) -> NoReturn:
        raise ValueError(text)

    try:
        value = json.loads(line.decode("utf-8"), parse_constant=no_number)
    except (ValueError, RecursionError):
        raise BadRowError from None
    expect(isinstance(value, dict))
    # A lone surrogate is the only thing that UTF-16 does not preserve.
    found: dict[str, Any] = json.loads(
        json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )
    return found


def levels(value: object) -> int:
    """Return the nesting depth of arrays and objects."""
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(levels, inner), default=0)


def moment(text: object) -> datetime:
    """Return the time, with any offset and number of digits; UTC if it has no offset."""
    try:
        found = datetime.fromisoformat(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise BadRowError from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
