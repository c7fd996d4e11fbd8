"""Holding an hour: renewal in the background, and what a holder does who lost it."""

import threading
import time
from datetime import datetime, timedelta

import pytest

from exporter.domain.errors import Conflict, Fault, Transient
from exporter.domain.hour_record import LEASE, RENEW_EVERY, HourContent, HourStatus, Provenance, RowCounts
from exporter.export.lease import HourLease, acquire, background_heartbeat
from tests.support.fakes.world import World
from tests.support.worlds import NOW, TASK, a_world, the_record


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now


def a_held_hour(world: World, clock: Clock, claim_id: str = "mine") -> HourLease:
    """Claim the hour as a worker does."""
    return acquire(world.ledger, world.ledger.get(TASK.key, TASK.hour), TASK, claim_id, clock)


def test_a_renewed_lease_runs_from_the_renewal() -> None:
    """As long as its holder lives, nobody else can take the hour."""
    world, clock = a_world(), Clock()
    lease = a_held_hour(world, clock)

    clock.now = NOW + RENEW_EVERY
    lease.renew()

    assert the_record(world).claimed(NOW + RENEW_EVERY + LEASE - timedelta(microseconds=1))
    assert not the_record(world).claimed(NOW + RENEW_EVERY + LEASE)


def test_of_two_who_found_the_same_hour_free_one_gets_it() -> None:
    """What counts is what was there when they looked, not who writes last."""
    world, clock = a_world(), Clock()
    for found in (None, world.ledger.get(TASK.key, TASK.hour)):
        acquire(world.ledger, found, TASK, "first", clock)
        with pytest.raises(Conflict):
            acquire(world.ledger, found, TASK, "second", clock)

        record = world.ledger.get(TASK.key, TASK.hour)
        assert record is not None
        assert record.value.claim is not None
        assert record.value.claim.id == "first"
        world.ledger.clear()


def test_a_dead_workers_hour_is_free_within_two_minutes() -> None:
    """That is what the design promises; and a live one has two further tries to renew."""
    assert timedelta(seconds=2) * 30 + RENEW_EVERY <= timedelta(minutes=2)
    assert timedelta(minutes=2) >= LEASE >= 3 * RENEW_EVERY


def test_a_holder_whose_lease_ran_out_writes_nothing_any_more() -> None:
    """Even if nobody took the hour yet: somebody may, at any moment."""
    world, clock = a_world(), Clock()
    lease = a_held_hour(world, clock)
    lease.ensure_held()

    clock.now = NOW + LEASE

    with pytest.raises(Conflict):
        lease.ensure_held()


def test_a_holder_who_was_replaced_neither_renews_nor_finishes_nor_fails_the_hour() -> None:
    """The other one's record stays as it is."""
    world, clock = a_world(), Clock()
    lease = a_held_hour(world, clock)
    clock.now = NOW + LEASE
    a_held_hour(world, clock, "theirs")
    theirs = the_record(world)

    lease.renew()
    with pytest.raises(Conflict):
        lease.finish()
    lease.fail(Fault("code", "message", "fix"))
    lease.release()

    assert the_record(world) == theirs


def test_a_renewal_that_fails_in_passing_is_made_good_by_the_next_one() -> None:
    """One lost call does not cost the hour."""
    world, clock = a_world(), Clock()
    lease = a_held_hour(world, clock)
    world.writes.crash_at, world.writes._error = 2, Transient("busy")
    clock.now = NOW + RENEW_EVERY

    lease.renew()
    lease.ensure_held()
    lease.renew()

    assert the_record(world).claimed(NOW + LEASE + timedelta(seconds=1))


def test_the_beat_goes_on_beside_the_work_and_ends_with_it() -> None:
    """Renewals come from a thread of their own, however long the work takes; none comes after it."""
    calls: list[str] = []
    enough = threading.Event()

    def call() -> None:
        calls.append(threading.current_thread().name)
        if len(calls) == 1:
            raise ZeroDivisionError("a beat that fails is no reason to stop beating")
        if len(calls) == 3:
            enough.set()

    with background_heartbeat(timedelta(milliseconds=5))(call):
        assert enough.wait(10)
    counted = len(calls)
    time.sleep(0.05)

    assert len(calls) == counted
    assert set(calls) == {"lease"}


def test_writing_and_renewing_at_once_never_conflict_with_each_other() -> None:
    """Both go through the one holder, in turn."""
    world, clock = a_world(), Clock()
    lease = a_held_hour(world, clock)

    with background_heartbeat(timedelta(microseconds=100))(lease.renew):
        for number in range(300):
            content = HourContent(RowCounts(), (), str(number), None, Provenance())
            lease.write(lambda record, content=content: record.prepared(content, (), ()))  # type: ignore[misc]  # the default binds the loop's content
    lease.finish()

    assert (the_record(world).status, the_record(world).filter_sha256) == (HourStatus.EMPTY, "299")
