"""A destination whose files go to another container: hours are owed there, and what was exported stays."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.destinations.edit import Draft, put_destination
from exporter.destinations.find import find_destination
from exporter.destinations.lifecycle import activate, delete
from exporter.destinations.overview import overview_of
from exporter.domain.claims import LEASE
from exporter.domain.destination import CredentialsType, Output, StorageTarget
from exporter.domain.errors import Conflict, Fault
from exporter.domain.hour_content import Provenance
from exporter.domain.hour_record import HourStatus
from exporter.domain.hour_task import HourTask
from exporter.export.attempt import Outcome
from exporter.schedule.ledger_view import AsOf, list_hours
from exporter.schedule.planner import queue_due_hours
from tests.support.fakes.world import World
from tests.support.fakes.writes import Crash
from tests.support.worlds import (
    EVENTS,
    HOUR,
    MERGED_IDS,
    NOW,
    SETTLE,
    a_merge,
    an_event,
    attempt,
    backfill,
    the_record,
    with_content,
)

URL = "https://acme.blob.core.windows.net"
MIDNIGHT = HOUR.first_of_day()
HERE = Draft(
    id="acme",
    name="Acme",
    storage=StorageTarget("raw", URL, "a"),
    credentials_type=CredentialsType.CONNECTION_STRING,
    secret="AccountName=acme;AccountKey=aHVudGVyMg==",  # noqa: S106  a made-up one
    project_id=187520,
    org_id=None,
    output=Output(),
)
THERE = replace(HERE, storage=StorageTarget("other", URL, "a"))
TODAY = [MIDNIGHT.plus(number) for number in range(HOUR.start.hour + 1)]


def put(world: World, draft: Draft) -> None:
    """Make or change the destination."""
    put_destination(world.gateways, draft, if_match=None, now=NOW)


def exported(world: World, draft: Draft = HERE) -> World:
    """Let a destination be active and all of today's hours be exported, of which the last has rows."""
    put(world, draft)
    world.land(EVENTS.stream, MIDNIGHT, b"")
    world.land(EVENTS.stream, HOUR, [an_event(1), an_event(2)])
    world.land(MERGED_IDS.stream, HOUR, [a_merge(1)])
    activate(world.gateways, "acme", now=NOW, test_id="t")
    assert set(export_all(world)) == {Outcome.EXPORTED}
    return world


def tick(world: World) -> list[HourTask]:
    """Let the schedule look what is owed, and take out what it queued."""
    queue_due_hours(world.gateways, now=NOW, settle=SETTLE)
    return world.hours.take()


def export_all(world: World) -> list[Outcome]:
    """Export what is owed."""
    return [attempt(world, NOW, f"claim-{number}", task) for number, task in enumerate(tick(world))]


def move(world: World) -> None:
    """Let files go to another container from now on."""
    put(world, THERE)


def create_again(world: World) -> None:
    """Delete the destination, and make it again under its id for another container."""
    delete(world.gateways, "acme")
    put(world, THERE)
    activate(world.gateways, "acme", now=NOW, test_id="t")


MOVES = pytest.mark.parametrize("moves", [move, create_again])


@MOVES
def test_hours_whose_files_went_elsewhere_are_owed_to_the_container_of_now(
    moves: Callable[[World], None],
) -> None:
    """All since the activation; what stands in the former container stays as it is."""
    world = exported(World())
    before = dict(world.reader("raw").committed)

    moves(world)

    assert [task.hour for task in tick(world)] == TODAY
    assert set(export_all(world)) == {Outcome.EXPORTED}
    assert world.reader("raw").committed == before
    assert {name: blob.body for name, blob in world.reader("other").committed.items()} == {
        name: blob.body for name, blob in before.items()
    }
    assert tick(world) == []


@MOVES
def test_what_is_owed_to_the_new_container_is_told_at_once(moves: Callable[[World], None]) -> None:
    """Before any tick: in the destination's counts and in the list of its hours."""
    world = exported(World())
    moves(world)
    destination, as_of = find_destination(world.gateways.destinations, "acme").value, AsOf(NOW, SETTLE)

    (state,) = overview_of(world.gateways, destination, as_of).states
    listed = list_hours(world.gateways, destination, EVENTS, (MIDNIGHT, HOUR), as_of=as_of)

    assert (state.owed, state.owed_since) == (len(TODAY), MIDNIGHT)
    assert {record.status for record in listed} == {HourStatus.OWED}


