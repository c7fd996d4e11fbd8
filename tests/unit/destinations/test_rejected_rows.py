"""The rejected and amended rows of an hour."""

import pytest

from exporter.destinations import rejected_rows as module
from exporter.destinations.rejected_rows import RejectedPage, RejectedQuery, rejected_rows
from exporter.domain.errors import NotFound
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.row_schema import Reason
from exporter.http.rejected import rejected_view
from tests.support.fakes.world import World
from tests.support.worlds import EVENTS, HOUR, NOW, a_world, an_event, attempt, the_record

BAD = b'nonsense\n{"uuid":5}\n[]\n'
REASONS = [Reason.NOT_JSON, Reason.FIELD_MISSING, Reason.NOT_AN_OBJECT, Reason.WRONG_TYPE]


def with_rejected_rows() -> World:
    """Return a world with an hour of three rejected rows and an amended one."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, BAD)
    world.land(EVENTS.stream, HOUR, [an_event(1), an_event(2, paying="perhaps")], "b.json")
    attempt(world, task=HourTask(EVENTS, HOUR))
    return world


def page(world: World, **query: object) -> RejectedPage:
    """Return a page of the rows."""
    wanted = RejectedQuery(**query)  # type: ignore[arg-type]  # its fields
    return rejected_rows(world.ledger, world.gateways.rejected, EVENTS, HOUR, wanted)


def numbers(world: World, **query: object) -> list[int]:
    """Return the numbers of the rows of all pages."""
    found: list[int] = []
    after: int | None = 0
    while after is not None:
        each = page(world, **query, after=after)
        found += [number for number, _ in each.rows]
        after = each.next_after
    return found


def test_every_row_is_shown_with_its_place_and_the_counts_of_its_hour() -> None:
    """Byte for byte."""
    found = rejected_view(page(with_rejected_rows()))

    first, *_, last = found["rows"]
    assert first == {
        "number": 1,
        "blob": first["blob"],
        "line": 1,
        "piece": 1,
        "reason": "not_json",
        "detail": first["detail"],
        "keys": [],
        "exported": False,
        "row": "nonsense",
        "row_base64": None,
        "cut": False,
    }
    assert first["blob"].startswith("events/187520/2026/01/31/12/")
    assert [row["reason"] for row in found["rows"]] == REASONS
    assert (last["exported"], last["keys"]) == (True, ["paying"])
    assert (found["rejected"], found["amended"], found["next"], found["lost_blobs"]) == (3, 1, None, 0)
    assert found["rejected_by_reason"] == {"field_missing": 1, "not_an_object": 1, "not_json": 1}


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 50])
def test_the_pages_together_have_every_row_once(limit: int) -> None:
    """In their order."""
    assert numbers(with_rejected_rows(), limit=limit) == [1, 2, 3, 4]


def test_rows_are_selected_by_reason_and_a_page_examines_a_bounded_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page may be empty; the next ones have the rest."""
    world = with_rejected_rows()
    assert numbers(world, reason=Reason.FIELD_MISSING) == [2]
    monkeypatch.setattr(module, "EXAMINED_MAX", 1)

    assert page(world, reason=Reason.WRONG_TYPE).rows == []
    assert numbers(world, reason=Reason.WRONG_TYPE) == [4]


def test_blobs_that_are_gone_are_counted() -> None:
    """A lifecycle rule has deleted them; the ledger knows how many rows they had."""
    world = with_rejected_rows()
    for name in the_record(world).content.rejected:
        del world.rejected.committed[name]

    found = rejected_view(page(world))

    assert (found["rows"], found["rejected"], found["lost_blobs"], found["next"]) == ([], 3, 1, None)


def test_an_hour_that_is_not_exported_has_no_rejected_rows() -> None:
    """Whether it has a record or not."""
    world = a_world()
    for _ in range(2):
        with pytest.raises(NotFound) as raised:
            page(world)
        assert raised.value.code == "hour_not_found"
        world.ledger.put(HourRecord(EVENTS, HOUR).claimed_by("c", "schedule", NOW), None)
