"""The preview of an hour."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.destinations.preview import EXAMPLES_BYTES_MAX, EXAMPLES_MAX, TIME_MAX, Preview, preview
from exporter.domain.destination import Destination
from exporter.domain.errors import NotPossible
from exporter.domain.hour_record import RowCounts
from exporter.domain.row_schema import Reason
from tests.support.fakes.world import World
from tests.support.filters import condition, read
from tests.support.worlds import EVENTS, HOUR, NOW, a_world, acme, an_event, attempt, the_record

PURCHASES = read(condition("event_type", "is", "purchase"))


def previewed(world: World, destination: Destination) -> Preview:
    """Return the preview of the hour, with a fixed clock."""
    return preview(destination, HOUR, world.gateways.landing, lambda: NOW)


def a_mixed_world(destination: Destination) -> World:
    """Make a world with 20 purchases, 5 views, a duplicate, and an invalid row."""
    world = a_world(destination)
    rows = [an_event(number) for number in range(20)]
    rows += [an_event(number, event_type="view") for number in range(20, 25)]
    world.land(EVENTS.stream, HOUR, [*rows, an_event(0)], "a.json")
    world.land(EVENTS.stream, HOUR, b"nonsense\n", "b.json")
    return world


def test_a_preview_has_the_counts_and_rows_of_an_export() -> None:
    """The counts equal those of the ledger after an export, the examples its first rows."""
    destination = acme(event_filter=PURCHASES)
    world = a_mixed_world(destination)

    found = previewed(world, destination)
    attempt(world)

    reasons = ((Reason.NOT_JSON, 1),)
    counts = RowCounts(exported=20, filtered=5, duplicate=1, rejected=1, rejected_by_reason=reasons)
    assert found.rows == counts == the_record(world).rows
    assert [json.loads(line) for line in found.examples] == world.events_a_reader_sees()[:EXAMPLES_MAX]
    assert found.complete


def test_a_preview_writes_nothing() -> None:
    """No file, no marker, no rejected row, no record in the ledger."""
    destination = acme(event_filter=PURCHASES)
    world = a_mixed_world(destination)

    previewed(world, destination)

    assert world.writes.log == []


def test_without_a_filter_every_event_passes_and_an_hour_without_any_is_empty() -> None:
    """The filter is optional."""
    assert previewed(a_mixed_world(acme()), acme()).rows.filtered == 0
    assert previewed(a_world(), acme()) == Preview(RowCounts(), (), complete=True)


def test_a_destination_without_events_has_nothing_to_preview() -> None:
    """Merged ids are never filtered."""
    with pytest.raises(NotPossible):
        previewed(a_world(), replace(acme(), project_id=None))


def test_a_preview_that_takes_too_long_says_so_with_what_it_has_read() -> None:
    """Whether the rows are kept or filtered."""
    world = a_world()
    for number in range(20):
        world.land(EVENTS.stream, HOUR, [an_event(number)], f"{number:02}.json")

    def slow() -> Iterator[timedelta]:
        yield from (TIME_MAX / 10 * number for number in range(1_000))

    for event_filter in (PURCHASES, read(condition("event_type", "is", "other"))):
        passing = slow()
        found = preview(
            acme(event_filter=event_filter),
            HOUR,
            world.gateways.landing,
            lambda passing=passing: NOW + next(passing),  # type: ignore[misc]  # a default to bind it now
        )

        assert not found.complete
        assert 0 < found.rows.read < 20


def test_a_preview_of_only_rejected_lines_ends_in_time_too() -> None:
    """Such lines do not reach the filter."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, b"nonsense\n" * 1000)
    passing = iter(range(1_000))

    found = preview(acme(), HOUR, world.gateways.landing, lambda: NOW + TIME_MAX / 10 * next(passing))

    assert not found.complete
    assert 0 < found.rows.rejected < 20


def test_a_preview_of_blobs_without_a_row_ends_in_time_too() -> None:
    """Blank lines are no rows, but take time to read."""
    world = a_world()
    for number in range(30):
        world.land(EVENTS.stream, HOUR, b"\n" * 100, f"{number}.json")
    passing = iter(range(1_000))

    found = preview(acme(), HOUR, world.gateways.landing, lambda: NOW + TIME_MAX / 10 * next(passing))

    assert found == Preview(RowCounts(), (), complete=False)


def test_examples_that_are_too_large_to_show_are_left_out() -> None:
    """Their rows are counted."""
    world = a_world()
    rows = [an_event(number, event_properties={"x": "y" * (EXAMPLES_BYTES_MAX // 3)}) for number in range(4)]
    world.land(EVENTS.stream, HOUR, [*rows, an_event(9)])

    found = previewed(world, acme())

    assert (found.rows.exported, len(found.examples)) == (5, 3)
    assert json.loads(found.examples[-1])["uuid"] == an_event(9)["uuid"]
