"""Running a backfill: steps that are lost, doubled or broken off, and destinations that wait."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.backfill.lifecycle import retry
from exporter.backfill.runner import resend_stalled, take_step
from exporter.domain import transient_failures
from exporter.domain.backfill import STALLED, BackfillStatus
from exporter.domain.breaker import Breaker
from exporter.domain.clocks import CLOCKS_APART_MAX
from exporter.domain.destination import Status
from exporter.domain.errors import Fault, Transient
from tests.support.backfill_life import (
    ONLY_EVENTS,
    SKEWS,
    THREE_HOURS,
    ClocksApart,
    a_life,
    expected,
    uuids,
)
from tests.support.fakes.writes import Crash
from tests.support.worlds import (
    NOW,
    acme,
)


def test_a_paused_destination_keeps_its_backfill_waiting() -> None:
    """It shows why, and continues when the destination is resumed and its storage accepts files."""
    life = a_life(acme(org_id=None, status=Status.PAUSED))
    life.request()
    for _ in range(10):
        life.pass_time()
    waiting = life.backfill()
    assert (waiting.status, waiting.error and waiting.error.code) == (
        BackfillStatus.QUEUED,
        "destination_not_active",
    )
    assert life.world.backfill_hours.waiting() == 0

    found = life.world.destinations.get("acme")
    assert found is not None
    life.world.destinations.put(ONLY_EVENTS, found.etag)
    fault = Fault("container_not_found", "", "")
    life.world.breakers.put("acme", Breaker().record_failure(fault, life.now))
    life.step()
    assert life.world.backfill_hours.waiting() == 0
    refused = life.backfill().error
    assert refused is not None
    assert refused.code == "destination_failing"

    assert life.until_ended() == [BackfillStatus.SUCCEEDED]
    assert life.backfill().error is None


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"status": Status.DELETED}, BackfillStatus.CANCELLED, "destination_deleted"),
        ({"project_id": 1}, BackfillStatus.FAILED, "source_changed"),
    ],
)
def test_a_backfill_ends_when_its_destination_is_deleted_or_redirected(
    changed: dict[str, object], status: BackfillStatus, code: str
) -> None:
    """Its error says why."""
    life = a_life(ONLY_EVENTS)
    life.request()
    found = life.world.destinations.get("acme")
    assert found is not None
    life.world.destinations.put(replace(ONLY_EVENTS, **changed), found.etag)  # type: ignore[arg-type]  # names of fields

    life.step()

    ended = life.backfill()
    assert (ended.status, ended.error and ended.error.code) == (status, code)


def test_a_step_that_is_lost_is_sent_again_by_a_tick() -> None:
    """A step that may be in progress is not sent again."""
    life = a_life(ONLY_EVENTS)
    life.request()
    (step,) = life.world.backfill_steps.take()
    life.now += STALLED - timedelta(seconds=1)
    assert resend_stalled(life.world.gateways, life.now) == 0

    life.now += timedelta(seconds=1)

    assert resend_stalled(life.world.gateways, life.now) == 1
    assert life.world.backfill_steps.messages == [step]
    life.until_ended()
    life.now += STALLED
    assert resend_stalled(life.world.gateways, life.now) == 0


def test_a_step_that_comes_twice_is_taken_once() -> None:
    """There is one chain of steps, however many messages are doubled."""
    life = a_life(ONLY_EVENTS)
    life.request()
    (step,) = life.world.backfill_steps.take()

    taken = [take_step(step, life.world.gateways, life.now) for _ in range(3)]

    assert [each is not None for each in taken] == [True, False, False]
    assert len(life.world.backfill_steps.messages) == 1
    assert life.world.backfill_hours.waiting() == 3


def test_of_two_workers_that_take_a_step_at_the_same_time_one_sends_the_next() -> None:
    """Hours are queued twice, which does no harm."""
    life = a_life(ONLY_EVENTS)
    life.request()
    (step,) = life.world.backfill_steps.take()
    rivals = [step]

    def meanwhile() -> None:
        if rivals:
            take_step(rivals.pop(), life.world.gateways, life.now + timedelta(seconds=1))

    life.world.writes.after = meanwhile
    assert take_step(step, life.world.gateways, life.now) is None

    assert len(life.world.backfill_steps.messages) == 1
    life.world.writes.after = None
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]
    assert uuids(life.world) == expected(0, 2)


@pytest.mark.parametrize("steps", SKEWS)
def test_a_step_that_was_never_sent_is_sent_by_a_tick_whatever_its_clock_says(steps: timedelta) -> None:
    """At the latest after the time that clocks may be apart, and one more tick."""
    life = a_life(ONLY_EVENTS)
    hosts = ClocksApart(life, timedelta(seconds=300), steps, timedelta())
    hosts.request(THREE_HOURS)
    life.world.backfill_steps.take()

    assert hosts.run().status is BackfillStatus.SUCCEEDED
    assert hosts.seconds <= (STALLED + CLOCKS_APART_MAX + timedelta(minutes=5)).total_seconds()


def test_the_second_delivery_of_a_step_sends_the_next_one() -> None:
    """The second delivery sends the next step, without waiting for a tick."""
    life = a_life(ONLY_EVENTS)
    life.request()
    (step,) = life.world.backfill_steps.take()
    life.world.writes.crash_at = len(life.world.writes.log) + 5
    life.world.writes._error = Transient("the queue is busy")

    with pytest.raises(Transient):
        take_step(step, life.world.gateways, life.now)
    assert life.backfill().step == 1
    assert life.world.backfill_steps.messages == []
    assert take_step(step, life.world.gateways, life.now) is None
    assert life.world.backfill_steps.messages == []

    assert take_step(step, life.world.gateways, life.now, redelivered=True) is None
    assert life.world.backfill_steps.messages == [life.backfill().next_step]
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]


def test_the_end_is_notified_although_the_worker_that_found_it_died() -> None:
    """The second delivery of the last step sends the notification, which may be sent twice."""
    life = a_life(ONLY_EVENTS)
    life.request()
    life.step()
    life.deliver()
    (step,) = life.world.backfill_steps.take()
    world = life.world

    def dies() -> None:
        if life.backfill().ended:
            raise Crash

    world.writes.after = dies
    with pytest.raises(Crash):
        take_step(step, world.gateways, life.now)
    world.writes.after = None
    assert (
        world.notifications.messages == []
        or world.notifications.messages[-1].notification.kind != "backfill_ended"
    )

    take_step(step, world.gateways, life.now, redelivered=True)

    assert world.notifications.messages[-1].notification.kind == "backfill_ended"


def test_a_step_that_cannot_be_taken_ends_the_backfill_with_an_error() -> None:
    """A row that cannot be read raises each time; the backfill ends instead of trying for ever."""
    life = a_life(ONLY_EVENTS)
    life.request()
    (step,) = life.world.backfill_steps.take()

    class Unreadable:
        """Raises what a gateway does whose row was damaged."""

        def between(self, *_: object) -> object:
            """Raise."""
            raise ValueError("table ledger, row acme, column status: unknown")

    broken = replace(life.world.gateways, ledger=Unreadable())  # type: ignore[arg-type]  # no other call is made
    take_step(step, broken, life.now)

    found = life.backfill()
    assert (found.status, found.error and found.error.code) == (BackfillStatus.FAILED, "internal_error")
    assert life.progress().left == 3
    retry(life.world.gateways, "acme", "b1", now=life.now)
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]


def test_a_step_that_fails_in_passing_is_shown_and_ends_the_backfill_after_hours() -> None:
    """Other calls to our own storage may succeed all the time."""
    life = a_life(ONLY_EVENTS)
    life.request()
    (step,) = life.world.backfill_steps.take()

    class Busy:
        """Fails in passing each time."""

        def between(self, *_: object) -> object:
            """Raise."""
            raise Transient("our own storage is busy: 503 ServerBusy")

    busy = replace(life.world.gateways, ledger=Busy())  # type: ignore[arg-type]  # as above
    shown = []
    while not life.backfill().ended:
        with pytest.raises(Transient):
            take_step(step, busy, life.now)
        shown.append(life.backfill().error)
        life.now += timedelta(minutes=1)

    assert shown[: transient_failures.SHOWN_MIN - 1] == [None] * (transient_failures.SHOWN_MIN - 1)
    assert all(
        each is not None and "503 ServerBusy" in each.message
        for each in shown[transient_failures.SHOWN_MIN :]
    )
    assert life.now - NOW == transient_failures.FAILED_TIME_MIN + timedelta(minutes=1)
    assert life.backfill().status is BackfillStatus.FAILED
    assert life.world.notifications.messages[-1].notification.kind == "backfill_ended"
