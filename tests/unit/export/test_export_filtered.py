"""Exporting through a filter, as the customer and the ledger see it."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.destinations.overview import list_destinations
from exporter.destinations.preview import preview
from exporter.domain.data_types import DataType
from exporter.domain.errors import DestinationFault
from exporter.domain.filter_parser import stored_filter
from exporter.domain.hour_content import RowCounts
from exporter.domain.hour_record import HourStatus
from exporter.domain.hour_task import HourTask
from exporter.domain.streams import Stream, StreamKey
from exporter.export.attempt import Outcome
from exporter.schedule.ledger_view import AsOf
from exporter.schedule.planner import queue_due_hours
from tests.support.fakes.world import World
from tests.support.filters import condition, read
from tests.support.worlds import (
    EVENTS,
    HOUR,
    MERGED_IDS,
    NOW,
    SETTLE,
    a_bulky_event,
    a_merge,
    a_world,
    acme,
    an_event,
    attempt,
    backfill,
    the_container,
    the_record,
)

MARKER = "187520_2026-01-31_12_complete"
PURCHASES = read(condition("event_type", "is", "purchase"))
NOTHING = read({"not": condition("event_type", "is_set")})


def a_filtered_world(**changes: object) -> World:
    """Make a world with three purchases and two views, of which the destination wants the purchases."""
    world = a_world(acme(**({"event_filter": PURCHASES} | changes)))
    rows = [an_event(number, event_type="purchase" if number % 2 == 0 else "view") for number in range(5)]
    world.land(EVENTS.stream, HOUR, rows)
    return world


def test_only_what_passes_the_filter_is_exported_and_the_rest_is_counted() -> None:
    """The marker and the ledger name the filter, so that a reader knows why rows are missing."""
    world = a_filtered_world()

    assert attempt(world) is Outcome.EXPORTED

    assert {row["event_type"] for row in world.events_a_reader_sees()} == {"purchase"}
    assert world.markers_a_reader_sees()[MARKER]["rows"] == 3
    assert world.markers_a_reader_sees()[MARKER]["filter_sha256"] == PURCHASES.sha256
    assert the_record(world).content.rows == RowCounts(exported=3, filtered=2)
    assert the_record(world).content.filter_sha256 == PURCHASES.sha256
    assert world.rejected_rows() == []


def test_an_hour_of_which_the_filter_leaves_nothing_is_empty_and_has_a_marker() -> None:
    """Its readers can tell it from one that is missing."""
    world = a_filtered_world(event_filter=NOTHING)

    attempt(world)

    assert list(the_container(world)) == [MARKER]
    assert world.markers_a_reader_sees()[MARKER]["parts"] == []
    assert the_record(world).status is HourStatus.EMPTY
    assert the_record(world).content.rows == RowCounts(filtered=5)


@pytest.mark.parametrize("pattern", ["[a-f]{1000}[a-f]{1000}", "("])
def test_a_filter_that_is_refused_by_now_fails_its_own_hours_and_nothing_else(pattern: str) -> None:
    """An earlier version stored it. Ticks and lists go on; another filter heals the destination."""
    stored = stored_filter(json.dumps(condition("event_type", "matches", pattern)))
    world = a_filtered_world(event_filter=stored, org_id=None)
    world.destinations.put(acme(id="other", project_id=2, org_id=None), None)
    other = StreamKey("other", Stream(DataType.EVENTS, 2))
    world.land(other.stream, HOUR, [an_event(9)])

    assert attempt(world) is Outcome.FAILED
    assert attempt(world, task=HourTask(other, HOUR)) is Outcome.EXPORTED

    error = the_record(world).work.error
    assert error is not None
    assert error.code == "filter_refused"
    ticked = queue_due_hours(world.gateways, now=NOW, settle=SETTLE)
    assert ticked.refusing == ("acme",)
    listed = list_destinations(world.gateways, AsOf(NOW, SETTLE))
    assert [each.destination.id for each in listed] == ["acme", "other"]
    with pytest.raises(DestinationFault, match="filter_refused"):
        preview(acme(event_filter=stored), HOUR, world.gateways.landing, lambda: NOW)

    found = world.destinations.get("acme")
    assert found is not None
    world.destinations.put(acme(event_filter=PURCHASES, org_id=None), found.etag)
    assert attempt(world, now=NOW + timedelta(hours=1)) is Outcome.EXPORTED


def test_parts_are_filled_with_what_passes() -> None:
    """Rows that are left out make no smaller parts and no gaps."""
    world = a_world(acme(event_filter=read(condition("uuid", "matches", "[02468]$")), max_part_mib=1))
    world.land(EVENTS.stream, HOUR, [a_bulky_event(number) for number in range(100)])

    attempt(world)

    parts = the_record(world).content.parts
    assert [part.name.partition("#")[2] for part in parts] == [
        f"{number}.json.gz" for number in range(1, len(parts) + 1)
    ]
    assert len(parts) > 1
    assert all(part.rows for part in parts)
    assert sum(part.rows for part in parts) == 50


def test_a_row_that_is_filtered_does_not_stand_in_the_way_of_a_later_one() -> None:
    """Of two rows of one uuid, the first that passes is exported."""
    world = a_world(acme(event_filter=PURCHASES))
    rows = [an_event(1, event_type="view"), an_event(1), an_event(1), an_event(1, event_type="view")]
    world.land(EVENTS.stream, HOUR, rows)

    attempt(world)

    assert [row["event_type"] for row in world.events_a_reader_sees()] == ["purchase"]
    assert the_record(world).content.rows == RowCounts(exported=1, filtered=2, duplicate=1)


def test_merged_ids_are_never_filtered() -> None:
    """Whatever the destination's events go through."""
    world = a_filtered_world(event_filter=NOTHING)
    world.land(MERGED_IDS.stream, HOUR, [a_merge(1), a_merge(2)])

    attempt(world, task=HourTask(MERGED_IDS, HOUR))

    record = the_record(world, MERGED_IDS)
    assert (record.content.rows, record.content.filter_sha256) == (RowCounts(exported=2), None)
    assert world.markers_a_reader_sees(prefix="-")["-189524_2026-01-31_12_complete"]["filter_sha256"] is None


