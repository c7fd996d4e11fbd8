"""Events: from a line of the landing container to the line that is exported."""

import msgspec
from msgspec import Raw, field

from exporter.domain.destination import ExtraKeys, Output
from exporter.domain.hours import Hour
from exporter.domain.records import EVENT_FIELDS, Kind, Reason, Rejection
from exporter.domain.times import HOUR_LENGTH, TimestampFormat, to_canonical, to_iso8601
from exporter.pipeline.codec import readable
from exporter.pipeline.explain import explain, is_uuid
from exporter.pipeline.repair import without_lone_surrogates

_NO_KEYS = Raw(b"{}")
_ANY_OBJECT = msgspec.json.Decoder(dict[str, Raw])
_ENCODER = msgspec.json.Encoder()
_KNOWN = frozenset(each.name for each in EVENT_FIELDS)
_BRACE, _NULL = ord("{"), ord("n")


class Event(msgspec.Struct, kw_only=True, gc=False):
    """An event as it is exported, key by key in the order of writing; objects stay the bytes they came in.

    The types say what each key may be; docs/records.md says it for readers.
    """

    insert_id: str | None = field(name="$insert_id", default=None)
    schema: int | None = field(name="$schema", default=None)
    adid: str | None = None
    amplitude_attribution_ids: str | None = None
    amplitude_event_type: str | None = None
    amplitude_id: int | None = None
    app: int | None = None
    city: str | None = None
    client_event_time: str | None = None
    client_upload_time: str | None = None
    country: str | None = None
    data: Raw = _NO_KEYS
    device_brand: str | None = None
    device_carrier: str | None = None
    device_family: str | None = None
    device_id: str | None = None
    device_manufacturer: str | None = None
    device_model: str | None = None
    device_type: str | None = None
    dma: str | None = None
    event_id: int | None = None
    event_properties: Raw = _NO_KEYS
    event_time: str
    event_type: str
    group_properties: Raw = _NO_KEYS
    groups: Raw = _NO_KEYS
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
    sample_rate: None = None
    server_received_time: str | None = None
    server_upload_time: str
    session_id: int | None = None
    start_version: str | None = None
    user_creation_time: str | None = None
    user_id: str | None = None
    user_properties: Raw = _NO_KEYS
    uuid: str
    version_name: str | None = None


_DECODER = msgspec.json.Decoder(Event)
_TIMES = tuple(each.name for each in EVENT_FIELDS if each.kind is Kind.TIME)
_DICTS = tuple(each.name for each in EVENT_FIELDS if each.kind is Kind.DICT)


class EventCodec:
    """The codec of one project's events of one hour."""

    def __init__(self, project_id: int, hour: Hour, output: Output) -> None:
        self._project_id = project_id
        self._hour = hour.key.replace("T", " ")
        self._iso8601 = output.timestamp_format is TimestampFormat.ISO8601
        self._keep_extra = output.extra_keys is ExtraKeys.KEEP

    def decode(self, line: bytes) -> Event | Rejection:
        """Return the event with its times in canonical form and its project filled in, or what is wrong."""
        text = readable(line)
        if isinstance(text, Rejection):
            return text
        try:
            event = _DECODER.decode(text)
            _settle(event)
        except ValueError as error:
            return explain(text, EVENT_FIELDS, error)
        if event.app is None:
            event.app = self._project_id
        if event.app != self._project_id:
            return Rejection(Reason.FOREIGN_APP, f"app is {event.app}, not {self._project_id}.")
        if event.server_upload_time[:HOUR_LENGTH] != self._hour:
            time = event.server_upload_time
            return Rejection(
                Reason.OUTSIDE_HOUR, f"server_upload_time {time} is not in the hour {self._hour}."
            )
        return event

    def key(self, row: Event) -> bytes:
        """Return the UUID: rows of an hour that share it are one event."""
        return bytes.fromhex(row.uuid.replace("-", ""))

    def encode(self, row: Event, line: bytes) -> bytes:
        """Return the line to export: the 49 keys, and the unknown ones after them if they are kept."""
        if self._iso8601:
            for name in _TIMES:
                if time := getattr(row, name):
                    setattr(row, name, to_iso8601(time))
        text = _ENCODER.encode(row)
        if self._keep_extra:
            text = text[:-1] + _extra_keys(line) + b"}"
        # Between the tokens of an object that is passed through, a bare CR is legal, and yet many readers of
        # lines break there. Inside strings it cannot stand unescaped.
        return text.replace(b"\r", b" ") + b"\n"


def _settle(event: Event) -> None:
    """Bring times and UUID into their one form; ValueError if a value is not what its key asks for."""
    for name in _TIMES:
        if (time := getattr(event, name)) is not None:
            setattr(event, name, to_canonical(time))
    for name in _DICTS:
        first = memoryview(getattr(event, name))[0]
        if first == _NULL:
            setattr(event, name, _NO_KEYS)
        elif first != _BRACE:
            raise ValueError(f"{name} is not an object")
    if not is_uuid(event.uuid):
        raise ValueError("uuid is not a UUID")
    event.uuid = event.uuid.lower()


def _extra_keys(line: bytes) -> bytes:
    found = _ANY_OBJECT.decode(without_lone_surrogates(line))
    return b"".join(
        b"," + _ENCODER.encode(name) + b":" + bytes(raw) for name, raw in found.items() if name not in _KNOWN
    )
