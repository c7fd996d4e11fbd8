import gzip
import json
import zlib
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.sample import DataType, Sample, TimeFormat
from tests.support import landing_reader as reader

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
SAMPLE = Sample(events_per_hour=6000)


@pytest.fixture(scope="module")
def text() -> bytes:
    """Return the lines of all events of an hour."""
    files = SAMPLE.hour(NOON).files(DataType.EVENTS)
    return b"".join(gzip.decompress(file.content()) for file in files)


@pytest.fixture(scope="module")
def events(text: bytes) -> list[dict[str, Any]]:
    """Return them parsed."""
    return [json.loads(line) for line in text.splitlines()]


def at(event: dict[str, Any], key: str) -> datetime:
    """Return one of an event's times."""
    return reader.moment(event[key])


def test_an_event_takes_up_about_two_kilobytes(text: bytes) -> None:
    """1.5 to 2.5 KB on average, like real ones."""
    assert 1500 < len(text) / 6000 < 2500


@pytest.mark.parametrize("level", [1, 6, 9])
def test_gzip_makes_events_six_to_ten_times_smaller(text: bytes, level: int) -> None:
    """With zlib. Data that compresses too well would make every benchmark look too good."""
    assert 6 < len(text) / len(zlib.compress(text, level)) < 10


def test_the_files_themselves_are_packed_at_least_six_times(text: bytes) -> None:
    """At the fast level that they are written with."""
    files = SAMPLE.hour(NOON).files(DataType.EVENTS)

    assert len(text) / sum(len(file.content()) for file in files) > 6


def test_every_event_has_all_49_keys_in_order(events: list[dict[str, Any]]) -> None:
    """Null where there is nothing, dicts never null."""
    assert len(reader.KEYS) == 49
    assert all(list(event) == reader.KEYS for event in events)


def test_rows_are_compact_json_with_characters_as_they_are(text: bytes) -> None:
    """No spaces between tokens, no escapes for letters."""
    line = text.splitlines()[0]

    assert line == json.dumps(json.loads(line), ensure_ascii=False, separators=(",", ":")).encode()
    assert "渋谷区".encode() in text


def test_every_event_was_uploaded_in_its_hour(events: list[dict[str, Any]]) -> None:
    """To the microsecond: the first and the last one have an event."""
    times = [at(event, "server_upload_time") for event in events]

    assert min(times) == NOON
    assert max(times) == NOON + timedelta(hours=1, microseconds=-1)
    assert times == sorted(times)


def test_some_events_happened_in_an_older_hour(events: list[dict[str, Any]]) -> None:
    """5 to 10 % were uploaded late, some by days, and none comes from the future."""
    older = [event for event in events if at(event, "event_time") < NOON]

    assert 0.05 < len(older) / len(events) < 0.10
    assert any(at(event, "event_time") < NOON - timedelta(days=2) for event in older)
    assert all(at(event, "event_time") < at(event, "server_upload_time") for event in events)
    assert all(at(event, "user_creation_time") < at(event, "event_time") for event in events)
    assert all(event["event_id"] >= 0 for event in events)


def test_a_wrong_clock_is_corrected_from_a_minute_on(events: list[dict[str, Any]]) -> None:
    """``event_time`` is the client's time, moved by the skew if that is a minute or more."""
    corrected = 0
    for event in events:
        skew = at(event, "server_received_time") - at(event, "client_upload_time")
        moved = skew if abs(skew) >= timedelta(minutes=1) else timedelta(0)
        assert at(event, "event_time") == at(event, "client_event_time") + moved
        corrected += moved != timedelta(0)
    assert 0.05 < corrected / len(events) < 0.25


def test_events_are_processed_a_little_later(events: list[dict[str, Any]]) -> None:
    """In seconds, and so, at the end of the hour, in the next one."""
    waits = [at(event, "processed_time") - at(event, "server_upload_time") for event in events]

    assert timedelta(0) < min(waits) < max(waits) < timedelta(seconds=5)
    assert any(at(event, "processed_time") >= NOON + timedelta(hours=1) for event in events)
    assert all(at(event, "server_received_time") < at(event, "server_upload_time") for event in events)


def test_a_session_is_where_it_began_or_minus_one(events: list[dict[str, Any]]) -> None:
    """Epoch milliseconds, at most half an hour before the event."""
    sessions = Counter(event["session_id"] for event in events)

    assert 0.03 < sessions[-1] / len(events) < 0.3
    for event in events:
        if event["session_id"] != -1:
            age = at(event, "event_time").timestamp() * 1000 - event["session_id"]
            assert -1 < age < 30 * 60 * 1000
    assert max(count for session, count in sessions.items() if session != -1) > 1


