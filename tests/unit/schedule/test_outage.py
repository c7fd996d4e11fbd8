"""A customer's storage that refuses requests: what it costs, what it delays, and how it heals."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from exporter.destinations.lifecycle import run_saved_test
from exporter.domain.breaker import CLOSED, OUTAGE_FAULTS
from exporter.domain.destination import StorageTarget
from exporter.domain.errors import Fault, Scope, Transient
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourStatus
from exporter.domain.streams import StreamKey
from exporter.export.attempt import Outcome
from exporter.schedule.planner import queue_due_hours
from tests.support.fakes.world import World
from tests.support.worlds import EVENTS, HOUR, NOW, SETTLE, a_world, acme, an_event, attempt, the_record

GONE = Fault("container_not_found", "There is no container raw.", "Create it.")
LEASED = Fault("blob_leased", "A lease holds a blob.", "End it.", Scope.BLOB)
BROKEN = acme(org_id=None)
FIVE_MINUTES = timedelta(minutes=5)


def close(world: World, fault: Fault = GONE, container: str = "raw") -> None:
    """Let a customer's container refuse everything."""
    world.reader(container).faults = dict.fromkeys(("list", "read", "write", "delete"), fault)


def repair(world: World) -> None:
    """Repair the customer's container."""
    world.reader().faults.clear()


def run(world: World, now: datetime) -> dict[StreamKey, list[Outcome]]:
    """Run a tick, and export all hours in the queue."""
    queue_due_hours(world.gateways, now=now, settle=SETTLE)
    outcomes: dict[StreamKey, list[Outcome]] = {}
    for number, task in enumerate(world.hours.take()):
        outcome = attempt(world, now, f"c{now.timestamp()}-{number}", task)
        outcomes.setdefault(task.key, []).append(outcome)
    return outcomes


def attempts(outcomes: dict[StreamKey, list[Outcome]], key: StreamKey = EVENTS) -> int:
    """Return how many of the tasks reached the customer's storage."""
    return sum(outcome is not Outcome.NOT_DUE for outcome in outcomes.get(key, []))


def statuses(world: World, now: datetime) -> set[HourStatus]:
    """Return the statuses of the day's hours in the ledger."""
    last = Hour.containing(now - SETTLE).plus(-1)
    return {record.status for record in world.ledger.between(EVENTS, HOUR.first_of_day(), last)}


def test_a_container_that_is_gone_costs_one_attempt_and_not_one_for_each_hour() -> None:
    """Thirteen hours were queued before the first attempt failed."""
    world = a_world(BROKEN)
    close(world)

    outcomes = run(world, NOW)

    assert len(outcomes[EVENTS]) == 13
    assert attempts(outcomes) == 1


def test_a_day_without_the_container_costs_a_probe_now_and_then() -> None:
    """Each probe is one hour; the waits between probes grow."""
    world = a_world(BROKEN)
    close(world)
    run(world, NOW)

    made = [attempts(run(world, NOW + FIVE_MINUTES * tick)) for tick in range(1, 24 * 12)]

    assert set(made) == {0, 1}
    assert 24 * 2 - 2 <= sum(made) <= 24 * 2 + 4


def test_it_heals_by_itself_and_catches_everything_up() -> None:
    """The probe succeeds; the next tick queues the rest, failed hours included."""
    world = a_world(BROKEN)
    world.land(EVENTS.stream, HOUR, [an_event(1)])
    close(world)
    for tick in range(12):
        run(world, NOW + FIVE_MINUTES * tick)
    assert the_record(world, hour=HOUR.first_of_day()).error == GONE
    repair(world)

    ticks = 0
    while attempts(run(world, NOW + timedelta(hours=1) + FIVE_MINUTES * ticks)) == 0:
        ticks += 1
    healed = NOW + timedelta(hours=1) + FIVE_MINUTES * ticks
    run(world, healed + timedelta(seconds=1))

    assert ticks * FIVE_MINUTES <= timedelta(minutes=30)
    assert statuses(world, healed) == {HourStatus.EXPORTED, HourStatus.EMPTY}
    assert len(world.events_a_reader_sees()) == 1


def test_other_destinations_are_not_delayed() -> None:
    """Their hours are exported in the same tick."""
    world = a_world(BROKEN)
    world.destinations.put(replace(BROKEN, id="fine", storage=StorageTarget("fine")), None)
    close(world)
    fine = replace(EVENTS, destination_id="fine")

    outcomes = run(world, NOW)

    assert outcomes[fine] == [Outcome.EXPORTED] * 13


