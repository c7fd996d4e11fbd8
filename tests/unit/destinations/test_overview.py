"""The list of destinations: selected, and page by page."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from exporter.destinations import overview
from exporter.destinations.overview import DestinationQuery, list_destinations
from exporter.domain.data_types import DataType
from exporter.domain.destination import Status, StorageTarget
from exporter.domain.errors import Fault
from exporter.domain.hour_record import HourRecord
from exporter.domain.stream_progress import StreamProgress
from exporter.schedule.ledger_view import AsOf
from tests.support.fakes.world import World
from tests.support.worlds import ACME, EVENTS, HOUR, NOW, SETTLE

AS_OF = AsOf(NOW, SETTLE)
FAILING = {"d03", "d07", "d11"}
COUNT = 12


def a_dozen() -> World:
    """Return a world with a dozen destinations: a draft, a paused one, a deleted one, and three that fail."""
    world = World()
    statuses = {1: Status.DRAFT, 2: Status.PAUSED, 4: Status.DELETED}
    for number in range(COUNT):
        destination = replace(
            ACME,
            id=f"d{number:02}",
            name=f"Number {number}",
            org_id=None,
            project_id=500 + number,
            status=statuses.get(number, Status.ACTIVE),
            storage=StorageTarget(f"raw-{number}", "https://acme.blob.core.windows.net"),
        )
        world.destinations.put(destination, None)
        (key,) = destination.streams
        world.schedule.put(key, StreamProgress(key, HOUR, HOUR, place=destination.storage.place))
        if destination.id in FAILING:
            failed = HourRecord(key, HOUR).claimed_by("c", "schedule", NOW)
            world.ledger.put(failed.failed(Fault("code", "message", "fix"), NOW), None)
    return world


def pages(world: World, query: DestinationQuery) -> Iterator[list[str]]:
    """Yield the ids of each page, following ``next_after``."""
    after: str | None = query.after
    while after is not None:
        page = list_destinations(world.gateways, AS_OF, replace(query, after=after))
        yield [each.destination.id for each in page]
        after = page.next_after


def ids(world: World, **selected: object) -> list[str]:
    """Return the ids of all pages together."""
    query = DestinationQuery(**selected)  # type: ignore[arg-type]  # its fields
    return [each for page in pages(world, query) for each in page]


@pytest.mark.parametrize("limit", [1, 3, 5, 11, 50])
def test_the_pages_together_have_every_destination_once(limit: int) -> None:
    """By id, without the deleted one, and none is empty."""
    world = a_dozen()
    expected = [f"d{number:02}" for number in range(COUNT) if number != 4]

    found = list(pages(world, DestinationQuery(limit=limit)))

    assert [each for page in found for each in page] == expected
    assert all(len(page) == limit for page in found[:-1])
    assert found[-1]


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_destinations_are_selected_by_the_status_that_is_shown(limit: int) -> None:
    """An active one that fails is failing, and not active."""
    world = a_dozen()

    assert ids(world, status=Status.FAILING, limit=limit) == sorted(FAILING)
    assert ids(world, status=Status.DRAFT, limit=limit) == ["d01"]
    assert ids(world, status=Status.PAUSED, limit=limit) == ["d02"]
    assert ids(world, status=Status.ACTIVE, limit=limit) == ["d00", "d05", "d06", "d08", "d09", "d10"]
    assert ids(world, deleted=True, limit=limit) == ["d04"]


def test_destinations_are_selected_by_what_they_export() -> None:
    """One that exports both is selected by either."""
    world = a_dozen()
    both = replace(ACME, id="both", status=Status.ACTIVE)
    world.destinations.put(both, None)
    world.destinations.put(replace(both, id="merged", project_id=None), None)

    assert ids(world, data_type=DataType.MERGED_IDS) == ["both", "merged"]
    assert ids(world, data_type=DataType.EVENTS, limit=3) == [
        "both",
        *(f"d{number:02}" for number in range(COUNT) if number != 4),
    ]
    assert ids(world, data_type=DataType.EVENTS, status=Status.DRAFT) == ["d01"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("D03", ["d03"]),
        ("number 1", ["d01", "d10", "d11"]),
        ("raw-7", ["d07"]),
        ("505", ["d05"]),
        ("ACME.blob", [f"d{number:02}" for number in range(COUNT) if number != 4]),
        ("nothing", []),
    ],
)
def test_destinations_are_found_by_a_text(text: str, expected: list[str]) -> None:
    """In id, name, container, account address or project, in any case."""
    assert ids(a_dozen(), text=text) == expected


def test_a_page_examines_a_bounded_number_of_destinations(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page may be empty; the next ones have the rest."""
    monkeypatch.setattr(overview, "EXAMINED_MAX", 2)

    found = list(pages(a_dozen(), DestinationQuery(status=Status.FAILING)))

    assert [each for page in found for each in page] == sorted(FAILING)
    assert [] in found[:-1]


def test_an_unreadable_row_is_reported_on_its_page_and_hides_no_other() -> None:
    """Rows of a destination and of its schedule."""
    world = a_dozen()
    world.destinations.spoil("d00")
    world.schedule.spoil(replace(EVENTS, destination_id="d05", stream=replace(EVENTS.stream, source_id=505)))

    first = list_destinations(world.gateways, AS_OF, DestinationQuery(limit=2))
    rest = list_destinations(world.gateways, AS_OF, DestinationQuery(after=first.next_after or ""))

    assert ([each.destination.id for each in first], first.next_after) == (["d01", "d02"], "d02")
    assert [row.key for row in first.unreadable] == ["destination / d00"]
    assert [row.key for row in rest.unreadable] == ["stream / d05:events:505"]
    assert {each.destination.id: each.status for each in rest}["d05"] is Status.FAILING
