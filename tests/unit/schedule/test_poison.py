"""Poison messages: the hour is recorded as failed, and is due again later."""

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
    """Record a poison message at a fixed time."""
    return record_poison(task, world.gateways, error_id="e1", clock=lambda: NOW)


def a_landed_world() -> World:
    """Make a world whose hour has an event."""
    world = a_world()
    world.land(EVENTS.stream, HOUR, [an_event(1)])
    return world


def test_an_hour_whose_message_is_poison_has_failed_and_is_due_again() -> None:
    """The error names an id to search for; after the back-off the hour is exported normally."""
    world = a_landed_world()

    assert poison(world) is Recorded.FAILED
    record = the_record(world)
    assert (record.status, record.attempts, record.requested_by) == (HourStatus.FAILED, 1, "schedule")
    assert record.error is not None
    assert (record.error.code, "e1" in record.error.fix) == ("internal_error", True)
    assert not record.due(NOW)
    assert attempt(world, NOW + BACK_OFF_FIRST) is Outcome.EXPORTED


def test_an_hour_whose_worker_died_is_failed_in_its_place() -> None:
    """Its lease has ended; its attempts and its journal are kept."""
    world = a_landed_world()
    abandoned = HourRecord(EVENTS, HOUR).claimed_by("dead", "schedule", NOW - LEASE)
    abandoned = replace(abandoned, attempts=5, committing=True)
    world.ledger.put(abandoned, None)

    assert poison(world) is Recorded.FAILED
    record = the_record(world)
    assert (record.status, record.attempts, record.committing) == (HourStatus.FAILED, 5, True)
    assert record.retry_at == NOW + timedelta(hours=1)


def test_the_hour_of_a_backfill_is_noted_so_that_a_tick_heals_it() -> None:
    """It may be behind the watermark."""
    world = a_landed_world()
    task = HourTask(EVENTS, HOUR, "backfill:b1")

    poison(world, task)

    assert [note.value for note in world.reopened.all()] == [task]


def test_an_hour_that_is_done_stays_as_it_is() -> None:
    """Also if the message was a late check: a later tick queues another one."""
    world = a_landed_world()
    attempt(world)
    before = the_record(world)
    world.writes.log.clear()

    assert poison(world) is Recorded.DONE
    assert poison(world, replace(TASK, late=True)) is Recorded.DONE
    assert (the_record(world), world.writes.log) == (before, [])


def test_an_hour_that_a_worker_has_stays_its_own_but_is_noted() -> None:
    """If that worker dies, a tick requeues the hour."""
    world = a_landed_world()
    record = HourRecord(EVENTS, HOUR).claimed_by("alive", "schedule", NOW)
    world.ledger.put(record, None)

    assert poison(world) is Recorded.RUNNING
    assert the_record(world) == record
    assert [note.value for note in world.reopened.all()] == [TASK]


def test_an_earlier_error_of_the_hour_is_kept() -> None:
    """The hour failed with an error of its own, and waits for its back-off."""
    world = a_landed_world()
    fault = Fault("container_not_found", "gone", "create it")
    record = HourRecord(EVENTS, HOUR).claimed_by("first", "schedule", NOW).failed(fault, NOW)
    world.ledger.put(record, None)

    assert poison(world) is Recorded.KNOWN
    assert the_record(world) == record


def test_an_hour_that_is_not_wanted_any_more_leaves_no_trace() -> None:
    """The destination is missing, was deleted, or receives another project's events."""
    for world in (World(), a_world(acme(status=Status.DELETED)), a_world(acme(project_id=1))):
        world.writes.log.clear()
        assert poison(world) is Recorded.NOT_WANTED
        assert world.writes.log == []


@pytest.mark.parametrize(("conflicts", "expected"), [(1, Recorded.FAILED), (TRIES_MAX, Recorded.RUNNING)])
def test_a_conflict_is_tried_again(conflicts: int, expected: Recorded) -> None:
    """After a few conflicts the other writer is taken for a worker."""
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


def test_a_backfill_sees_a_failure_that_another_request_had_before() -> None:
    """Otherwise its hour would be requested again and again, and the backfill would not end."""
    world = a_landed_world()
    fault = Fault("container_not_found", "gone", "create it")
    record = HourRecord(EVENTS, HOUR).claimed_by("first", "schedule", NOW).failed(fault, NOW)
    world.ledger.put(record, None)

    assert poison(world, replace(TASK, requested_by="backfill:b1", round=2)) is Recorded.FAILED
    found = the_record(world)
    assert (found.requested_by, found.round) == ("backfill:b1", 2)
