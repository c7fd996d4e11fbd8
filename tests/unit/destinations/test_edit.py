"""Creating, replacing, testing and activating destinations, and their hours."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.destinations.connection_test import run_connection_test
from exporter.destinations.edit import put_destination
from exporter.destinations.find import find_destination
from exporter.destinations.lifecycle import activate
from exporter.domain.claims import LEASE
from exporter.domain.destination import Destination, Status, StorageTarget
from exporter.domain.errors import Fault, Invalid, NotFound, Outdated
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord
from exporter.domain.streams import StreamKey
from exporter.schedule.ledger_view import AsOf, list_hours, stream_state
from tests.support.destinations import DRAFT
from tests.support.fakes.world import World
from tests.support.worlds import (
    ACME,
    EVENTS,
    HOUR,
    MERGED_IDS,
    NOW,
    a_merge,
    a_world,
    acme,
    attempt,
    landing_for_long,
)

VIEW = AsOf(NOW, timedelta(minutes=10))
REFUSED = Fault("missing_action", "The credentials lack it.", "Grant it.")


def stored(world: World) -> Destination:
    """Return the stored destination."""
    return find_destination(world.gateways.destinations, "acme").value


def test_a_new_destination_is_a_draft_whose_secret_is_sealed() -> None:
    """No text form of it has the secret."""
    world = landing_for_long(World())

    saved, new = put_destination(world.gateways, DRAFT, if_match=None, now=NOW)

    assert (new, saved.value, saved.value.status) == (True, stored(world), Status.DRAFT)
    assert "hunter2" not in f"{saved} {DRAFT} {stored(world).credentials.sealed}"


def test_a_repeated_put_changes_nothing() -> None:
    """PUT is idempotent; fields that it does not have stay."""
    world = landing_for_long(World())
    first, _ = put_destination(world.gateways, DRAFT, if_match=None, now=NOW)
    activate(world.gateways, "acme", now=NOW, test_id="t")

    again, new = put_destination(world.gateways, DRAFT, if_match=None, now=NOW + timedelta(days=1))

    assert not new
    kept = replace(again.value, credentials=first.value.credentials)
    assert kept == replace(first.value, status=Status.ACTIVE, activated_at=NOW)


@pytest.mark.parametrize("active", [False, True])
def test_read_only_fields_may_be_sent_as_they_are(active: bool) -> None:  # noqa: FBT001  a parameter
    """What GET answers can be sent back; no request changes them."""
    world, created = landing_for_long(World()), NOW.replace(microsecond=7)
    put_destination(world.gateways, DRAFT, if_match=None, now=created)
    status = Status.DRAFT
    if active:
        activate(world.gateways, "acme", now=created, test_id="t")
        status = Status.ACTIVE
    same = {"status": status.value, "created_at": NOW, "activated_at": NOW if active else None}

    put_destination(world.gateways, replace(DRAFT, stated=same, name="New"), if_match=None, now=NOW)
    assert (stored(world).name, stored(world).status) == ("New", status)

    for name, wrong in (("status", "paused"), ("created_at", "x"), ("activated_at", NOW - timedelta(days=1))):
        with pytest.raises(Invalid) as refused:
            put_destination(
                world.gateways, replace(DRAFT, stated=same | {name: wrong}), if_match=None, now=NOW
            )
        assert [problem.field for problem in refused.value.problems] == [name]


def test_a_destination_that_is_restored_from_a_backup_becomes_a_draft() -> None:
    """Its times are new ones; a request that calls it active is refused."""
    times = {"created_at": NOW - timedelta(days=9), "activated_at": NOW - timedelta(days=8)}
    active = replace(DRAFT, stated=times | {"status": "active"})
    with pytest.raises(Invalid) as refused:
        put_destination(World().gateways, active, if_match=None, now=NOW)
    (problem,) = refused.value.problems
    assert (problem.field, problem.message) == ("status", "is read-only, and is draft: leave it out")

    saved, new = put_destination(World().gateways, replace(DRAFT, stated=times), if_match=None, now=NOW)

    assert (new, saved.value.created_at, saved.value.activated_at) == (True, NOW, None)


def test_a_replacement_without_the_secret_keeps_the_stored_one() -> None:
    """A change of the name does not need the secret."""
    world = landing_for_long(World())
    first, _ = put_destination(world.gateways, DRAFT, if_match=None, now=NOW)

    put_destination(world.gateways, replace(DRAFT, secret=None, name="New"), if_match=None, now=NOW)

    assert (stored(world).name, stored(world).credentials) == ("New", first.value.credentials)


def test_a_new_destination_without_a_secret_is_refused() -> None:
    """No stored one could be kept."""
    with pytest.raises(Invalid) as refused:
        put_destination(World().gateways, replace(DRAFT, secret=None), if_match=None, now=NOW)

    assert [problem.field for problem in refused.value.problems] == ["credentials.connection_string"]


@pytest.mark.parametrize("if_match", ['"other"', "*", '"0x1"'])
def test_a_conditional_replacement_of_a_missing_destination_is_refused(if_match: str) -> None:
    """If-Match does not hold."""
    with pytest.raises(Outdated):
        put_destination(World().gateways, DRAFT, if_match=if_match, now=NOW)


def test_a_replacement_of_a_changed_destination_is_refused() -> None:
    """Of two concurrent edits, the second one is refused."""
    world = landing_for_long(World())
    first, _ = put_destination(world.gateways, DRAFT, if_match=None, now=NOW)
    put_destination(world.gateways, DRAFT, if_match=first.tag, now=NOW)

    with pytest.raises(Outdated):
        put_destination(world.gateways, DRAFT, if_match=first.tag, now=NOW)


def test_activation_tries_an_upload_leaves_nothing_behind_and_starts_the_schedule() -> None:
    """Events begin today at 00:00 UTC, merged ids with the first landed hour."""
    world = landing_for_long(World())
    put_destination(world.gateways, DRAFT, if_match=None, now=NOW)
    world.land(MERGED_IDS.stream, HOUR.plus(-50), [a_merge(1)])

    active, report = activate(world.gateways, "acme", now=NOW, test_id="t")

    assert report.ok
    assert [step.name for step in report.steps] == ["sign_in", "write", "read", "list", "delete"]
    assert (active.value, active.value.status, active.value.activated_at) == (
        stored(world),
        Status.ACTIVE,
        NOW,
    )
    assert world.reader().names() == []
    begins = {key.stream.data_type: progress.first for key, progress in world.schedule.all().items()}
    assert begins == {"events": HOUR.first_of_day(), "merged_ids": HOUR.plus(-50)}


def test_activating_twice_does_not_move_the_first_owed_hour() -> None:
    """The hours between two activations stay owed."""
    world = landing_for_long(World())
    put_destination(world.gateways, DRAFT, if_match=None, now=NOW)
    activate(world.gateways, "acme", now=NOW, test_id="t")

    again, _ = activate(world.gateways, "acme", now=NOW + timedelta(days=3), test_id="u")

    assert again.value.activated_at == NOW
    progress = world.schedule.get(EVENTS)
    assert progress is not None
    assert progress.first == HOUR.first_of_day()


@pytest.mark.parametrize(
    ("right", "failed", "left_behind"),
    [
        ("write", ["write"], []),
        ("read", ["read"], []),
        ("list", ["list"], []),
        ("delete", ["delete"], ["p/_export_test/t"]),
    ],
)
def test_without_a_permission_the_activation_fails_and_names_it(
    right: str, failed: list[str], left_behind: list[str]
) -> None:
    """Each permission is tested separately; blobs that can be deleted are."""
    world = a_world(replace(acme(), status=Status.DRAFT, storage=StorageTarget("raw", prefix="p")))
    world.reader().faults[right] = REFUSED

    found, report = activate(world.gateways, "acme", now=NOW, test_id="t")

    assert [step.name for step in report.steps if step.fault] == failed
    assert report.first_fault is not None
    assert report.first_fault.code == REFUSED.code
    assert (found.value.status, stored(world).status) == (Status.DRAFT, Status.DRAFT)
    assert world.reader().names() == left_behind


def test_a_test_upload_overwrites_nothing_of_the_customers() -> None:
    """If a blob of that name exists, the test fails."""
    world = a_world()
    world.reader().set("_export_test/t", b"precious")

    report = run_connection_test(ACME, world.gateways.containers, test_id="t", now=NOW)

    assert not report.ok
    assert world.reader().committed["_export_test/t"].body == b"precious"


def test_a_missing_destination_is_not_found() -> None:
    """The error has its id."""
    with pytest.raises(NotFound, match="no destination acme"):
        find_destination(World().gateways.destinations, "acme")


def listed(world: World, first: Hour, last: Hour, key: StreamKey = EVENTS) -> dict[str, str]:
    """Return the listed hours with their status."""
    hours = list_hours(world.gateways, ACME, key, (first, last), as_of=VIEW)
    return {record.hour.key: record.status.value for record in hours}


def test_listed_hours_are_the_ledgers_and_the_owed_ones_between_them() -> None:
    """Oldest first, without open hours and hours before the first owed one."""
    world = a_world()
    attempt(world)
    midnight = HOUR.first_of_day()

    assert listed(world, midnight.plus(-5), HOUR.plus(5)) == {
        **{midnight.plus(number).key: "owed" for number in range(12)},
        HOUR.key: "empty",
    }


def test_an_hour_exported_on_request_is_listed_though_the_schedule_never_owed_it() -> None:
    """The ledger has every exported hour."""
    world = a_world()
    before = HOUR.first_of_day().plus(-3)
    world.ledger.put(HourRecord(EVENTS, before).claimed_by("c", "backfill:b", NOW).finished(NOW), None)

    assert listed(world, before.plus(-1), before.plus(2)) == {before.key: "empty"}


def test_a_draft_owes_nothing() -> None:
    """It has no first hour before its activation."""
    world = a_world()
    draft = replace(ACME, status=Status.DRAFT, activated_at=None)

    assert list(list_hours(world.gateways, draft, EVENTS, (HOUR, HOUR), as_of=VIEW)) == []
    assert stream_state(world.gateways.ledger, EVENTS, None, VIEW).owed == 0


def test_the_state_of_a_stream_has_its_progress_and_its_last_error() -> None:
    """The last exported hour, the number of owed hours, and the last error."""
    world = landing_for_long(World())
    put_destination(world.gateways, DRAFT, if_match=None, now=NOW)
    activate(world.gateways, "acme", now=NOW, test_id="t")
    midnight = HOUR.first_of_day()
    for number in range(3):
        record = HourRecord(EVENTS, midnight.plus(number)).claimed_by("c", "schedule", NOW).finished(NOW)
        world.ledger.put(record, None)
    failed = HourRecord(EVENTS, midnight.plus(4)).claimed_by("c", "schedule", NOW).failed(REFUSED, NOW)
    world.ledger.put(failed, None)

    state = stream_state(world.gateways.ledger, EVENTS, world.schedule.get(EVENTS), VIEW)

    assert (state.last_exported, state.owed, state.failed) == (midnight.plus(2), 10, failed)


def test_an_hour_whose_worker_died_is_shown_as_owed() -> None:
    """The next tick queues it again."""
    world = a_world()
    world.ledger.put(HourRecord(EVENTS, HOUR).claimed_by("dead", "schedule", NOW - LEASE), None)
    world.ledger.put(HourRecord(EVENTS, HOUR.plus(-1)).claimed_by("alive", "schedule", NOW), None)

    assert listed(world, HOUR.plus(-1), HOUR) == {HOUR.plus(-1).key: "running", HOUR.key: "owed"}
