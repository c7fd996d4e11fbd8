"""The codec of events: from a landed line to the exported line.

Two ways lead to the same row. The fast way checks a few dozen lines together, which is enough for nearly all
lines. Lines that fail it take the slow way, value by value: a mistyped value is normalized, or the row is
amended or rejected (normalize.py).

This is the definition of what is exported. Native code (native/scan.c) writes the same bytes for the lines
that it accepts, and leaves the others to this module.
"""

from collections.abc import Sequence
from itertools import batched, chain
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Raw, field

from exporter.domain.columns import END, in_columns
from exporter.domain.destination import ExtraKeys, Output
from exporter.domain.hour import Hour
from exporter.domain.row_schema import EVENT_FIELDS, Kind, Reason, Rejection
from exporter.domain.timestamps import (
    HOUR_LENGTH,
    TimestampFormat,
    all_to_canonical,
    all_to_iso8601,
)
from exporter.pipeline.codec import Decoded, marked, readable, untouched
from exporter.pipeline.key_set import KEY_BYTES
from exporter.pipeline.lines import Lines
from exporter.pipeline.normalize import EMPTY_OBJECT, Amended, read_line
from exporter.pipeline.sanitize import without_lone_surrogates

_ANY_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_ENCODER = msgspec.json.Encoder()
_KNOWN = frozenset(each.name for each in EVENT_FIELDS)


class Event(msgspec.Struct, kw_only=True, gc=False):
    """An exported event, key by key in the order of writing. Objects stay raw bytes.

    docs/files.md describes the keys for readers.
    """

    insert_id: str | None = field(name="$insert_id", default=None)
    schema: int | None = field(name="$schema", default=None)
    adid: str | None = None
    amplitude_attribution_ids: str | list[str] | None = None
    amplitude_event_type: str | None = None
    amplitude_id: int | None = None
    app: int | None = None
    city: str | None = None
    client_event_time: str | None = None
    client_upload_time: str | None = None
    country: str | None = None
    data: Raw = EMPTY_OBJECT
    device_brand: str | None = None
    device_carrier: str | None = None
    device_family: str | None = None
    device_id: str | None = None
    device_manufacturer: str | None = None
    device_model: str | None = None
    device_type: str | None = None
    dma: str | None = None
    event_id: int | None = None
    event_properties: Raw = EMPTY_OBJECT
    event_time: str
    event_type: str
    group_properties: Raw = EMPTY_OBJECT
    groups: Raw = EMPTY_OBJECT
    idfa: str | None = None
    ip_address: str | None = None
    is_attribution_event: bool | None = None
    language: str | None = None
    library: str | None = None
    location_lat: float | None = None
    location_lng: float | None = None
    os_name: str | None = None
    os_version: str | None = None
    paying: bool | None = None
    platform: str | None = None
    processed_time: str | None = None
    region: str | None = None
    sample_rate: float | None = None
    server_received_time: str | None = None
    server_upload_time: str
    session_id: int | None = None
    start_version: str | None = None
    user_creation_time: str | None = None
    user_id: str | None = None
    user_properties: Raw = EMPTY_OBJECT
    uuid: str
    version_name: str | None = None


_DECODER = msgspec.json.Decoder(Event)
_ATTRIBUTES = dict(zip(Event.__struct_encode_fields__, Event.__struct_fields__, strict=True))
_TIMES = tuple(each.name for each in EVENT_FIELDS if each.kind is Kind.TIME)
_DICTS = tuple(each.name for each in EVENT_FIELDS if each.kind is Kind.DICT)
_OPTIONAL_TIMES = frozenset(
    place
    for place, each in enumerate(each for each in EVENT_FIELDS if each.kind is Kind.TIME)
    if not each.required
)
_times_of = attrgetter(*_TIMES)
_dicts_of = attrgetter(*_DICTS)
_uuid_of = attrgetter("uuid")
_app_of = attrgetter("app")
_UUID_LENGTH, _UUID_SIGNS = 36, dict.fromkeys((8, 13, 18, 23), "-")
_UPLOAD = _TIMES.index("server_upload_time")
# If a batch fails the fast checks it is retried in chunks of this size, so one bad line sends at most eight
# lines the slow way.
_RETRY_LINES = 8