def test_all_streams_of_a_destination_share_the_probe() -> None:
    """They share the container."""
    world = a_world(acme())
    world.land(replace(EVENTS.stream), HOUR, [an_event(1)])
    close(world)
    run(world, NOW)

    outcomes = run(world, NOW + FIVE_MINUTES)

    assert sum(map(len, outcomes.values())) == 1


@pytest.mark.parametrize("fault", [GONE, LEASED], ids=lambda fault: fault.code)
def test_an_hour_that_never_succeeds_stops_no_others(fault: Fault) -> None:
    """Its attempts become rarer, whatever its error is, and the others are exported."""
    world = a_world(BROKEN)
    stuck = HOUR.first_of_day()
    blobs = world.reader()

    for tick in range(36):
        queue_due_hours(world.gateways, now=NOW + FIVE_MINUTES * tick, settle=SETTLE)
        for number, task in enumerate(world.hours.take()):
            blobs.faults = {"list": fault} if task.hour == stuck else {}
            attempt(world, NOW + FIVE_MINUTES * tick, f"c{tick}-{number}", task)

    records = list(world.ledger.between(EVENTS, stuck, HOUR.plus(2)))
    assert [record.hour for record in records if not record.done] == [stuck]
    assert 3 <= records[0].attempts <= 8


def test_an_hour_of_which_landing_is_archived_fails_alone_and_heals() -> None:
    """Its error is the operator's to repair; it is exported once the blob was rehydrated."""
    world = a_world(BROKEN)
    for hour in (HOUR.plus(-1), HOUR):
        world.land(EVENTS.stream, hour, [an_event(1, hour=hour)])
    (name,) = world.landed.names(EVENTS.stream.landing_folder(HOUR))
    world.landed.archived.add(name)

    run(world, NOW)

    error = the_record(world).error
    assert error is not None
    assert error.code == "landing_archived"
    assert name in error.message
    assert statuses(world, NOW) == {HourStatus.FAILED, HourStatus.EMPTY, HourStatus.EXPORTED}
    assert world.breakers.get("acme") == CLOSED

    world.landed.archived.clear()
    run(world, NOW + timedelta(hours=1))
    assert the_record(world).status is HourStatus.EXPORTED


def test_a_fault_in_the_middle_of_an_hour_is_recorded_with_its_fix() -> None:
    """It has the code, message and fix that a test upload would show; no file is visible."""
    world = a_world(BROKEN)
    world.land(EVENTS.stream, HOUR, [an_event(1)])
    world.reader().faults["write"] = GONE

    assert attempt(world) is Outcome.FAILED

    assert the_record(world).error == GONE
    assert world.reader().names() == []


def test_a_passing_test_upload_lets_everything_be_tried_at_once() -> None:
    """A customer who repaired and tested the storage need not wait for the back-off."""
    world = a_world(BROKEN)
    close(world)
    for tick in range(12):
        run(world, NOW + FIVE_MINUTES * tick)
    repair(world)
    later = NOW + FIVE_MINUTES * 11 + timedelta(seconds=1)

    assert run_saved_test(world.gateways, "acme", now=later, test_id="0" * 32).ok
    run(world, later)

    assert statuses(world, later) == {HourStatus.EMPTY}


def test_a_failing_test_upload_changes_nothing() -> None:
    """The breaker has counted the failure already."""
    world = a_world(BROKEN)
    close(world)
    run(world, NOW)
    before = world.breakers.get("acme")

    assert not run_saved_test(world.gateways, "acme", now=NOW, test_id="0" * 32).ok
    assert world.breakers.get("acme") == before != CLOSED


def test_a_lost_breaker_costs_one_attempt() -> None:
    """The next attempt fails and counts again."""
    world = a_world(BROKEN)
    close(world)
    run(world, NOW)
    world.breakers.rows.clear()

    outcomes = run(world, NOW + timedelta(seconds=1))

    assert attempts(outcomes) == 1
    assert world.breakers.get("acme").faults < OUTAGE_FAULTS


def test_a_breaker_that_cannot_be_written_does_not_change_the_hour() -> None:
    """The hour's result is in the ledger before."""
    probe = a_world(BROKEN)
    close(probe)
    attempt(probe)
    (write,) = (number for number, what in enumerate(probe.writes.log, 1) if what.startswith("breaker"))
    world = a_world(BROKEN, World(crash_at=write, error=Transient("503 ServerBusy")))
    close(world)

    assert attempt(world) is Outcome.FAILED
    assert the_record(world).error == GONE
