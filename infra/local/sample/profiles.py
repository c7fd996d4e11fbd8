"""The fields of a row that depend only on the person and the device, as JSON to be joined."""

from dataclasses import dataclass
from functools import cache

from infra.local.sample.catalogue import dumps
from infra.local.sample.devices import Device
from infra.local.sample.entropy import mix
from infra.local.sample.places import Place
from infra.local.sample.pools import POOL, Group, accounts
from infra.local.sample.times import HOUR, SECOND, Writer

# Clocks that are wrong by more than a minute: the source corrects those.
_WRONG_CLOCKS_PERCENT = 15
# A session is a half hour of a device.
SESSION_MS = 30 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Someone:
    """A known or unknown person at a device. The two random numbers decide everything else."""

    amplitude_id: int
    user_id: str | None
    born: int
    person_lot: int
    device_lot: int
    device: Device
    place: Place
    group: Group
    project_id: int
    extra_keys: bool
    merged_id: int | None = None
    """The amplitude id that the device had before its login."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Pieces of a row, each named after the field that follows it, and values that its event needs."""

    amplitude_event_type: bytes
    client_event_time: bytes
    event_id: bytes
    processed_time: bytes
    server_received_time: bytes
    uuid: bytes
    end: bytes
    skew: int
    """How far the device's clock is ahead, in microseconds."""
    has_sessions: bool
    session_phase_ms: int
    born_second: int


def profile_of(who: Someone, writer: Writer) -> Profile:
    """Return the pieces of the rows of a person at a device."""
    return Profile(
        amplitude_event_type=_HEADS[who.extra_keys],
        client_event_time=b',"amplitude_id":%d,"app":%d,"city":%b,"client_event_time":"'
        % (who.amplitude_id, who.project_id, _json(who.place.city)),
        event_id=_country_to_dma(who),
        processed_time=_group_properties_to_platform(who),
        server_received_time=b'","region":%b,"sample_rate":null,"server_received_time":"'
        % _json(who.place.region),
        uuid=_source_to_user_properties(who, writer),
        end=b'","version_name":%b}\n' % _json(_one(who.device.versions, who.device_lot >> 20)),
        skew=_skew(who.device_lot),
        has_sessions=who.device.has_sessions,
        session_phase_ms=(who.device_lot >> 8) % SESSION_MS,
        born_second=who.born // SECOND,
    )


@cache
def _json(value: str | None) -> bytes:
    """Return the JSON of a value from a pool, cached: there are few values."""
    return dumps(value)


def _one[T](choices: tuple[T, ...], lot: int) -> T:
    return choices[lot % len(choices)]


def _skew(lot: int) -> int:
    """Return a clock's error: less than half a minute, or up to several hours."""
    if lot % 100 < _WRONG_CLOCKS_PERCENT:
        return (70 * SECOND + (lot >> 7) % (5 * HOUR)) * (1 if lot & 1 else -1)
    return (lot >> 7) % (60 * SECOND) - 30 * SECOND


_HEADS = {
    False: b'","$schema":null,"adid":null,"amplitude_attribution_ids":null,"amplitude_event_type":',
    True: b'","$insert_key":null,"$schema":13,"adid":null,"amplitude_attribution_ids":null,'
    b'"amplitude_event_type":',
}


def _country_to_dma(who: Someone) -> bytes:
    device, lot = who.device, who.device_lot
    return (
        b'","country":%b,"data":{%b%b%b"path":"/2/httpapi"}%b,"device_brand":%b,"device_carrier":%b,'
        b'"device_family":%b,"device_id":%b,"device_manufacturer":%b,"device_model":%b,"device_type":%b,'
        b'"dma":%b,"event_id":'
    ) % (
        _json(who.place.country),
        b'"first_event":true,' if lot & 31 == 0 else b"",
        who.group.ids,
        b"" if who.merged_id is None else b'"merged_amplitude_id":%d,' % who.merged_id,
        b',"data_type":"event"' if who.extra_keys else b"",
        _json(device.brand),
        _json(_one(device.carriers, lot >> 3)),
        _json(device.family),
        _device_id(device, lot),
        _json(device.brand),
        _json(device.model),
        _json(device.kind),
        _json(who.place.dma),
    )


def _device_id(device: Device, lot: int) -> bytes:
    if device.platform == "Web":
        return b'"%016x%06x"' % (lot, lot % 0xFFFFFD)
    if not device.has_sessions:
        return b"null"
    digits = b"%016X%016X" % (lot, mix(lot, 1))
    return b'"%b-%b-%b-%b-%bR"' % (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])


def _group_properties_to_platform(who: Someone) -> bytes:
    device, lot = who.device, who.device_lot
    return (
        b'%b,"group_properties":{%b},"groups":{%b},"idfa":null,"ip_address":%b,"is_attribution_event":%b,'
        b'"language":%b,"library":%b,%b,"os_name":%b,"os_version":%b%b,'
        b'"paying":%b%b,"platform":%b,"processed_time":"'
    ) % (
        b',"global_user_properties":{}' if who.extra_keys else b"",
        who.group.properties,
        who.group.names,
        _address(who.person_lot),
        b"true" if lot & 63 == 0 else b"false",
        _json(who.place.language),
        _json(device.library),
        _location(who.place, who.person_lot),
        _json(device.os_name),
        _json(_one(device.os_versions, lot >> 12)),
        b',"partner_id":null' if who.extra_keys else b"",
        _PAYING[(who.person_lot >> 24) & 15],
        b',"plan":{"branch":"main","source":"web","version":"4"}' if who.extra_keys else b"",
        _json(device.platform),
    )


_PAYING = (b"null",) * 13 + (b"true", b"true", b"false")
# Networks that are reserved for documentation.
_NETWORKS = (b"192.0.2", b"198.51.100", b"203.0.113")


def _address(lot: int) -> bytes:
    if lot & 7 == 0:
        return b'"2001:db8:%x:%x::%x"' % (lot >> 48, (lot >> 32) & 0xFFFF, lot & 0xFFF)
    return b'"%b.%d"' % (_NETWORKS[lot % 3], (lot >> 16) & 255)


def _location(place: Place, lot: int) -> bytes:
    if place.latitude is None or place.longitude is None:
        return b'"location_lat":null,"location_lng":null'
    north = place.latitude + lot % 997 / 10_000
    east = place.longitude + lot % 991 / 10_000
    # In their shortest form, as programs write them.
    return f'"location_lat":{round(north, 4)!r},"location_lng":{round(east, 4)!r}'.encode()


def _source_to_user_properties(who: Someone, writer: Writer) -> bytes:
    return b'%b,"start_version":%b,"user_creation_time":"%b","user_id":%b,"user_properties":%b,"uuid":"' % (
        b',"source_id":null' if who.extra_keys else b"",
        _json(_one(who.device.versions, who.person_lot >> 9)),
        writer.text(who.born),
        b'"%b"' % who.user_id.encode() if who.user_id else b"null",
        _user_properties(who.person_lot, known=who.user_id is not None),
    )


def _user_properties(lot: int, *, known: bool) -> bytes:
    if not known:
        return b'{"initial_referrer":"EMPTY","landing_test":%d,"visits":%d}' % (lot & 7, 1 + (lot >> 8 & 3))
    return b'%b,"score":%d.%02d,"signup_week":%d,"visits":%d}' % (
        accounts()[(lot >> 12) % POOL],
        (lot >> 20) % 1000,
        (lot >> 30) % 100,
        (lot >> 40) % 53,
        (lot >> 50) % 4000,
    )