class EventCodec:
    """The codec of one project's events of one hour."""

    def __init__(self, project_id: int, hour: Hour, output: Output) -> None:
        self.project_id = project_id
        self.hour_begins = hour.key.replace("T", " ")
        self.iso8601 = output.timestamp_format is TimestampFormat.ISO8601
        self.keeps_extra = output.extra_keys is ExtraKeys.KEEP

    def decode_all(self, lines: Lines) -> Decoded[Event]:
        """Return the events, and the rejections of the other lines."""
        if (rows := self._decode_fast(lines)) is not None:
            return Decoded(rows, lines)
        return Decoded[Event].of(self.decode_each(lines.contents), lines)

    def decode_each(self, lines: list[bytes]) -> list[Event | Amended[Event] | Rejection]:
        """Return what ``decode`` returns for each line; usual lines among them take the fast way."""
        found = zip(lines, self._decode_fast_in_chunks(lines), strict=True)
        return [self.decode(line) if usual is None else usual for line, usual in found]

    def _decode_fast(self, lines: Lines) -> list[Event] | None:
        """Return the rows as ``decode`` does; None if any line needs the slow way."""
        contents = lines.contents
        if not untouched(contents, lines.joined):
            return None
        try:
            rows = list(map(_DECODER.decode, contents))
        except ValueError:
            return None
        return rows if self._normalize(rows) else None

    def _decode_fast_in_chunks(self, lines: list[bytes]) -> list[Event | None]:
        """Return the row of each line that passes the fast checks, and None for the others."""
        rows = [_typed(line) for line in lines]
        places = [place for place, row in enumerate(rows) if row is not None]
        for some in batched(places, _RETRY_LINES, strict=False):
            if not self._normalize([row for place in some if (row := rows[place])]):
                for place in some:
                    if (row := rows[place]) and not self._normalize([row]):
                        rows[place] = None
        return rows

    def _normalize(self, rows: list[Event]) -> bool:
        """Bring typed rows into their canonical form; False if a value needs the slow way."""
        if not self._all_of_the_project(rows) or not _all_objects(rows) or not _normalize_uuids(rows):
            return False
        times = _normalize_times(rows)
        return times is not None and all(
            time.startswith(self.hour_begins) for time in times[_UPLOAD :: len(_TIMES)]
        )

    def _all_of_the_project(self, rows: list[Event]) -> bool:
        apps = set(map(_app_of, rows))
        if None in apps:
            for row in rows:
                if row.app is None:
                    row.app = self.project_id
        return apps <= {None, self.project_id}

    def decode(self, line: bytes) -> Event | Amended[Event] | Rejection:
        """Return the event with canonical values and its project filled in, or its rejection."""
        text = readable(line)
        if isinstance(text, Rejection):
            return text
        found = read_line(text, EVENT_FIELDS)
        if isinstance(found, Rejection):
            return found
        event = Event(**{_ATTRIBUTES[name]: value for name, value in found.values.items()})  # type: ignore[arg-type]
        if event.app is None:
            event.app = self.project_id
        if event.app != self.project_id:
            return Rejection(Reason.FOREIGN_APP, f"app is {event.app}, not {self.project_id}.", ("app",))
        if event.server_upload_time[:HOUR_LENGTH] != self.hour_begins:
            time = event.server_upload_time
            return Rejection(
                Reason.OUTSIDE_HOUR,
                f"server_upload_time {time} is not in the hour {self.hour_begins}.",
                ("server_upload_time",),
            )
        return event if found.why is None else Amended(event, found.why)

    def keys(self, rows: Sequence[Event]) -> bytes:
        """Return the UUIDs: rows of an hour with the same UUID are the same event."""
        return bytes.fromhex("".join(map(_uuid_of, rows)).replace("-", ""))

    def encode_all(self, rows: Sequence[Event], lines: Sequence[bytes], mine: bytes | None = None) -> bytes:
        """Return the lines to export: the 49 keys, followed by unknown keys if the output keeps them."""
        rows = marked(rows, mine)
        if self.iso8601:
            times, nulls = _times(rows)
            _set_times(rows, all_to_iso8601(times), nulls)
        if self.keeps_extra:
            text = b"".join(
                _ENCODER.encode(row)[:-1] + _extra_keys(line) + b"}\n"
                for row, line in zip(rows, marked(lines, mine), strict=True)
            )
        else:
            text = _ENCODER.encode_lines(rows)
        # A bare CR is legal between the tokens of a raw object, but many line readers end a line there.
        # Inside strings JSON requires it to be escaped.
        return text.replace(b"\r", b" ") if b"\r" in text else text


