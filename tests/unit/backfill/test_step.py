"""One step of a backfill: which hours it counts, and which it queues."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.backfill.lifecycle import retry
from exporter.backfill.progress import WINDOW_HOURS
from exporter.backfill.requests import BackfillRequest
from exporter.backfill.step import RESEND_STEPS, STEP_HOURS_MAX, WAITING_MAX
from exporter.domain import transient_failures
from exporter.domain.backfill import FAILED_MAX, BackfillStatus
from exporter.domain.breaker import WAIT_FIRST, Breaker
from exporter.domain.errors import Fault
from exporter.domain.hour import Hour, hours_between
from exporter.domain.hour_record import (
    HourRecord,
    HourTask,
    Refusal,
)
from exporter.domain.transient_failures import keeps_failing
from tests.support.backfill_life import (
    DAY,
    FIRST,
    LAST,
    ONLY_EVENTS,
    TEN_YEARS,
    Life,
    a_life,
    an_exported_life,
    fail,
)
from tests.support.worlds import (
    EVENTS,
    HOUR,
    NOW,
    attempt,
    the_record,
)


def test_a_step_is_bounded_and_so_is_the_queue() -> None:
    """Ten years of hours wait in one table row, not in the queue."""
    life = a_life(ONLY_EVENTS)
    life.request(TEN_YEARS)
    waiting = []

    for _ in range(4):
        life.step()
        waiting.append(life.world.backfill_hours.waiting())

    assert waiting == [STEP_HOURS_MAX, WAITING_MAX, WAITING_MAX, WAITING_MAX]
    assert life.backfill().queued_before == Hour.parse("2016-01-31T00").plus(WAITING_MAX)
    assert life.progress().left == life.backfill().total


def test_the_next_hours_are_queued_as_the_first_are_done() -> None:
    """They are queued oldest first; hours that are done are counted, and not read again."""
    life = a_life(ONLY_EVENTS)
    life.request(BackfillRequest("2025-12-01", "2026-01-30", Hour.parse("2025-12-01T00"), LAST))
    life.step()
    first = [task.hour for task in life.deliver(60)]

    life.step()

    assert first == list(hours_between(Hour.parse("2025-12-01T00"), Hour.parse("2025-12-03T11")))
    assert life.backfill().done_before == Hour.parse("2025-12-03T12")
    assert life.backfill().tally.empty == 60
    assert life.world.backfill_hours.waiting() == 140
    life.until_ended()
    assert life.progress().tally.empty == life.backfill().total == 61 * 24


def test_its_pace_and_its_end_are_estimated() -> None:
    """Both are computed from the hours finished since it started."""
    life = a_life(ONLY_EVENTS)
    life.request(BackfillRequest(DAY, DAY, FIRST, LAST))
    life.step()
    life.deliver(8)
    assert life.progress().hours_per_minute == 8 * 60

    life.now += timedelta(minutes=4)

    progress = life.progress()
    assert (progress.left, progress.hours_per_minute) == (16, 2)
    assert progress.estimated_finish_at == life.now + timedelta(minutes=8)


def test_live_hours_do_not_wait_behind_it() -> None:
    """They have another queue and another function."""
    life = a_life(ONLY_EVENTS)
    life.request(TEN_YEARS)
    life.step()

    life.tick()

    live = life.world.hours.take()
    assert [task.hour for task in live][-1] == HOUR
    assert {task.requested_by for task in live} == {"schedule"}
    assert {task.requested_by for task in life.world.backfill_hours.take()} == {"backfill:b1"}


def test_an_hour_that_fails_is_done_after_its_back_off_while_others_are_exported() -> None:
    """If it is done before the others, no retry is needed."""
    life = a_life(ONLY_EVENTS)
    life.request(BackfillRequest("2026-01-01", DAY, Hour.parse("2026-01-01T00"), LAST))
    life.step()
    first = life.world.backfill_hours.messages.pop(0)
    life.world.reopened.remember(first)
    fail(life, first.hour)
    life.step()
    assert [each.hour for each in life.progress().failed] == [first.hour]

    assert life.until_ended() == [BackfillStatus.SUCCEEDED]
    assert life.progress().tally.hours == 30 * 24


def test_what_failed_while_the_storage_was_out_is_done_when_it_is_back() -> None:
    """A failure does not count once the storage has recovered."""
    life = a_life(ONLY_EVENTS)
    life.request()
    life.step()
    life.world.backfill_hours.take()
    fail(life, HOUR)
    life.now += timedelta(minutes=1)
    life.world.breakers.put("acme", Breaker(healed_at=life.now))

    assert life.until_ended() == [BackfillStatus.SUCCEEDED]


def test_steps_are_not_taken_without_a_pause_while_only_failed_hours_are_tried_again() -> None:
    """A step costs writes, and finds nothing new at once."""
    life = a_life(ONLY_EVENTS)
    life.request()
    life.step()
    fail(life, life.world.backfill_hours.messages.pop(0).hour)
    life.step()
    life.deliver()
    life.now += timedelta(minutes=1)
    life.world.breakers.put("acme", Breaker(healed_at=life.now))
    life.step()

    assert life.backfill().done_before > life.backfill().last
    assert not life.backfill().ended
    assert life.world.writes.log[-1].endswith("in 0:00:02")
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]


def test_a_backfill_of_which_too_much_fails_stops() -> None:
    """Its error says so, and a retry continues it."""
    life = a_life(ONLY_EVENTS)
    life.request(BackfillRequest("2026-01-01", DAY, Hour.parse("2026-01-01T00"), LAST))
    for _ in range(2):
        life.step()
        for task in life.world.backfill_hours.take():
            fail(life, task.hour)
    life.step()

    found = life.backfill()
    assert (found.status, found.error and found.error.code) == (
        BackfillStatus.FAILED,
        "too_many_failed_hours",
    )
    assert len(found.failed) == FAILED_MAX
    life.now += timedelta(minutes=1)
    retry(life.world.gateways, "acme", "b1", now=life.now)
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]


def test_hours_whose_messages_are_lost_are_queued_again() -> None:
    """At once when the queue is empty; after some steps when other backfills keep it full."""
    life = a_life(ONLY_EVENTS)
    life.request()
    life.step()
    lost = life.world.backfill_hours.take()

    life.step()
    assert life.world.backfill_hours.messages == lost
    life.world.backfill_hours.messages = [HourTask(EVENTS, LAST, "backfill:other")]
    for _ in range(RESEND_STEPS - 1):
        life.step()
    assert life.world.backfill_hours.waiting() == 1
    life.step()
    assert life.world.backfill_hours.messages[1:] == lost


def test_a_backfill_whose_hours_are_done_ends_although_its_destination_waits() -> None:
    """The latest failure may be another hour's. No further hour is queued while the breaker is open."""
    life = a_life(ONLY_EVENTS)
    life.request()
    life.step()
    life.deliver(2)
    life.world.backfill_hours.take()
    fault = Fault("container_not_found", "", "")
    life.world.breakers.put("acme", Breaker().record_failure(fault, life.now))

    for _ in range(RESEND_STEPS):
        life.step()

    waiting = life.backfill()
    assert (waiting.status, waiting.error and waiting.error.code, waiting.done_before, life.deliver()) == (
        BackfillStatus.RUNNING,
        "destination_failing",
        HOUR,
        [],
    )
    attempt(life.world, life.now + WAIT_FIRST, task=waiting.task(EVENTS.stream, HOUR))
    life.world.breakers.put("acme", Breaker().record_failure(fault, life.now))
    life.step()
    assert life.backfill().status is BackfillStatus.SUCCEEDED