def test_the_fields_that_are_mostly_null_are(events: list[dict[str, Any]]) -> None:
    """Advertising ids are wiped, sampling is unknown, few users pay."""
    for key in ("sample_rate", "adid", "idfa", "amplitude_attribution_ids"):
        assert {event[key] for event in events} == {None}
    paying = Counter(event["paying"] for event in events)
    assert paying[None] / len(events) > 0.7
    assert set(paying) == {None, True, False}


def test_users_have_several_devices_and_sessions(events: list[dict[str, Any]]) -> None:
    """A user id has one amplitude id and the other way round; a device has one user at a time."""
    known = [event for event in events if event["user_id"]]
    devices = {(event["user_id"], event["device_id"]) for event in known if event["device_id"]}

    assert 0.5 < len(known) / len(events) < 0.95
    assert len({event["user_id"] for event in known}) > 300
    pairs = {(event["user_id"], event["amplitude_id"]) for event in known}
    assert len(pairs) == len({user for user, _ in pairs}) == len({number for _, number in pairs})
    assert max(Counter(user for user, _ in devices).values()) > 1


def test_some_thirty_event_types_of_which_few_are_most(events: list[dict[str, Any]]) -> None:
    """The most frequent one has a quarter; the rarest occurs."""
    types = Counter(event["event_type"] for event in events)

    assert len(types) == 30
    assert 0.2 < types.most_common(1)[0][1] / len(events) < 0.3
    assert {event["amplitude_event_type"] for event in events} == {None, "session_start", "session_end"}


def test_places_devices_and_libraries_vary(events: list[dict[str, Any]]) -> None:
    """With names in several scripts, and the browser as the web's ``os_name``."""

    def values(key: str) -> set[Any]:
        return {event[key] for event in events}

    assert len(values("country")) > 15
    assert any(city and not city.isascii() for city in values("city"))
    assert values("platform") == {"Web", "iOS", "Android", "Server"}
    assert len(values("library")) >= 4
    assert {event["os_name"] for event in events if event["platform"] == "Web"} >= {"Chrome", "Firefox"}


def test_properties_are_nested_and_of_all_types(events: list[dict[str, Any]]) -> None:
    """Objects in arrays in objects, floats, booleans, nulls, text of any script."""
    carts = [event["event_properties"]["cart"] for event in events if "cart" in event["event_properties"]]

    assert isinstance(carts[0]["items"][0]["tags"], list)
    assert isinstance(carts[0]["items"][0]["price"], float)
    assert {type(event["event_properties"].get("success")) for event in events} == {bool, type(None)}
    assert any("æ" in str(cart).lower() or "ä" in str(cart) for cart in carts)


def test_groups_come_with_the_properties_of_each_of_their_values(events: list[dict[str, Any]]) -> None:
    """``groups`` is type to values, ``group_properties`` type to value to properties."""
    grouped = [event for event in events if event["groups"]]

    assert 0.05 < len(grouped) / len(events) < 0.5
    for event in grouped:
        for kind, values in event["groups"].items():
            assert list(event["group_properties"][kind]) == values


@pytest.mark.parametrize("time_format", TimeFormat)
def test_times_are_written_as_asked_and_mean_the_same(time_format: TimeFormat) -> None:
    """Spaces, Z, offsets, more or fewer digits: the moments do not change."""
    plain = Sample(events_per_hour=500).hour(NOON).truth().records()
    other = list(Sample(events_per_hour=500, time_format=time_format).hour(NOON).truth().records())

    for one, two in zip(plain, other, strict=True):
        assert all(reader.moment(one[key]) == reader.moment(two[key]) for key in reader.TIMES.split())
    times = [str(record["server_upload_time"]) for record in other]
    assert len({len(time) for time in times}) in (range(5, 12) if time_format is TimeFormat.MIXED else {1})


def test_the_six_keys_beyond_the_49_come_on_request() -> None:
    """In half of the events, in the sorted place among the keys."""
    extra = "$insert_key data_type global_user_properties partner_id plan source_id".split()  # noqa: SIM905 (a list)

    records = list(Sample(events_per_hour=500, extra_keys=True).hour(NOON).truth().records(extra_keys=True))

    with_them = [record for record in records if "plan" in record]
    assert 150 < len(with_them) < 350
    assert all(sorted(record) == sorted([*reader.KEYS, *extra]) for record in with_them)