def _typed(line: bytes) -> Event | None:
    """Return the event if every value has the type of its key, else None."""
    try:
        return _DECODER.decode(line) if untouched([line], line) else None
    except ValueError:
        return None


def _all_objects(rows: list[Event]) -> bool:
    """Whether all values of dict keys are objects: the decoder has checked the rest of their JSON."""
    objects = b"\n".join(chain.from_iterable(map(_dicts_of, rows)))
    return objects[:1] == b"{" and objects.count(b"\n{") == len(_DICTS) * len(rows) - 1


def _normalize_uuids(rows: list[Event]) -> bool:
    """Bring the UUIDs into lower case; False, and nothing changes, if one is not in the usual form."""
    joined = END.join(map(_uuid_of, rows))
    if not in_columns(joined, len(rows), _UUID_LENGTH, _UUID_SIGNS):
        return False
    try:
        digits = bytes.fromhex(joined.replace("-", ""))
    except ValueError:
        return False
    if len(digits) != KEY_BYTES * len(rows):  # ``fromhex`` skips spaces
        return False
    if (lower := joined.lower()) != joined:
        for row, uuid in zip(rows, lower.split(END), strict=True):
            row.uuid = uuid
    return True


def _normalize_times(rows: list[Event]) -> list[str] | None:
    """Return the times in canonical form; None, and change nothing, if one of them needs the slow way."""
    times, nulls = _times(rows)
    empty = _take_empty_ones(times, nulls, rows[0].event_time) if "" in times else False
    settled = all_to_canonical(times)
    if settled is not None and (empty or settled is not times):
        _set_times(rows, settled, nulls)
    return settled


def _times(rows: Sequence[Event]) -> tuple[list[str], list[int]]:
    """Return the times of all rows in one list, and the indexes of nulls, which a valid time replaces."""
    times: list[Any] = list(chain.from_iterable(map(_times_of, rows)))
    nulls = [place for place, time in enumerate(times) if time is None] if None in times else []
    for place in nulls:
        times[place] = rows[0].event_time
    return times, nulls


def _take_empty_ones(times: list[str], nulls: list[int], another: str) -> bool:
    """Treat empty strings of optional times as null; return whether there are any."""
    found = [place for place, time in enumerate(times) if not time and place % len(_TIMES) in _OPTIONAL_TIMES]
    for place in found:
        times[place] = another
    nulls += found
    return bool(found)


def _set_times(rows: Sequence[Event], times: list[str], nulls: list[int]) -> None:
    """Set the times of all rows from one list."""
    values: list[Any] = times
    for place in nulls:
        values[place] = None
    for row, some in zip(rows, batched(values, len(_TIMES), strict=True), strict=True):
        (
            row.client_event_time,
            row.client_upload_time,
            row.event_time,
            row.processed_time,
            row.server_received_time,
            row.server_upload_time,
            row.user_creation_time,
        ) = some


def _extra_keys(line: bytes) -> bytes:
    found = _ANY_OBJECT.decode(without_lone_surrogates(line))
    return b"".join(
        b"," + _ENCODER.encode(name) + b":" + bytes(raw) for name, raw in found.items() if name not in _KNOWN
    )
