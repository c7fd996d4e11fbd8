"""Backfills from the request to the end, with lost messages, dead workers and clocks that are apart."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.backfill.lifecycle import retry
from exporter.backfill.runner import take_step
from exporter.backfill.step import RESEND_STEPS
from exporter.domain import transient_failures
from exporter.domain.backfill import BackfillStatus
from exporter.domain.breaker import OUTAGE_FAULTS
from exporter.domain.claims import LEASE, RENEW_EVERY
from exporter.domain.errors import Conflict, Fault, Transient
from exporter.domain.hour import hours_between
from exporter.domain.hour_record import HourRecord, HourStatus
from exporter.domain.hour_task import HourTask
from exporter.domain.work_item import WRITTEN_FOR_MAX
from tests.support.backfill_life import (
    ONLY_EVENTS,
    ROUNDS_MAX,
    SKEWS,
    THREE_HOURS,
    ClocksApart,
    a_life,
    an_exported_life,
    expected,
    export,
    uuids,
)
from tests.support.fakes.world import World
from tests.support.fakes.writes import Crash
from tests.support.worlds import EVENTS, HOUR, an_event, attempt, the_container, the_record


def test_the_hours_of_a_range_are_exported_again_and_replace_what_is_there() -> None:
    """Files that are not needed any more are deleted, and no row is there twice."""
    life = a_life(ONLY_EVENTS)
    export(life, hours_between(HOUR.plus(-2), HOUR))
    life.world.land(EVENTS.stream, HOUR, [an_event(7)])
    life.now += timedelta(minutes=1)

    life.request(replace(THREE_HOURS, allow_loss=True))
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]

    assert uuids(life.world) == expected(0, 7)
    found, progress = life.backfill(), life.progress()
    assert (progress.tally.done, progress.tally.empty, progress.failed, progress.left) == (2, 1, (), 0)
    assert (progress.tally.rows, progress.tally.fresh) == (2, 3)
    parts = [blob for name, blob in the_container(life.world).items() if name.endswith(".gz")]
    assert progress.tally.bytes == sum(map(len, parts))
    assert (found.error, found.clamped) == (None, False)
    assert the_record(life.world).work.requested_by == "backfill:b1"


def test_an_hour_that_another_worker_is_exporting_is_waited_for() -> None:
    """The backfill exports it afterwards."""
    life = a_life(ONLY_EVENTS)
    task = HourTask(EVENTS, HOUR)
    life.world.ledger.put(HourRecord(EVENTS, HOUR).claimed_by("other", "schedule", life.now), None)
    life.request()
    life.step()

    life.deliver()
    assert the_record(life.world).work.attempts == 1
    assert [put_off for put_off, _ in life.world.backfill_hours.delayed] == [
        replace(task, requested_by="backfill:b1")
    ]

    life.now += LEASE
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]
    assert the_record(life.world).work.attempts == 2


def test_a_backfill_that_loses_a_race_for_an_hour_looks_again() -> None:
    """Its message is delayed: the hour is exported after the faster worker has finished."""
    life = a_life(ONLY_EVENTS)
    etag = life.world.ledger.put(HourRecord(EVENTS, HOUR), None)
    life.request()
    life.step()
    task = life.world.backfill_hours.take()[-1]

    def meanwhile() -> None:
        life.world.writes.after = None
        life.world.ledger.put(HourRecord(EVENTS, task.hour).claimed_by("faster", "schedule", life.now), etag)

    # It notes the hour, having found it free, and then takes it.
    life.world.writes.after = meanwhile
    with pytest.raises(Conflict):
        attempt(life.world, life.now, task=task)

    assert life.world.backfill_hours.delayed == [(task, RENEW_EVERY)]


def test_two_backfills_of_the_same_hours_both_end() -> None:
    """An hour that is exported for the later backfill is done for the earlier one, too."""
    life = a_life(ONLY_EVENTS)
    export(life, hours_between(HOUR.plus(-2), HOUR))
    life.now += timedelta(minutes=1)
    life.request()
    life.now += timedelta(minutes=1)
    life.request(name="b2")

    assert life.until_ended("b1", "b2") == [BackfillStatus.SUCCEEDED] * 2

    assert uuids(life.world) == expected(0, 2)
    assert the_record(life.world).work.attempts <= 3


def test_more_backfills_of_an_hour_than_its_record_names_all_end() -> None:
    """A backfill that falls out of the list has the hour exported once more, and then ends."""
    life = a_life(ONLY_EVENTS)
    names = [f"b{number}" for number in range(WRITTEN_FOR_MAX + 10)]
    for name in names:
        life.request(replace(THREE_HOURS, first=HOUR), name)

    assert life.until_ended(*names) == [BackfillStatus.SUCCEEDED] * len(names)
    assert the_record(life.world).work.attempts <= 2 * len(names)
    assert uuids(life.world) == expected(0, 2)


@pytest.mark.parametrize("workers", SKEWS)
@pytest.mark.parametrize("steps", SKEWS)
@pytest.mark.parametrize("api", SKEWS)
def test_clocks_that_are_apart_cost_no_second_export(
    api: timedelta, steps: timedelta, workers: timedelta
) -> None:
    """An hour is done because it was exported for the backfill, whatever the worker's clock said."""
    life = a_life(ONLY_EVENTS)
    export(life, hours_between(HOUR.plus(-2), HOUR))
    life.now += timedelta(hours=1)
    hosts = ClocksApart(life, api, steps, workers)

    hosts.request(THREE_HOURS)
    assert hosts.run().status is BackfillStatus.SUCCEEDED
    assert (hosts.exports, hosts.seconds) == (3, 4)

    life.now += timedelta(seconds=10)
    hosts.request(THREE_HOURS, "b2")
    assert hosts.run("b2").status is BackfillStatus.SUCCEEDED
    assert hosts.exports == 6
    assert life.progress("b2").left == 0


