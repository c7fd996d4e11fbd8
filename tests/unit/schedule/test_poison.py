"""Poison: what the ledger says of an hour whose request was given up, and that it is owed again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain.destination import Status
from exporter.domain.errors import Conflict, Fault
from exporter.domain.hour_record import BACK_OFF_FIRST, LEASE, HourRecord, HourStatus, HourTask
from exporter.export.attempt import Outcome
from exporter.schedule.poison import TRIES_MAX, Recorded, record_poison
from tests.support.fakes.world import World
from tests.support.worlds import EVENTS, HOUR, NOW, TASK, a_world, acme, an_event, attempt, the_record


def poison(world: World, task: HourTask = TASK) -> Recorded:
    """Record what was given up, at a time that stands still."""
    return record_poison(task, world.gateways, error_id="e1", clock=lambda: NOW)


def a_landed_world() -> World:
    """Make a world whose hour has an event."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1)])
    return world


def test_an_hour_whose_request_was_given_up_is_failed_and_owed_again() -> None:
    """People find the error id, and after the back-off the hour is exported as if nothing had been."""
    world = a_landed_world()

    assert poison(world) is Recorded.FAILED
    record = the_record(world)
    assert (record.status, record.attempts, record.requested_by) == (HourStatus.FAILED, 1, "schedule")
    assert record.error is not None
    assert (record.error.code, "e1" in record.error.fix) == ("internal_error", True)
    assert not record.due(NOW)
    assert attempt(world, NOW + BACK_OFF_FIRST) is Outcome.EXPORTED


def test_an_hour_whose_worker_died_is_failed_in_its_place() -> None:
    """Its lease has run out; it has as many attempts as were made, and what it was about to commit."""
    world = a_landed_world()
    abandoned = HourRecord(EVENTS, HOUR).claimed_by("dead", "schedule", NOW - LEASE)
    abandoned = replace(abandoned, attempts=5, committing=True)
    world.ledger.put(abandoned, None)

    assert poison(world) is Recorded.FAILED
    record = the_record(world)
    assert (record.status, record.attempts, record.committing) == (HourStatus.FAILED, 5, True)
    assert record.retry_at == NOW + timedelta(hours=1)


def test_the_hour_of_a_backfill_is_noted_so_that_a_tick_heals_it() -> None:
    """The schedule may be past it."""
    world = a_landed_world()
    task = HourTask(EVENTS, HOUR, "backfill:b1")

    poison(world, task)

    assert [note.value for note in world.reopened.all()] == [task]


def test_an_hour_that_is_done_is_let_be() -> None:
    """Also if the request was to look for what landed late: a later tick asks again."""
    world = a_landed_world()
    attempt(world)
    before = the_record(world)
    world.writes.log.clear()

    assert poison(world) is Recorded.DONE
    assert poison(world, replace(TASK, late=True)) is Recorded.DONE
    assert (the_record(world), world.writes.log) == (before, [])


def test_an_hour_that_somebody_has_is_left_to_him_but_noted() -> None:
    """If he dies, a tick sees to the hour."""
    world = a_landed_world()
    record = HourRecord(EVENTS, HOUR).claimed_by("alive", "schedule", NOW)
    world.ledger.put(record, None)

    assert poison(world) is Recorded.RUNNING
    assert the_record(world) == record
    assert [note.value for note in world.reopened.all()] == [TASK]


def test_a_reason_that_is_better_known_is_kept() -> None:
    """The hour has failed by itself, and waits for its back-off."""
    world = a_landed_world()
    fault = Fault("container_not_found", "gone", "create it")
    record = HourRecord(EVENTS, HOUR).claimed_by("first", "schedule", NOW).failed(fault, NOW)
    world.ledger.put(record, None)

    assert poison(world) is Recorded.KNOWN
    assert the_record(world) == record


def test_what_nobody_wants_leaves_no_trace() -> None:
    """Of a destination that is not there, was deleted, or gets another project's events."""
    for world in (World(), a_world(acme(status=Status.DELETED)), a_world(acme(project_id=1))):
        world.writes.log.clear()
        assert poison(world) is Recorded.NOT_WANTED
        assert world.writes.log == []


@pytest.mark.parametrize(("conflicts", "expected"), [(1, Recorded.FAILED), (TRIES_MAX, Recorded.RUNNING)])
def test_who_is_overtaken_looks_again(conflicts: int, expected: Recorded) -> None:
    """A few times: who changes the hour again and again is at work on it."""
    world = a_landed_world()

    class Contended:
        """Refuses some writes."""

        def __init__(self) -> None:
            self.left = conflicts

        def __getattr__(self, name: str) -> object:
            return getattr(world.ledger, name)

        def put(self, record: HourRecord, etag: str | None) -> str:
            """Refuse, or write."""
            if self.left:
                self.left -= 1
                raise Conflict("overtaken")
            return world.ledger.put(record, etag)

    gateways = replace(world.gateways, ledger=Contended())  # type: ignore[arg-type]  # the rest is passed on
    assert record_poison(TASK, gateways, error_id="e1", clock=lambda: NOW) is expected


def test_a_backfill_is_told_of_a_failure_that_another_one_had_before() -> None:
    """Else its hour is asked for again and again, and it never ends."""
    world = a_landed_world()
    fault = Fault("container_not_found", "gone", "create it")
    record = HourRecord(EVENTS, HOUR).claimed_by("first", "schedule", NOW).failed(fault, NOW)
    world.ledger.put(record, None)

    assert poison(world, replace(TASK, requested_by="backfill:b1", round=2)) is Recorded.FAILED
    found = the_record(world)
    assert (found.requested_by, found.round) == ("backfill:b1", 2)
