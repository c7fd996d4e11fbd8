from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.sample import DataType, Sample
from tests.support import landing_reader as reader

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOURS = [NOON + timedelta(hours=hour) for hour in range(6)]
SAMPLE = Sample(events_per_hour=2000, merges_per_hour=60)

type Row = dict[str, Any]


@pytest.fixture(scope="module")
def events() -> list[Row]:
    """Return the events of six hours."""
    return [row for hour in HOURS for row in SAMPLE.hour(hour).truth().records()]


@pytest.fixture(scope="module")
def merges() -> list[Row]:
    """Return the merges of the same hours."""
    return [row for hour in HOURS for row in SAMPLE.hour(hour).truth(DataType.MERGED_IDS).records()]


@pytest.fixture(scope="module")
def users(events: list[Row]) -> dict[int, set[str | None]]:
    """Return the user ids of each amplitude id."""
    found: dict[int, set[str | None]] = defaultdict(set)
    for event in events:
        found[event["amplitude_id"]].add(event["user_id"])
    return found


def ms(event: Row) -> float:
    """Return when an event happened, in epoch milliseconds."""
    return reader.moment(event["event_time"]).timestamp() * 1000


def test_there_are_as_many_merges_as_asked_for() -> None:
    """In their hour to the millisecond, in order, of the organisation, with the five keys."""
    start = round(NOON.timestamp() * 1000)

    merges = list(SAMPLE.hour(NOON).truth(DataType.MERGED_IDS).records())

    times = [merge["merge_server_time"] for merge in merges]
    assert len(merges) == 60
    assert start <= times[0] <= times[-1] < start + 3_600_000
    assert times == sorted(times)
    assert all(0 < merge["merge_server_time"] - merge["merge_time"] < 400 for merge in merges)
    assert {merge["scope"] for merge in merges} == {189524}
    assert all(tuple(merge) == reader.MERGE_KEYS for merge in merges)


def test_an_amplitude_id_is_merged_away_once(merges: list[Row]) -> None:
    """So a chain of merges has one path."""
    sources = [merge["amplitude_id"] for merge in merges]

    assert len(set(sources)) == len(sources)


def test_merges_chain_without_a_cycle_and_end_at_a_user(
    merges: list[Row], users: dict[int, set[str | None]]
) -> None:
    """Each step is later than the one before; only a last merge's target may be outside our six hours."""
    step = {merge["amplitude_id"]: merge for merge in merges}
    lengths, ends = [], []
    for merge in merges:
        last, length = merge, 1
        while following := step.get(last["merged_amplitude_id"]):
            assert following["merge_server_time"] > last["merge_server_time"]
            last, length = following, length + 1
        lengths.append(length)
        ends.append(last["merged_amplitude_id"])

    assert set(lengths) == {1, 2}
    known = [end for end in ends if end in users]
    assert len(known) > 100
    assert all(len(users[end]) == 1 and None not in users[end] for end in known)


def test_only_anonymous_devices_are_merged_away(merges: list[Row], users: dict[int, set[str | None]]) -> None:
    """Two user ids never merge: no source of a merge has a user id."""
    seen = [users[merge["amplitude_id"]] for merge in merges if merge["amplitude_id"] in users]

    assert len(seen) > 300
    assert all(user_ids == {None} for user_ids in seen)


def test_every_merge_has_events_of_its_device_before_it(merges: list[Row], events: list[Row]) -> None:
    """In its hour or the one before; the first hour's merges may have theirs before our six hours."""
    of_id: dict[int, list[Row]] = defaultdict(list)
    for event in events:
        of_id[event["amplitude_id"]].append(event)

    later = [merge for merge in merges if merge["merge_server_time"] >= HOURS[1].timestamp() * 1000]

    assert all(of_id[merge["amplitude_id"]] for merge in later)
    for merge in merges:
        assert all(ms(event) < merge["merge_time"] for event in of_id[merge["amplitude_id"]])


def test_after_its_login_a_device_carries_the_users_id(merges: list[Row], events: list[Row]) -> None:
    """The device id stays. The amplitude id is the merge's target; the user id appears with the user's."""
    target = {merge["amplitude_id"]: merge["merged_amplitude_id"] for merge in merges}
    before = {
        event["device_id"]: event["amplitude_id"]
        for event in events
        if event["amplitude_id"] in target and event["device_id"]
    }
    followed = 0
    for event in events:
        first = before.get(event["device_id"])
        if first is None or event["amplitude_id"] == first:
            continue
        assert event["amplitude_id"] in {target[first], target.get(target[first])}
        assert (event["user_id"] is None) == (event["amplitude_id"] in target)
        assert event["data"].get("merged_amplitude_id") == (first if event["user_id"] else None)
        followed += event["user_id"] is not None
    assert followed > 300


@pytest.mark.parametrize("rate", [10, 25, 100])
def test_small_hours_have_merges_that_fit_their_events(rate: int) -> None:
    """By default one for every hundred events, and at least one."""
    sample = Sample(events_per_hour=rate)
    before, now = sample.hour(NOON - timedelta(hours=1)), sample.hour(NOON)

    (merge,) = now.truth(DataType.MERGED_IDS).records()

    events = [*before.truth().records(), *now.truth().records()]
    anonymous = [event for event in events if event["amplitude_id"] == merge["amplitude_id"]]
    assert anonymous
    assert all(event["user_id"] is None and ms(event) < merge["merge_time"] for event in anonymous)


def test_no_merges_means_no_files() -> None:
    """And no event of a device before its login."""
    hour = Sample(events_per_hour=50, merges_per_hour=0).hour(NOON)

    assert list(hour.files(DataType.MERGED_IDS)) == []
    assert hour.truth().counts().exported == 50