@pytest.mark.parametrize("workers", SKEWS)
@pytest.mark.parametrize("api", SKEWS)
def test_clocks_that_are_apart_tell_no_failure_of_before_from_one_of_now(
    api: timedelta, workers: timedelta
) -> None:
    """A retry repeats hours that failed just before it; an hour that fails afterwards has failed."""
    life = a_life(ONLY_EVENTS)
    hosts = ClocksApart(life, api, timedelta(), workers)
    refusal = Fault("blob_leased", "A blob is leased.", "End the lease.")
    life.world.reader().faults["write"] = refusal
    hosts.request(replace(THREE_HOURS, first=HOUR))
    assert hosts.run().status is BackfillStatus.FAILED
    assert [each.error for each in life.backfill().failed] == [refusal]

    retry(life.world.gateways, "acme", "b1", now=life.now + api)
    assert hosts.run().status is BackfillStatus.FAILED

    life.world.reader().faults.clear()
    retry(life.world.gateways, "acme", "b1", now=life.now + api)
    assert hosts.run().status is BackfillStatus.SUCCEEDED
    assert hosts.exports == 1


def test_hours_whose_messages_a_dead_host_hides_do_not_keep_two_backfills_waiting() -> None:
    """The queue counts hidden messages for ten minutes; the hours are queued again sooner."""
    life = a_life(ONLY_EVENTS)
    export(life, hours_between(HOUR.plus(-2), HOUR))
    life.now += timedelta(hours=1)
    hosts = ClocksApart(life, timedelta(seconds=170), timedelta(), timedelta())
    hosts.request(THREE_HOURS)
    hosts.request(THREE_HOURS, "b2")
    for step in life.world.backfill_steps.take():
        take_step(step, life.world.gateways, life.now)
    hidden = life.world.backfill_hours.take()
    life.world.backfill_hours.delayed = [(task, timedelta(minutes=10)) for task in hidden]

    assert hosts.run().status is BackfillStatus.SUCCEEDED
    assert hosts.run("b2").status is BackfillStatus.SUCCEEDED
    assert hosts.seconds <= 2 * (RESEND_STEPS + 5)


def test_an_hour_that_would_lose_rows_stays_as_it_is_until_they_are_back_or_the_loss_is_accepted() -> None:
    """The export refuses it, the backfill names it, and its files stay in the container all the time."""
    life = an_exported_life()
    (name,) = life.world.landed.names(EVENTS.stream.landing_folder(HOUR))
    landed = life.world.landed.committed.pop(name)
    before = the_container(life.world)

    life.request()
    assert life.until_ended() == [BackfillStatus.FAILED]
    assert [(each.hour, each.error.code) for each in life.backfill().failed] == [(HOUR, "landing_incomplete")]
    assert (life.progress().left, the_container(life.world)) == (0, before)
    assert the_record(life.world).status is HourStatus.EXPORTED

    life.world.landed.committed[name] = landed
    retry(life.world.gateways, "acme", "b1", now=life.now)
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]

    del life.world.landed.committed[name]
    life.request(replace(THREE_HOURS, allow_loss=True), "b2")
    assert life.until_ended("b2") == [BackfillStatus.SUCCEEDED]
    assert uuids(life.world) == expected(0)