@pytest.mark.parametrize(
    "storage",
    [
        StorageTarget("raw", f"{URL}:443/", "a"),
        StorageTarget("raw", "https://ACME-secondary.blob.core.windows.net", "a"),
        StorageTarget("raw", None, "a"),
        StorageTarget("raw", URL, "b"),
    ],
    ids=["other case", "the copy's address", "no address", "another prefix"],
)
def test_the_same_container_under_another_address_is_owed_nothing_again(storage: StorageTarget) -> None:
    """Nor is another prefix in it: what was exported stays where it is."""
    world = exported(World())

    put(world, replace(HERE, storage=storage))

    assert tick(world) == []


def test_created_again_for_the_same_container_it_is_owed_nothing_again() -> None:
    """Its files are there."""
    world = exported(World())
    delete(world.gateways, "acme")
    put(world, HERE)
    activate(world.gateways, "acme", now=NOW, test_id="t")

    assert tick(world) == []


def test_back_in_its_first_container_an_hour_is_adopted() -> None:
    """It is there, whole, and is not exported again."""
    world = exported(World())
    move(world)
    export_all(world)
    before = dict(world.reader("raw").committed)

    put(world, HERE)

    assert set(export_all(world)) == {Outcome.ADOPTED}
    assert world.reader("raw").committed == before


def back_with_lost_landing(world: World) -> None:
    """Move the hours and back again; meanwhile landing loses all of the last one."""
    move(world)
    export_all(world)
    world.landed.committed.clear()
    put(world, HERE)


@pytest.mark.parametrize("marked", [True, False])
def test_back_in_its_first_container_an_hour_is_adopted_though_landing_has_lost_it(*, marked: bool) -> None:
    """Every file that the ledger names is there, so that nothing of the hour is missing."""
    world = exported(World())
    files = {name: blob for name, blob in world.reader("raw").committed.items() if name.endswith(".gz")}
    (marker,) = {name.partition("#")[0] + "_complete" for name in files}
    if not marked:
        del world.reader("raw").committed[marker]
    back_with_lost_landing(world)

    assert Outcome.UNCHANGED not in export_all(world)

    record = the_record(world)
    assert (record.content.origin.target, record.work.refused) == ("acme.blob.core.windows.net|raw|a", None)
    assert [part.name for part in record.content.parts] == sorted(files)
    assert files.items() <= world.reader("raw").committed.items()
    assert marker in world.reader("raw").committed


@pytest.mark.parametrize("body", [None, b"other"])
def test_back_in_a_container_that_lacks_a_file_of_it_an_hour_stays_elsewhere(body: bytes | None) -> None:
    """The file was deleted or changed meanwhile, and landing cannot replace it."""
    world = exported(World())
    reader = world.reader("raw")
    (name,) = (name for name in reader.names() if name.endswith(".gz"))
    del reader.committed[name]
    if body is not None:
        reader.set(name, body)
    back_with_lost_landing(world)

    assert export_all(world).count(Outcome.UNCHANGED) == 1

    record = the_record(world)
    assert record.content.origin.target == "acme.blob.core.windows.net|other|a"
    assert record.work.refused is not None
    assert tick(world) == []


def test_while_a_container_refuses_an_hour_that_comes_back_to_it_remains_owed() -> None:
    """Whether its files are there is not known yet; its record stays as it is."""
    world = exported(World())
    back_with_lost_landing(world)
    before = the_record(world)
    world.reader("raw").faults["list"] = Fault("access_denied", "The container refuses us.", "Let us in.")

    assert attempt(world, NOW, "refused") is Outcome.FAILED

    assert the_record(world) == before
    assert not before.done_for("acme.blob.core.windows.net|raw|a")
    world.reader("raw").faults.clear()
    assert attempt(world, NOW + timedelta(hours=1), "healed") is Outcome.ADOPTED


def test_an_hour_that_landing_does_not_hold_any_more_stays_where_it_is() -> None:
    """Less than what was exported is not an hour; it says so, and is not requested again."""
    world = exported(World())
    before = the_record(world)
    world.landed.committed.clear()
    move(world)

    assert export_all(world).count(Outcome.UNCHANGED) == 1

    record = the_record(world)
    assert record.work.refused is not None
    assert record.work.refused.fault.code == "landing_incomplete"
    assert (record.status, record.content.parts, record.content.origin) == (
        before.status,
        before.content.parts,
        before.content.origin,
    )
    assert not [name for name in world.reader("other").names() if HOUR.key[-2:] in name.split("_")]
    assert tick(world) == []
    destination = find_destination(world.gateways.destinations, "acme").value
    (state,) = overview_of(world.gateways, destination, AsOf(NOW, SETTLE)).states
    assert state.owed == 0