def test_no_hour_is_queued_while_the_destination_waits() -> None:
    """Hours that are left stay unqueued."""
    life = a_life(ONLY_EVENTS)
    life.request(TEN_YEARS)
    life.step()
    life.world.backfill_hours.take()
    life.world.breakers.put("acme", Breaker().record_failure(Fault("container_not_found", "", ""), life.now))

    life.step()

    assert life.world.backfill_hours.messages == []
    assert life.backfill().queued_before == TEN_YEARS.first.plus(STEP_HOURS_MAX)


def test_an_hour_that_takes_long_does_not_keep_others_waiting() -> None:
    """A bounded window of later hours is exported meanwhile."""
    life = a_life(ONLY_EVENTS)
    first = Hour.parse("2025-01-01T00")
    slow = HourRecord(EVENTS, first).claimed_by("slow", "schedule", life.now)
    slow = replace(slow, claim=replace(slow.claim, until=life.now + timedelta(days=1)))  # type: ignore[type-var]
    life.world.ledger.put(slow, None)
    life.request(BackfillRequest("2025-01-01", DAY, first, LAST))

    for _ in range(25):
        life.pass_time()

    found = life.backfill()
    assert (found.done_before, found.queued_before) == (first, first.plus(WINDOW_HOURS))
    assert life.progress().tally.empty == WINDOW_HOURS - 1


