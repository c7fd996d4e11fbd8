"""Verifying in the background: steps that are lost, doubled or broken off, and lost findings."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from exporter.domain import transient_failures
from exporter.domain.data_types import DataType
from exporter.domain.destination import Status
from exporter.domain.errors import Fault, Invalid, NotFound, NotPossible, Transient
from exporter.domain.verification import Code, Counts, HourCheck, Verification, VerificationStatus
from exporter.http.verify import verification_view
from exporter.schedule.ledger_view import AsOf
from exporter.storage.own.queues import NoQueue
from exporter.verify import runner
from exporter.verify.findings import decode_findings
from exporter.verify.range import Repair, span_of
from exporter.verify.runner import (
    SHOWN_MAX,
    STALLED,
    STEP_HOURS,
    STEP_TIME,
    StepContext,
    begin_once,
    find_verification,
    id_of_key,
    resend_stalled,
    result,
    take_step,
)
from tests.support.fakes.world import World
from tests.support.fakes.writes import Crash
from tests.support.verifying import Repairs
from tests.support.worlds import EVENTS, HOUR, NOW, SETTLE, a_world, acme, an_event, attempt

# Owed for 50 days, and none of it exported but the last hour.
OLD = acme(activated_at=NOW - timedelta(days=50), org_id=None)
OWED = 50 * 24 + 13


def begun(world: World, *, repair: bool = False, hours: int = OWED) -> Verification:
    """Begin the verification of the last hours."""
    found = world.destinations.all()[0].value
    span = span_of(world.gateways, found, (HOUR.plus(1 - hours), HOUR), None, AsOf(NOW, SETTLE))
    return runner.begin(world.gateways, found, span, repair=repair, now=NOW, new_id="v1")


def an_old_world(world: World | None = None) -> World:
    """Make a world whose last hour alone is exported."""
    world = a_world(OLD, world)
    world.land(EVENTS.stream, HOUR, [an_event(1)])
    attempt(world)
    world.writes.log.clear()
    return world


def stepper(step_id: str = "s1", now: datetime = NOW, repair: Repair | None = None) -> StepContext:
    """Return a worker's context at a fixed time."""
    return StepContext(clock=lambda: now, step_id=step_id, settle=SETTLE, repair=repair or Repairs())


def run(world: World, repair: Repair | None = None) -> int:
    """Take steps until none waits; return how many."""
    steps = 0
    while world.verify_steps.messages:
        steps += 1
        take_step(world.verify_steps.messages.pop(0), world.gateways, stepper(f"s{steps}", repair=repair))
    return steps


def now_of(world: World) -> Verification:
    """Return the verification as it is now."""
    return find_verification(world.gateways.verifications, "acme", "v1")