def test_an_hour_that_stayed_is_owed_to_a_third_container() -> None:
    """That it could not go to the second says nothing about the next, where landing may be filled again."""
    world = exported(World())
    landed = dict(world.landed.committed)
    world.landed.committed.clear()
    move(world)
    export_all(world)
    world.landed.committed.update(landed)

    put(world, replace(HERE, storage=StorageTarget("third", URL, "a")))

    assert set(export_all(world)) == {Outcome.EXPORTED}
    assert len(world.events_a_reader_sees("third")) == 2


@pytest.mark.parametrize("taken_away", [False, True])
def test_with_a_late_blob_its_digests_tell_whether_an_hour_is_whole(*, taken_away: bool) -> None:
    """The number of blobs does not: one may have been tidied up while another one landed."""
    world = exported(World())
    world.land(EVENTS.stream, HOUR, [an_event(3)], "late.json")
    if taken_away:
        del world.landed.committed[f"{EVENTS.stream.landing_folder(HOUR)}a.json"]
    move(world)

    outcomes = export_all(world)

    assert outcomes.count(Outcome.UNCHANGED) == (1 if taken_away else 0)
    assert len(world.events_a_reader_sees("other")) == (0 if taken_away else 3)


def test_an_hour_of_which_it_is_not_known_what_it_was_made_of_stays_where_it_is() -> None:
    """As one that was found in the container when our tables were lost."""
    world = exported(World())
    found = world.ledger.get(EVENTS, HOUR)
    assert found is not None
    origin = found.value.content.origin
    forgotten = with_content(found.value, origin=Provenance(origin.target, origin.marker))
    world.ledger.put(forgotten, found.etag)
    move(world)

    assert export_all(world).count(Outcome.UNCHANGED) == 1


def test_an_hour_that_was_being_exported_during_the_move_is_owed_to_the_new_container() -> None:
    """Its worker knows the old one only."""
    world = World()
    put(world, HERE)
    world.land(EVENTS.stream, MIDNIGHT, [an_event(1, MIDNIGHT)])
    activate(world.gateways, "acme", now=NOW, test_id="t")
    (task, *_) = tick(world)
    find = world.containers.open

    def open_and_move(destination: object) -> object:
        world.containers.open = find  # type: ignore[method-assign]
        container = find(destination)  # type: ignore[arg-type]
        move(world)
        queue_due_hours(world.gateways, now=NOW, settle=SETTLE)
        return container

    world.containers.open = open_and_move  # type: ignore[assignment,method-assign]
    assert attempt(world, task=task) is Outcome.EXPORTED
    assert len(world.events_a_reader_sees("raw")) == 1
    world.hours.take()

    assert set(export_all(world)) == {Outcome.EXPORTED}
    assert len(world.events_a_reader_sees("other")) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", range(1, 14))
def test_whoever_dies_moving_an_hour_it_arrives_whole(write: int, moment: str) -> None:
    """At any write; and what was exported is in the former container all the while."""
    world = exported(World())
    move(world)
    tick(world)
    before = dict(world.reader("raw").committed)
    world.writes.crash_at, world.writes._moment = len(world.writes.log) + write, moment

    with suppress(Crash):
        attempt(world, NOW, "dies")
    later = NOW + 2 * LEASE
    for number in range(3):
        with suppress(Conflict):
            attempt(world, later + number * LEASE, f"heals-{number}")

    assert world.reader("raw").committed == before
    assert [row["uuid"] for row in world.events_a_reader_sees("other")] == [
        row["uuid"] for row in world.events_a_reader_sees("raw")
    ]
    assert the_record(world).done_for("acme.blob.core.windows.net|other|a")


def test_merged_ids_are_owed_to_the_new_container_from_the_first_hour_on() -> None:
    """Each of them matters for events of any time."""
    world = exported(World(), replace(HERE, project_id=None, org_id=189524))
    put(world, replace(THERE, project_id=None, org_id=189524))

    assert [(task.key, task.hour) for task in tick(world)] == [(MERGED_IDS, HOUR)]


def test_a_backfill_of_an_hour_that_went_elsewhere_writes_it_here() -> None:
    """And leaves the former container alone."""
    world = exported(World())
    move(world)
    later = NOW + timedelta(hours=1)

    assert attempt(world, later, "again", backfill(world, since=later)) is Outcome.EXPORTED
    assert len(world.events_a_reader_sees("other")) == 2