def test_an_hour_is_named_with_its_latest_reason_not_with_one_that_has_gone() -> None:
    """Storage is away, and an hour fails. It comes back: the hour is tried again, and refused."""
    life, first = an_exported_life(), HOUR.plus(-2)
    (name,) = life.world.landed.names(EVENTS.stream.landing_folder(first))
    del life.world.landed.committed[name]
    faults = life.world.reader().faults
    faults["read"] = Fault("unreachable", "It did not answer.", "Look at its network.")
    life.request()
    while life.world.breakers.get("acme").faults < OUTAGE_FAULTS:
        life.pass_time()
    assert {each.error.code for each in life.backfill().failed} == {"unreachable"}

    faults.clear()

    assert life.until_ended() == [BackfillStatus.FAILED]
    failed = [(each.hour, each.error.code) for each in life.backfill().failed]
    assert failed == [(first, "landing_incomplete")]


def test_a_landing_blob_that_cannot_be_read_for_hours_ends_a_backfill() -> None:
    """Each attempt at its hour fails in passing; the hour stays as it was, and is named meanwhile."""
    life = an_exported_life()
    real = life.world.gateways.landing

    class Broken:
        """Lists what landed, and cannot read any of it."""

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

        def read(self, _: object) -> object:
            """Fail in passing."""
            raise Transient("our own storage is busy: 503 ServerBusy")

        def reading(self, _: object) -> object:
            """Return what fails in passing."""
            return self.read

    object.__setattr__(life.world.gateways, "landing", Broken())
    life.request(replace(THREE_HOURS, first=HOUR))
    named: list[list[str]] = []
    begun_at = life.now
    while not life.backfill().ended and len(named) < ROUNDS_MAX:
        life.pass_time()
        named.append([each.error.code for each in life.progress().struggling])

    assert named[:2] == [[], []]
    assert ["keeps_failing_in_passing"] in named[2:5]
    assert life.now - begun_at <= transient_failures.FAILED_TIME_MIN + timedelta(minutes=5)
    assert life.backfill().status is BackfillStatus.FAILED
    assert [each.error.code for each in life.backfill().failed] == ["keeps_failing_in_passing"]
    assert uuids(life.world) == expected(0, 2)


def test_whoever_dies_whenever_the_backfill_comes_to_its_end() -> None:
    """The worker dies at every write in turn, before and after it; no reader sees a row twice."""
    undisturbed = a_backfill(None, "before")
    assert undisturbed > 30
    for write in range(1, undisturbed + 1):
        for moment in ("before", "after"):
            a_backfill(write, moment)


def a_backfill(write: int | None, moment: str) -> int:
    """Run a backfill in which that write is the last of its worker; return how many writes there were."""
    world = World(moment=moment)
    life = a_life(ONLY_EVENTS, world)
    export(life, hours_between(HOUR.plus(-2), HOUR))
    life.tick()
    life.deliver()
    world.land(EVENTS.stream, HOUR, [an_event(7)])
    life.now += timedelta(minutes=1)
    world.writes.log.clear()
    world.writes.crash_at = write
    twice = []

    def look() -> None:
        found = uuids(world)
        if len(found) != len(set(found)):
            twice.append(world.writes.log[-1])

    world.writes.after = look
    for _ in range(3):
        try:
            life.request(replace(THREE_HOURS, allow_loss=True))
            break
        except Conflict:
            # The request came through before its worker died.
            break
        except Crash:
            continue
    for _ in range(ROUNDS_MAX):
        try:
            if life.until_ended() == [BackfillStatus.SUCCEEDED]:
                break
        except Crash:
            continue
    writes = len(world.writes.log)
    assert uuids(world) == expected(0, 7), (write, moment)
    assert twice == [], (write, moment)
    assert life.progress().left == 0, (write, moment)
    assert len(world.markers_a_reader_sees(prefix=f"187520_{HOUR.date}")) == 13
    return writes
