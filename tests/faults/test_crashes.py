"""Death before and after every single write of an hour, and another attempt afterwards."""

import hashlib
from contextlib import nullcontext, suppress
from datetime import UTC, datetime

import pytest

from exporter.actions.export_hour import Outcome, export_hour
from exporter.domain.destination import (
    Credentials,
    CredentialsType,
    Destination,
    Output,
    Status,
    StorageTarget,
)
from exporter.domain.errors import Conflict, Transient
from exporter.domain.hours import Hour
from exporter.domain.ledger import LEASE, HourStatus, HourTask
from exporter.domain.streams import DataType, Stream, StreamKey
from tests.fakes import Crash, World

HOUR = Hour.parse("2026-01-31T12")
NOON = datetime(2026, 1, 31, 13, 15, tzinfo=UTC)
EVENTS = StreamKey("acme", Stream(DataType.EVENTS, 187520))
MERGED_IDS = StreamKey("acme", Stream(DataType.MERGED_IDS, 189524))
ROWS = 40
# Claim, blocks of three parts and of the rejected rows, the record, the commits, the marker, the record.
WRITES_PER_HOUR = 12


def an_event(number: int) -> dict[str, object]:
    """Make an event whose bulk does not compress, so that few of them fill a part."""
    noise = hashlib.shake_256(str(number).encode()).hexdigest(32 * 1024)
    return {
        "uuid": f"00000000-0000-4000-8000-{number:012d}",
        "event_type": "purchase",
        "event_time": "2026-01-31 11:59:59.000000",
        "server_upload_time": f"2026-01-31 12:00:{number % 60:02d}.000000",
        "event_properties": {"noise": noise},
    }


def a_world(**faults: object) -> World:
    """Make a world with an active destination and an hour of three parts, a duplicate and two wrong rows."""
    world = World(**faults)  # type: ignore[arg-type]  # the caller's keywords are World's own
    crash_at, world.writes.crash_at = world.writes.crash_at, None
    world.destinations.put(
        Destination(
            id="acme",
            name="Acme",
            storage=StorageTarget("raw"),
            credentials=Credentials(CredentialsType.CONNECTION_STRING, "sealed"),
            created_at=NOON,
            activated_at=NOON,
            project_id=187520,
            org_id=189524,
            output=Output(max_part_mib=1),
            status=Status.ACTIVE,
        ),
        None,
    )
    world.land(EVENTS.stream, HOUR, [an_event(number) for number in range(ROWS)], "a.json")
    world.land(EVENTS.stream, HOUR, [an_event(3), {"uuid": "none"}], "b.json")
    world.land(EVENTS.stream, HOUR, b"no json\n", "c.json")
    world.writes.log.clear()
    world.writes.crash_at = crash_at
    return world


def attempt(world: World, now: datetime, claim_id: str = "first") -> Outcome:
    """Export the hour as a worker would at that time."""
    return export_hour(
        HourTask(EVENTS, HOUR),
        world.gateways,
        clock=lambda: now,
        claim_id=claim_id,
        beat=lambda _renew: nullcontext(),
    )


def the_container(world: World) -> dict[str, bytes]:
    """Return everything that a reader of the container sees."""
    return {name: blob.body for name, blob in world.reader().committed.items()}


UNDISTURBED = a_world()
attempt(UNDISTURBED, NOON)


def test_the_undisturbed_hour_has_as_many_writes_as_the_tests_below_die_at() -> None:
    """If a write is added to an export, these tests have to die there too."""
    assert len(UNDISTURBED.writes.log) == WRITES_PER_HOUR


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", range(1, WRITES_PER_HOUR + 1))
def test_a_crash_at_any_write_is_healed_by_the_next_attempt(write: int, moment: str) -> None:
    """Whatever was half done, the container ends up as after an undisturbed run, and so does the ledger."""
    world = a_world(crash_at=write, moment=moment)

    with suppress(Crash):
        attempt(world, NOON)
    attempt(world, NOON + LEASE, claim_id="second")

    assert the_container(world) == the_container(UNDISTURBED)
    assert the_ledger(world) == the_ledger(UNDISTURBED)
    assert world.rejected_rows() == UNDISTURBED.rejected_rows()


@pytest.mark.parametrize("write", range(1, WRITES_PER_HOUR + 1))
def test_a_reader_never_sees_a_marker_without_its_parts(write: int) -> None:
    """Whenever the worker dies: if the marker is there, so is every part that it names, whole."""
    world = a_world(crash_at=write, moment="after")

    with suppress(Crash):
        attempt(world, NOON)

    container = world.reader().committed
    for marker in world.markers_a_reader_sees().values():
        assert {part["name"]: part["md5"] for part in marker["parts"]} == {
            name: container[name].md5 for name in container if name.endswith(".gz")
        }


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", range(1, WRITES_PER_HOUR + 1))
def test_a_write_that_fails_in_passing_leaves_the_hour_free_at_once(write: int, moment: str) -> None:
    """The claim of a broken-off attempt is given back, so that the next one need not wait for the lease."""
    world = a_world(crash_at=write, moment=moment, error=Transient("the answer got lost"))

    with suppress(Transient):
        attempt(world, NOON)
    with suppress(Conflict):
        attempt(world, NOON, claim_id="second")
    # Where even giving back failed, the lease runs out by itself.
    attempt(world, NOON + LEASE, claim_id="third")

    assert the_container(world) == the_container(UNDISTURBED)
    assert the_ledger(world) == the_ledger(UNDISTURBED)


def the_ledger(world: World) -> dict[str, object]:
    """Return what the ledger says of the hour, but for who exported it and when."""
    found = world.ledger.get(EVENTS, HOUR)
    assert found is not None
    record = found.value
    return {
        "status": record.status,
        "rows": record.rows,
        "parts": record.parts,
        "claim": record.claim,
        "error": record.error,
    }


def test_the_undisturbed_hour_is_in_the_ledger_as_it_is_in_the_container() -> None:
    """What the tests above compare with is what should be there."""
    found = UNDISTURBED.ledger.get(EVENTS, HOUR)
    assert found is not None
    record = found.value

    assert record.status is HourStatus.EXPORTED
    assert (record.rows.exported, record.rows.duplicate, record.rows.rejected) == (ROWS, 1, 2)
    assert len(record.parts) == 3
    assert [row["uuid"] for row in UNDISTURBED.events_a_reader_sees()] == [
        an_event(number)["uuid"] for number in range(ROWS)
    ]
    assert [(row["blob"][-6:], row["line"], row["reason"]) for row in UNDISTURBED.rejected_rows()] == [
        ("b.json", 2, "field_missing"),
        ("c.json", 1, "not_json"),
    ]