def test_a_long_span_is_verified_step_by_step() -> None:
    """Every hour once; each step is bounded, and the last one only ends it."""
    world = an_old_world()
    assert begun(world) == now_of(world)

    steps = run(world)
    found = now_of(world)

    assert steps == -(-OWED // STEP_HOURS) + 1
    assert (found.status, found.counts) == (VerificationStatus.SUCCEEDED, Counts(whole=1, wrong=OWED - 1))
    assert (found.finished_at, found.error, found.backfill_id) == (NOW, None, None)
    hours = [each.hour for name in found.found for each in _read(world, name)]
    assert hours == [HOUR.plus(-number) for number in range(OWED - 1, 0, -1)]


def begun_once(world: World, key: str = "k", *, repair: bool = False, hours: int = OWED) -> Verification:
    """Begin the verification of an idempotency key."""
    found = world.destinations.all()[0].value
    span = span_of(world.gateways, found, (HOUR.plus(1 - hours), HOUR), None, AsOf(NOW, SETTLE))
    new_id = id_of_key("acme", key)
    return begin_once(world.gateways, found, span, repair=repair, now=NOW, new_id=new_id)


def test_a_request_that_is_sent_twice_with_a_key_is_one_verification() -> None:
    """Also after its end. Another key is another verification."""
    world = an_old_world()
    first = begun_once(world)
    run(world)

    assert begun_once(world).id == first.id
    assert world.verify_steps.messages == []
    assert begun_once(world, "other").id != first.id


def test_two_requests_at_the_same_time_are_one_verification() -> None:
    """The second one finds none, and cannot write its own any more."""
    world = an_old_world()
    verifications = world.verifications
    first = begun_once(world)
    look, looks = verifications.get, iter([None])
    verifications.get = lambda *key: next(looks, look(*key))  # type: ignore[method-assign]  # the first look is early

    assert begun_once(world) == first


@pytest.mark.parametrize("other", [{"repair": True}, {"hours": OWED - 1}])
def test_a_key_of_another_verification_is_refused(other: dict[str, Any]) -> None:
    """Or the caller believes that it was done."""
    world = an_old_world()
    begun_once(world)

    with pytest.raises(Invalid) as refused:
        begun_once(world, **other)

    assert refused.value.code == "idempotency_key_used"


def _read(world: World, name: str) -> list[HourCheck]:
    pieces = world.gateways.state.read(name)
    assert pieces is not None
    return list(decode_findings(pieces))


def test_an_answer_shows_the_first_hours_that_are_wrong_and_counts_all() -> None:
    """The answer is bounded, the counts are not."""
    world = an_old_world()
    begun(world)

    assert result(world.gateways.state, now_of(world)).wrong == ()
    run(world)
    found = result(world.gateways.state, now_of(world))

    assert (len(found.wrong), found.counts.wrong) == (SHOWN_MAX, OWED - 1)
    assert found.wrong[0].hour == HOUR.plus(1 - OWED)
    assert {finding.code for each in found.wrong for finding in each.findings} == {Code.HOUR_MISSING}


def test_a_repair_has_all_wrong_hours_in_one_backfill() -> None:
    """The backfill has all wrong hours, not only those shown; the answer names it."""
    world, repairs = an_old_world(), Repairs()
    begun(world, repair=True)

    run(world, repairs)

    ((_, hours),) = repairs.hours
    assert hours == [(DataType.EVENTS, HOUR.plus(-number)) for number in range(OWED - 1, 0, -1)]
    assert result(world.gateways.state, now_of(world)).backfill_id == "b-v1"


def test_a_repair_without_wrong_hours_creates_no_backfill() -> None:
    """There is no backfill without hours."""
    world, repairs = an_old_world(), Repairs()
    begun(world, repair=True, hours=1)

    run(world, repairs)

    assert (now_of(world).status, repairs.hours) == (VerificationStatus.SUCCEEDED, [])


def test_a_repair_that_is_refused_ends_the_verification_with_the_reason() -> None:
    """What was found is kept."""
    world = an_old_world()
    begun(world, repair=True)

    def refuse(*_: object) -> str:
        raise NotPossible("too_many", "There are too many backfills.")

    run(world, refuse)

    found = now_of(world)
    assert (found.status, found.error and found.error.code) == (VerificationStatus.FAILED, "too_many")
    assert found.counts.wrong == OWED - 1


def test_a_step_that_comes_twice_is_taken_once() -> None:
    """The second delivery changes nothing and sends nothing."""
    world = an_old_world()
    first = begun(world).next_step
    take_step(first, world.gateways, stepper("s1"))
    after = now_of(world)

    take_step(first, world.gateways, stepper("s2"))

    assert now_of(world) == after
    assert world.verify_steps.messages == [first, after.next_step]


def test_of_two_workers_that_take_a_step_at_the_same_time_one_wins() -> None:
    """The other worker meets a conflict: hours are counted once, and one next step is sent."""
    world = an_old_world()
    first = begun(world).next_step
    world.verify_steps.messages.clear()
    puts = world.gateways.state.put

    class Slow:
        """Lets a rival take the step just before the findings are kept."""

        def __init__(self) -> None:
            self.done = False

        def __getattr__(self, name: str) -> object:
            return getattr(world.gateways.state, name)

        def put(self, name: str, pieces: object) -> None:
            """Keep the findings, after the rival has."""
            if not self.done:
                self.done = True
                take_step(first, world.gateways, stepper("rival"))
            puts(name, pieces)  # type: ignore[arg-type]  # passed on

    take_step(first, replace(world.gateways, state=Slow()), stepper("slow"))  # type: ignore[arg-type]  # as above

    found = now_of(world)
    assert found.counts.checked == STEP_HOURS
    assert world.verify_steps.messages == [found.next_step]
    assert [name.rpartition("-")[2] for name in found.found] == ["rival.json"]
    run(world)
    assert world.own.names("acme/verifications/v1/") == list(now_of(world).found)


def test_findings_of_a_slower_attempt_are_deleted_even_if_the_worker_that_ended_it_died() -> None:
    """The second delivery of its last step deletes them."""
    world = an_old_world()
    begun(world)
    run(world)
    world.own.set("acme/verifications/v1/slower.json", b"{}")

    take_step(now_of(world).next_step, world.gateways, replace(stepper(), redelivered=True))

    assert world.own.names("acme/verifications/v1/") == list(now_of(world).found)


def test_a_step_that_takes_long_ends_after_a_minute_and_the_next_goes_on() -> None:
    """A step that has not ended after some minutes is therefore lost."""
    world = an_old_world()
    begun(world)
    seconds = count()
    slow = replace(stepper(), clock=lambda: NOW + timedelta(seconds=next(seconds)))

    for step in world.verify_steps.messages[:1]:
        take_step(step, world.gateways, slow)

    checked = now_of(world).counts.checked
    assert 0 < checked <= STEP_TIME.total_seconds()
    run(world)
    assert now_of(world).counts.checked == OWED


def test_a_verification_that_has_stalled_is_sent_again() -> None:
    """Its message was lost or its worker died; a verification that moves or has ended is not sent."""
    world = an_old_world()
    step = begun(world).next_step
    world.verify_steps.messages.clear()

    assert resend_stalled(world.gateways, NOW + STALLED - timedelta(seconds=1)) == 0
    assert resend_stalled(world.gateways, NOW + STALLED) == 1
    assert world.verify_steps.messages == [step]
    run(world)
    assert resend_stalled(world.gateways, NOW + 2 * STALLED) == 0


# Begun with two, two steps of three each, and the end.
WRITES = 9


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("write", range(1, WRITES + 1))
def test_a_verification_ends_whenever_its_worker_dies(write: int, moment: str) -> None:
    """Its worker dies before or after any write; a tick sends the step again, and every hour counts once."""
    world = an_old_world()
    hours = 2 * STEP_HOURS - 10
    world.writes.crash_at = write
    world.writes._moment = moment
    for _ in range(3):
        try:
            if world.verifications.get("acme", "v1") is None:
                begun(world, hours=hours)
            resend_stalled(world.gateways, NOW + STALLED)
            run(world)
        except Crash:
            continue

    found = now_of(world)
    assert (found.status, found.counts) == (VerificationStatus.SUCCEEDED, Counts(whole=1, wrong=hours - 1))
    assert len(result(world.gateways.state, found).wrong) == hours - 1


def test_a_storage_that_refuses_ends_it_with_what_to_do() -> None:
    """The customer has to repair it; earlier findings are kept."""
    world = an_old_world()
    begun(world)
    world.reader().faults["list"] = Fault("container_not_found", "gone", "create it")

    run(world)

    found = now_of(world)
    assert (found.status, found.error) == (VerificationStatus.FAILED, world.reader().faults["list"])


def test_a_transient_failure_is_tried_again_and_a_bug_ends_the_verification() -> None:
    """A step that can never be taken is not tried for ever."""
    world = an_old_world()
    step = begun(world).next_step

    class Broken:
        """Raises when it is listed."""

        def __init__(self, error: Exception) -> None:
            self.error = error

        def between(self, *_: object) -> object:
            """Raise."""
            raise self.error

        states = between

    passing = replace(world.gateways, ledger=Broken(Transient("busy")))  # type: ignore[arg-type]  # no other call is made
    with pytest.raises(Transient):
        take_step(step, passing, stepper())
    assert not now_of(world).ended

    take_step(step, replace(world.gateways, ledger=Broken(ValueError("corrupt"))), stepper())  # type: ignore[arg-type]  # as above
    error = now_of(world).error
    assert error is not None
    assert (error.code, "v1" in error.fix) == ("internal_error", True)


def test_the_second_delivery_of_a_step_sends_the_next_one() -> None:
    """The second delivery sends the next step, without waiting for a tick."""
    world = an_old_world()
    step = begun(world).next_step
    take_step(step, world.gateways, stepper())
    world.verify_steps.messages.clear()

    take_step(step, world.gateways, stepper())
    assert world.verify_steps.messages == []
    take_step(step, world.gateways, replace(stepper(), redelivered=True))

    assert world.verify_steps.messages == [now_of(world).next_step]
    run(world)
    assert now_of(world).status is VerificationStatus.SUCCEEDED
    take_step(step, world.gateways, replace(stepper(), redelivered=True))
    assert world.verify_steps.messages == []


def test_a_clock_that_is_ahead_does_not_keep_a_verification_waiting() -> None:
    """The age of a time in the future is unknown."""
    world = an_old_world()
    step = begun(world).next_step
    world.verify_steps.messages.clear()

    assert resend_stalled(world.gateways, NOW - timedelta(seconds=1)) == 1
    assert world.verify_steps.messages == [step]


def test_a_stored_verification_is_answered_though_its_step_cannot_be_sent() -> None:
    """A tick sends it."""
    world = an_old_world()

    class Busy(NoQueue):
        """Takes no message."""

        def send(self, *_: object, **__: object) -> None:
            """Fail in passing."""
            raise Transient("the queue is busy")

    found = world.destinations.all()[0].value
    span = span_of(world.gateways, found, (HOUR.plus(-10), HOUR), None, AsOf(NOW, SETTLE))
    busy = replace(world.gateways, verify_steps=Busy())
    runner.begin(busy, found, span, repair=False, now=NOW, new_id="v1")

    assert resend_stalled(world.gateways, NOW + STALLED) == 1


@pytest.mark.parametrize("damaged", [None, b"{}"])
def test_findings_that_are_lost_end_a_repair_with_an_error(damaged: bytes | None) -> None:
    """A partial repair without an error would look complete."""
    world, repairs = an_old_world(), Repairs()
    begun(world, repair=True)
    take_step(world.verify_steps.messages.pop(0), world.gateways, stepper())
    (name,) = now_of(world).found
    del world.own.committed[name]
    if damaged is not None:
        world.own.set(name, damaged)

    run(world, repairs)

    found = now_of(world)
    assert (found.status, found.error and found.error.code) == (VerificationStatus.FAILED, "findings_lost")
    assert repairs.hours == []


def test_findings_that_are_lost_later_are_shown_in_the_result() -> None:
    """Counts with fewer wrong hours than they say would look complete."""
    world = an_old_world()
    begun(world)
    run(world)
    found = now_of(world)
    del world.own.committed[found.found[1]]

    shown = result(world.gateways.state, found)

    assert (shown.lost, len(shown.wrong)) == (True, STEP_HOURS)
    error = verification_view(found, shown)["error"]
    assert (error and error["code"], verification_view(found, replace(shown, lost=False))["error"]) == (
        "findings_lost",
        None,
    )


def test_a_step_that_fails_in_passing_for_hours_is_told_and_ends_the_verification() -> None:
    """Its reason is shown from the third failure on; a step that succeeds resets the count."""
    world = an_old_world()
    step = begun(world).next_step

    class Busy:
        """Fails in passing at every call."""

        def __getattr__(self, name: str) -> object:
            def fail(*_: object) -> object:
                raise Transient("our own storage is busy: 503 ServerBusy")

            return fail

    busy = replace(world.gateways, ledger=Busy())  # type: ignore[arg-type]  # no other call is made
    shown = []
    for _ in range(transient_failures.SHOWN_MIN):
        with pytest.raises(Transient):
            take_step(step, busy, stepper())
        shown.append(now_of(world).error)
    assert [each is not None for each in shown] == [False] * (transient_failures.SHOWN_MIN - 1) + [True]
    take_step(step, world.gateways, stepper())
    assert (now_of(world).error, now_of(world).transient_failures) == (None, 0)

    moment, times = NOW, 0
    while not now_of(world).ended:
        moment += timedelta(minutes=1)
        times += 1
        with pytest.raises(Transient):
            take_step(now_of(world).next_step, busy, stepper(now=moment))

    error = now_of(world).error
    assert (error and error.code, now_of(world).status) == (
        "keeps_failing_in_passing",
        VerificationStatus.FAILED,
    )
    assert moment - NOW == transient_failures.FAILED_TIME_MIN
    assert times >= transient_failures.FAILED_MIN


def test_a_destination_that_is_deleted_meanwhile_ends_it() -> None:
    """Its error says that the destination was deleted."""
    world = an_old_world()
    begun(world)
    found = world.destinations.get("acme")
    assert found is not None
    world.destinations.put(replace(found.value, status=Status.DELETED), found.etag)

    run(world)

    error = now_of(world).error
    assert error is not None
    assert error.code == "destination_deleted"


def test_there_is_no_verification_that_was_not_begun() -> None:
    """A step of an unknown verification is void."""
    world = an_old_world()

    with pytest.raises(NotFound, match="no such verification"):
        find_verification(world.gateways.verifications, "acme", "v1")
    take_step(replace(begun(world).next_step, verification_id="v2"), world.gateways, stepper())