def test_a_changed_filter_holds_for_hours_that_are_exported_from_then_on() -> None:
    """What was exported stays as it is, and says so; what is exported again passes the new one."""
    world = a_filtered_world()
    attempt(world)
    found = world.destinations.get("acme")
    assert found is not None
    world.destinations.put(replace(found.value, event_filter=None), found.etag)

    attempt(world)
    assert the_record(world).content.filter_sha256 == PURCHASES.sha256
    assert len(world.events_a_reader_sees()) == 3

    world.ledger.clear()
    attempt(world, task=backfill(world), claim_id="second")
    assert len(world.events_a_reader_sees()) == 5
    assert world.markers_a_reader_sees()[MARKER]["filter_sha256"] is None


def test_the_same_filter_gives_the_same_bytes() -> None:
    """As everything does that is exported twice."""
    one, other = a_filtered_world(), a_filtered_world()

    attempt(one)
    attempt(other)

    assert the_container(one) == the_container(other)


def test_times_are_compared_before_they_are_written_in_the_form_of_the_destination() -> None:
    """And numbers that no float could hold stay as they are."""
    asked = {
        "all": [
            condition("event_time", "less", "2026-01-31T12:00:00Z"),
            condition("event_properties.id", "is", 2**63 + 1),
        ]
    }
    world = a_world(acme(event_filter=read(asked)))
    rows = [an_event(number, event_properties={"id": 2**63 + number}) for number in range(3)]
    world.land(EVENTS.stream, HOUR, rows)

    attempt(world)

    (row,) = world.events_a_reader_sees()
    assert row["event_properties"] == {"id": 2**63 + 1}
    assert row["event_time"] == "2026-01-31T11:59:59.000000Z"