INCOMPLETE = Fault("landing_incomplete", "Landing holds 1 of 2 blobs.", "Ask with allow_loss.")


def refuse(life: Life, hour: Hour, name: str = "b1") -> None:
    """Record that an hour was refused to a backfill, as the export does."""
    found = life.world.ledger.get(EVENTS, hour)
    assert found is not None
    refusal = Refusal(f"backfill:{name}", life.backfill(name).round, INCOMPLETE)
    life.world.ledger.put(replace(found.value, refused=refusal), found.etag)


def test_an_hour_that_is_refused_has_failed_and_stays_as_it_is() -> None:
    """The others are exported; a retry tries it again."""
    life = an_exported_life()
    life.request()
    life.step()
    life.world.backfill_hours.messages = [
        task for task in life.world.backfill_hours.messages if task.hour != HOUR
    ]
    refuse(life, HOUR)
    before = the_record(life.world)

    assert life.until_ended() == [BackfillStatus.FAILED]
    assert [(each.hour, each.error) for each in life.backfill().failed] == [(HOUR, INCOMPLETE)]
    assert the_record(life.world) == before

    retry(life.world.gateways, "acme", "b1", now=life.now)
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]


def test_an_hour_that_is_refused_to_two_backfills_has_failed_for_both() -> None:
    """Its record keeps the latest refusal; the other backfill does not wait for its own."""
    life = an_exported_life()
    life.request()
    life.request(name="b2")
    life.step()
    tasks = life.world.backfill_hours.take()
    refuse(life, HOUR.plus(-2))
    life.step()
    refuse(life, HOUR.plus(-2), "b2")
    life.world.backfill_hours.messages = [task for task in tasks if task.hour != HOUR.plus(-2)]
    life.deliver()

    life.step()

    for name in ("b1", "b2"):
        assert (life.backfill(name).status, life.progress(name).left) == (BackfillStatus.FAILED, 0)
        assert [each.error for each in life.backfill(name).failed] == [INCOMPLETE]
    assert life.world.backfill_hours.waiting() == 0


def set_back(life: Life, hour: Hour, times: int) -> None:
    """Record that an hour failed in passing so often, as the export does."""
    fault = keeps_failing("The export of this hour", "503 ServerBusy", "Nothing.")
    found = life.world.ledger.get(EVENTS, hour)
    record = found.value if found else HourRecord(EVENTS, hour).claimed_by("c", "schedule", NOW).released()
    record = replace(
        record, transient_failures=times, error=fault if transient_failures.shown(times) else None
    )
    life.world.ledger.put(record, found.etag if found else None)


@pytest.mark.parametrize("exported", [True, False])
def test_an_hour_that_fails_in_passing_is_named_and_does_not_keep_a_backfill_for_ever(
    exported: bool,  # noqa: FBT001  a case
) -> None:
    """It is named from the third failure on, with its reason; after many, over two hours, it has failed."""
    life = an_exported_life() if exported else a_life(ONLY_EVENTS)
    life.request()
    life.step()
    tasks = life.world.backfill_hours.take()
    life.world.backfill_hours.messages = [task for task in tasks if task.hour != HOUR]
    life.deliver()
    named, begun_at = [], life.now

    for times in range(1, 400):
        set_back(life, HOUR, times)
        progress = life.progress()
        named.append([each.hour for each in progress.struggling])
        assert progress.tally.hours + len(progress.failed) + progress.left == 3
        life.now += timedelta(minutes=1)
        life.step()
        life.world.backfill_hours.take()
        if life.backfill().ended:
            break

    assert named[:3] == [[], [], [HOUR]]
    assert life.now - begun_at <= transient_failures.FAILED_TIME_MIN + timedelta(minutes=1)
    found = life.backfill()
    assert found.status is BackfillStatus.FAILED
    assert [(each.hour, each.error.code) for each in found.failed] == [(HOUR, "keeps_failing_in_passing")]
    assert life.progress().left == 0
