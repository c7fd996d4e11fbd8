"""A crash before and after every write of an hour, and another attempt afterwards."""

import json
from contextlib import suppress

import pytest

from exporter.domain.claims import LEASE
from exporter.domain.errors import Conflict, Transient
from exporter.domain.hour_record import HourStatus
from tests.support.fakes.world import World
from tests.support.fakes.writes import Crash
from tests.support.worlds import (
    EVENTS,
    HOUR,
    NOW,
    a_bulky_event,
    a_world,
    an_event,
    attempt,
    the_container,
    the_record,
)

ROWS = 50
# Claim, blocks of three parts, of the rejected rows and of the marker, the digest, the record, five commits,
# the record.
WRITES_PER_HOUR = 14


def a_full_world(world: World | None = None) -> World:
    """Make a world with an hour of three parts, a duplicate and two wrong rows."""
    world = a_world(world=world)
    rows = [*(a_bulky_event(number) for number in range(ROWS)), an_event(3), {"uuid": "none"}]
    lines = [json.dumps(row).encode() for row in rows]
    # In one blob, so that it is one slice. test_late_and_large tests hours of several workers.
    world.land(EVENTS.stream, HOUR, b"\n".join([*lines, b"no json"]))
    return world


UNDISTURBED = a_full_world()
attempt(UNDISTURBED)


def test_the_undisturbed_hour_has_as_many_writes_as_the_tests_below_die_at() -> None:
    """If a write is added to an export, the tests below must crash there, too."""
    assert len(UNDISTURBED.writes.log) == WRITES_PER_HOUR


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", range(1, WRITES_PER_HOUR + 1))
def test_a_crash_at_any_write_is_healed_by_the_next_attempt(write: int, moment: str) -> None:
    """Container and ledger end up as after an undisturbed run."""
    world = a_full_world(World(write, moment))

    with suppress(Crash):
        attempt(world)
    attempt(world, NOW + LEASE, claim_id="second")

    assert the_container(world) == the_container(UNDISTURBED)
    assert the_ledger(world) == the_ledger(UNDISTURBED)
    assert world.rejected_rows() == UNDISTURBED.rejected_rows()


@pytest.mark.parametrize("write", range(1, WRITES_PER_HOUR + 1))
def test_a_reader_never_sees_a_marker_without_its_parts(write: int) -> None:
    """Whenever the worker dies: if the marker exists, every part that it names exists, too, whole."""
    world = a_full_world(World(write, "after"))

    with suppress(Crash):
        attempt(world)

    container = world.reader().committed
    for marker in world.markers_a_reader_sees().values():
        assert {part["name"]: part["md5"] for part in marker["parts"]} == {
            name: container[name].md5 for name in container if name.endswith(".gz")
        }


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", range(1, WRITES_PER_HOUR + 1))
def test_a_write_that_fails_in_passing_leaves_the_hour_free_at_once(write: int, moment: str) -> None:
    """An interrupted attempt releases its claim, so that the next one does not wait for the lease."""
    world = a_full_world(World(write, moment, Transient("the answer got lost")))

    with suppress(Transient):
        attempt(world)
    with suppress(Conflict):
        attempt(world, claim_id="second")
    # If the release failed, too, the lease ends by itself.
    attempt(world, NOW + LEASE, claim_id="third")

    assert the_container(world) == the_container(UNDISTURBED)
    assert the_ledger(world) == the_ledger(UNDISTURBED)


def the_ledger(world: World) -> dict[str, object]:
    """Return the ledger's row of the hour, without the worker and the times."""
    record = the_record(world)
    return {
        "status": record.status,
        "rows": record.content.rows,
        "parts": record.content.parts,
        "claim": record.work.claim,
        "error": record.work.error,
    }


def test_the_undisturbed_hour_is_in_the_ledger_as_it_is_in_the_container() -> None:
    """The undisturbed run, with which the tests above compare, is right."""
    record = the_record(UNDISTURBED)

    assert record.status is HourStatus.EXPORTED
    assert (record.content.rows.exported, record.content.rows.duplicate, record.content.rows.rejected) == (
        ROWS,
        1,
        2,
    )
    assert len(record.content.parts) == 3
    assert [row["uuid"] for row in UNDISTURBED.events_a_reader_sees()] == [
        an_event(number)["uuid"] for number in range(ROWS)
    ]
    assert [(row["blob"][-6:], row["line"], row["reason"]) for row in UNDISTURBED.rejected_rows()] == [
        ("a.json", ROWS + 2, "field_missing"),
        ("a.json", ROWS + 3, "not_json"),
    ]
