"""Backfills, from the request to the end: step by step, whatever becomes of a step, a message or a worker."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from exporter.backfill.progress import WINDOW_HOURS, BackfillProgress, progress_of
from exporter.backfill.requests import (
    BackfillRequest,
    cancel,
    create,
    create_repair,
    find_backfill,
    list_backfills,
    retry,
)
from exporter.backfill.runner import (
    RESEND_STEPS,
    STEP_HOURS_MAX,
    WAITING_MAX,
    send_again,
    take_step,
)
from exporter.domain import transient_failures
from exporter.domain.backfill import FAILED_MAX, STALLED, Backfill, BackfillStatus
from exporter.domain.breaker import WAIT_FIRST, Breaker
from exporter.domain.clocks import CLOCKS_APART_MAX
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict, Fault, Invalid, NotFound, NotPossible, Transient
from exporter.domain.hour import Hour, count_between, hours_between
from exporter.domain.hour_record import (
    LEASE,
    RENEW_EVERY,
    WRITTEN_FOR_MAX,
    HourRecord,
    HourStatus,
    HourTask,
    Refusal,
)
from exporter.domain.notifications import Notification
from exporter.domain.streams import DataType
from exporter.domain.transient_failures import keeps_failing
from exporter.export.attempt import Outcome
from exporter.schedule.due_hours import queue_due_hours
from exporter.schedule.ledger_view import AsOf
from exporter.schedule.poison import record_poison
from exporter.storage.own.queues import NoQueue
from tests.support.fakes.world import World
from tests.support.fakes.writes import Crash
from tests.support.worlds import (
    ACME,
    EVENTS,
    HOUR,
    NOW,
    SETTLE,
    a_merge,
    a_world,
    acme,
    an_event,
    attempt,
    the_container,
    the_record,
)

DAY = "2026-01-30"
FIRST, LAST = Hour.parse(f"{DAY}T00"), Hour.parse(f"{DAY}T23")
THREE_HOURS = BackfillRequest("2026-01-31T10", "2026-01-31T12", HOUR.plus(-2), HOUR)
TEN_YEARS = BackfillRequest("2016-01-31", "2026-01-30", Hour.parse("2016-01-31T00"), LAST)
# A round takes a minute of the time in the world.
ROUNDS_MAX = 240


@dataclass
class Life:
    """A world in which time passes: messages are delivered, and a tick comes every five minutes."""

    world: World
    now: datetime = NOW
    rounds: int = 0

    def ask(self, asked: BackfillRequest = THREE_HOURS, name: str = "b1") -> Backfill:
        """Ask for a backfill."""
        return create(self.world.gateways, "acme", asked, as_of=AsOf(self.now, SETTLE), new_id=name)

    def backfill(self, name: str = "b1") -> Backfill:
        """Return the backfill as it is now."""
        return find_backfill(self.world.gateways, "acme", name)

    def progress(self, name: str = "b1") -> BackfillProgress:
        """Return how far it is."""
        return progress_of(self.world.gateways, self.backfill(name), self.now)

    def step(self) -> int:
        """Deliver the steps that wait; return how many."""
        steps = self.world.backfill_steps.take()
        for each in steps:
            take_step(each, self.world.gateways, self.now)
        return len(steps)

    def deliver(self, hours_max: int = 1000) -> list[HourTask]:
        """Deliver messages of hours, those that were put off too; return what was asked for."""
        queues = (self.world.hours, self.world.backfill_hours)
        tasks = [task for queue in queues for task in (*queue.take(), *(task for task, _ in queue.delayed))]
        for queue in queues:
            queue.delayed.clear()
        for task in tasks[hours_max:]:
            self.world.gateways.queue_of(task).send([task])
        for number, task in enumerate(tasks[:hours_max]):
            with suppress(Conflict, Transient):
                attempt(self.world, self.now, f"{self.now:%H%M}-{number}", task)
        return tasks[:hours_max]

    def tick(self) -> None:
        """Let the timer come."""
        queue_due_hours(self.world.gateways, now=self.now, settle=SETTLE)
        send_again(self.world.gateways, self.now)

    def pass_time(self) -> None:
        """Let a minute pass, with all that comes with it."""
        self.rounds += 1
        self.now += timedelta(minutes=1)
        self.step()
        self.deliver()
        if self.rounds % 5 == 0:
            self.tick()

    def until_ended(self, *names: str) -> list[BackfillStatus]:
        """Let time pass until the backfills have ended."""
        for _ in range(ROUNDS_MAX):
            found = [self.backfill(name) for name in names or ("b1",)]
            if all(each.ended for each in found):
                return [each.status for each in found]
            self.pass_time()
        raise AssertionError("a backfill without end")


def published(world: World) -> list[Notification]:
    """Return the notifications that other programs may read."""
    return [each.notification for each in world.notifications.messages]


def a_life(destination: Destination = ACME, world: World | None = None) -> Life:
    """Make a world in which the three hours have an event each, the middle one but for merged ids.

    Events have been landing for ten years, an empty blob at first.
    """
    world = a_world(destination, world)
    begins_with(world, TEN_YEARS.first)
    for number, hour in enumerate(hours_between(HOUR.plus(-2), HOUR)):
        if number != 1:
            world.land(EVENTS.stream, hour, [an_event(number, hour)])
    return Life(world)


def begins_with(world: World, hour: Hour | None) -> None:
    """Let no events have landed before an hour, in which an empty blob does; none at all if it is None."""
    world.landed.committed.clear()
    if hour is not None:
        world.land(EVENTS.stream, hour, b"")


ONLY_EVENTS = acme(org_id=None)


def uuids(world: World) -> list[object]:
    """Return what a reader finds."""
    return [row["uuid"] for row in world.events_a_reader_sees()]


def expected(*numbers: int) -> list[object]:
    """Return the keys of these events."""
    return [an_event(number)["uuid"] for number in numbers]


def export(life: Life, hours: Iterable[Hour]) -> None:
    """Export hours as the schedule would."""
    for hour in hours:
        attempt(life.world, life.now, f"before-{hour}", HourTask(EVENTS, hour))


def test_a_request_is_written_down_and_answered_however_long_it_is() -> None:
    """Two writes for ten years: a row and a message. Of landing and ledger only the first hours are read."""
    life = a_life()
    life.world.land(ACME.streams[1].stream, TEN_YEARS.first.plus(-1), b"")

    begun = life.ask(TEN_YEARS)

    assert life.world.writes.log == [life.world.writes.log[0], "send b1 0 in 0:00:00"]
    assert begun.total == 2 * 24 * 3653
    assert life.progress() == BackfillProgress(begun.tally, (), begun.total)
    assert begun.status is BackfillStatus.QUEUED


def test_the_hours_of_a_range_are_exported_again_and_replace_what_is_there() -> None:
    """Files that are no longer needed go, rows that have changed change, and nothing is there twice."""
    life = a_life(ONLY_EVENTS)
    export(life, hours_between(HOUR.plus(-2), HOUR))
    life.world.land(EVENTS.stream, HOUR, [an_event(7)])
    life.now += timedelta(minutes=1)

    life.ask(replace(THREE_HOURS, allow_loss=True))
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]

    assert uuids(life.world) == expected(0, 7)
    found, progress = life.backfill(), life.progress()
    assert (progress.tally.done, progress.tally.empty, progress.failed, progress.left) == (2, 1, (), 0)
    assert (progress.tally.rows, progress.tally.fresh) == (2, 3)
    parts = [blob for name, blob in the_container(life.world).items() if name.endswith(".gz")]
    assert progress.tally.bytes == sum(map(len, parts))
    assert (found.error, found.clamped) == (None, False)
    assert the_record(life.world).requested_by == "backfill:b1"


def test_both_data_types_are_exported_unless_one_is_named() -> None:
    """Each hour of each counts."""
    life = a_life()
    life.world.land(ACME.streams[1].stream, HOUR.plus(-2), b"")
    life.world.land(ACME.streams[1].stream, HOUR, [a_merge(1)])

    life.ask()
    life.ask(replace(THREE_HOURS, data_types=(DataType.MERGED_IDS,)), "b2")
    life.until_ended("b1", "b2")

    assert (life.backfill("b1").total, life.progress("b1").tally.done) == (6, 3)
    assert (life.backfill("b2").total, life.progress("b2").tally.done) == (3, 1)


def test_a_step_is_bounded_and_so_is_the_queue() -> None:
    """Ten years wait in a row of a table, not in the queue."""
    life = a_life(ONLY_EVENTS)
    life.ask(TEN_YEARS)
    waiting = []

    for _ in range(4):
        life.step()
        waiting.append(life.world.backfill_hours.waiting())

    assert waiting == [STEP_HOURS_MAX, WAITING_MAX, WAITING_MAX, WAITING_MAX]
    assert life.backfill().queued_before == Hour.parse("2016-01-31T00").plus(WAITING_MAX)
    assert life.progress().left == life.backfill().total


def test_the_next_hours_are_queued_as_the_first_are_done() -> None:
    """Oldest first; what is done is counted, and not read again by the next steps."""
    life = a_life(ONLY_EVENTS)
    life.ask(BackfillRequest("2025-12-01", "2026-01-30", Hour.parse("2025-12-01T00"), LAST))
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
    """From the hours that were finished since it was begun."""
    life = a_life(ONLY_EVENTS)
    life.ask(BackfillRequest(DAY, DAY, FIRST, LAST))
    life.step()
    life.deliver(8)
    assert life.progress().hours_per_minute == 8 * 60

    life.now += timedelta(minutes=4)

    progress = life.progress()
    assert (progress.left, progress.hours_per_minute) == (16, 2)
    assert progress.estimated_finish_at == life.now + timedelta(minutes=8)


def test_live_hours_do_not_wait_behind_it() -> None:
    """They are in another queue, of which there is another function."""
    life = a_life(ONLY_EVENTS)
    life.ask(TEN_YEARS)
    life.step()

    life.tick()

    live = life.world.hours.take()
    assert [task.hour for task in live][-1] == HOUR
    assert {task.requested_by for task in live} == {"schedule"}
    assert {task.requested_by for task in life.world.backfill_hours.take()} == {"backfill:b1"}


@pytest.mark.parametrize(
    ("asked", "destination", "fields"),
    [
        (BackfillRequest("2026-01-31T13", "2026-02-01", HOUR.plus(1), LAST.plus(48)), ONLY_EVENTS, ["start"]),
        (
            BackfillRequest("2026-01-31T13", DAY, HOUR.plus(1), LAST.plus(48), (DataType.MERGED_IDS,)),
            ONLY_EVENTS,
            ["data_types", "start"],
        ),
    ],
)
def test_what_is_wrong_with_a_request_is_told_at_once(
    asked: BackfillRequest, destination: Destination, fields: list[str]
) -> None:
    """And nothing is begun."""
    life = a_life(destination)

    with pytest.raises(Invalid) as caught:
        life.ask(asked)

    assert [problem.field for problem in caught.value.problems] == fields
    assert life.world.writes.log == []


def test_hours_that_are_not_closed_yet_are_left_out() -> None:
    """The answer says up to where."""
    life = a_life(ONLY_EVENTS)

    begun = life.ask(BackfillRequest("2026-01-31", "2026-01-31", Hour.parse("2026-01-31T00"), HOUR.plus(11)))

    assert (begun.last, begun.total, begun.clamped) == (HOUR, 13, True)
    assert (begun.start, begun.end) == ("2026-01-31", "2026-01-31")


def test_a_draft_has_no_backfills() -> None:
    """It was never tested; and there is no backfill of a destination or an id that nobody knows."""
    life = a_life(acme(status=Status.DRAFT))

    with pytest.raises(NotPossible, match="draft"):
        life.ask()
    with pytest.raises(NotFound, match="no such backfill"):
        life.backfill("none")
    with pytest.raises(NotFound, match="no destination"):
        list_backfills(life.world.gateways, "other")


def test_the_newest_backfill_is_listed_first() -> None:
    """Those of other destinations are not."""
    life = a_life()
    life.world.destinations.put(acme(id="other"), None)
    life.ask()
    life.now += timedelta(seconds=1)
    life.ask(name="b2")
    create(life.world.gateways, "other", THREE_HOURS, as_of=AsOf(life.now, SETTLE), new_id="b3")

    assert [each.id for each in list_backfills(life.world.gateways, "acme")] == ["b2", "b1"]


def test_a_cancelled_backfill_begins_no_further_hour() -> None:
    """What is queued is let go; what is done stays, and what is counted too."""
    life = a_life(ONLY_EVENTS)
    life.ask(BackfillRequest(DAY, DAY, FIRST, LAST))
    life.step()
    life.deliver(5)

    cancelled = cancel(life.world.gateways, "acme", "b1", now=life.now)
    for _ in range(20):
        life.pass_time()

    assert life.backfill() == cancelled == cancel(life.world.gateways, "acme", "b1", now=life.now)
    assert (cancelled.status, life.progress().tally.empty) == (BackfillStatus.CANCELLED, 5)
    notices = [each for each in published(life.world) if each.kind == "backfill_ended"]
    assert [each.facts["status"] for each in notices] == ["cancelled"]
    assert (life.progress().left, life.progress().estimated_finish_at) == (19, None)
    assert len(life.world.markers_a_reader_sees(prefix=f"187520_{DAY}")) == 5
    assert life.world.backfill_steps.messages == []


def test_an_hour_that_a_cancelled_backfill_was_replacing_is_finished() -> None:
    """By whoever comes next: the container is never left between two exports."""
    life = a_life(ONLY_EVENTS, World())
    export(life, [HOUR])
    life.tick()
    life.deliver()
    life.now += timedelta(minutes=1)
    life.world.land(EVENTS.stream, HOUR, [an_event(7)])
    life.ask(replace(THREE_HOURS, first=HOUR, allow_loss=True))
    life.step()
    (task,) = life.world.backfill_hours.take()

    def dies_without_marker() -> None:
        if life.world.writes.log[-1] == f"delete 187520_{HOUR.date}_12_complete":
            raise Crash

    life.world.writes.after = dies_without_marker
    with pytest.raises(Crash):
        attempt(life.world, life.now, "dies", task)
    life.world.writes.after = None
    assert life.world.markers_a_reader_sees(prefix=f"187520_{HOUR.date}_12") == {}

    cancel(life.world.gateways, "acme", "b1", now=life.now)
    for _ in range(10):
        life.pass_time()

    assert the_record(life.world).status is HourStatus.EXPORTED
    assert life.world.markers_a_reader_sees(prefix=f"187520_{HOUR.date}_12") != {}
    assert uuids(life.world) == expected(0, 7)


def test_a_cancelled_one_goes_on_where_it_was() -> None:
    """Hours that were done are not exported again."""
    life = a_life(ONLY_EVENTS)
    life.ask(BackfillRequest(DAY, DAY, FIRST, LAST))
    life.step()
    life.deliver(5)
    cancel(life.world.gateways, "acme", "b1", now=life.now)

    again = retry(life.world.gateways, "acme", "b1", now=life.now)

    assert again.status is BackfillStatus.QUEUED
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]
    assert life.progress().tally.empty == 24
    assert [the_record(life.world, hour=hour).attempts for hour in hours_between(FIRST, LAST)] == [1] * 24


def fail(life: Life, hour: Hour, name: str = "b1") -> None:
    """Let an hour of a backfill fail, as one does whose message was given up."""
    task = HourTask(EVENTS, hour, f"backfill:{name}")
    record_poison(task, life.world.gateways, error_id="e1", clock=lambda: life.now)


def test_failed_hours_are_listed_and_tried_again_alone() -> None:
    """The backfill ends when there is nothing else to do; to retry it costs the failed hour."""
    life = a_life(ONLY_EVENTS)
    life.ask(BackfillRequest(DAY, DAY, FIRST, LAST))
    life.step()
    life.world.backfill_hours.messages = [
        task for task in life.world.backfill_hours.messages if task.hour != FIRST.plus(3)
    ]
    fail(life, FIRST.plus(3))
    life.deliver()
    life.step()
    life.step()

    found = life.progress()
    assert life.backfill().status is BackfillStatus.FAILED
    assert [(each.hour, each.error.code) for each in found.failed] == [(FIRST.plus(3), "internal_error")]
    assert (found.tally.empty, found.left) == (23, 0)

    life.now += timedelta(minutes=1)
    retry(life.world.gateways, "acme", "b1", now=life.now)
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]
    assert life.progress().tally.empty == 24
    assert max(the_record(life.world, hour=hour).attempts for hour in hours_between(FIRST, LAST)) == 2


def test_only_what_has_ended_unfinished_is_tried_again() -> None:
    """And only what has not ended is cancelled."""
    life = a_life(ONLY_EVENTS)
    life.ask()
    with pytest.raises(NotPossible, match="has not ended"):
        retry(life.world.gateways, "acme", "b1", now=life.now)
    life.until_ended()

    with pytest.raises(NotPossible, match="is done"):
        retry(life.world.gateways, "acme", "b1", now=life.now)
    with pytest.raises(NotPossible, match="ended already"):
        cancel(life.world.gateways, "acme", "b1", now=life.now)


def test_an_hour_that_fails_is_done_after_its_back_off_while_others_are_exported() -> None:
    """If it is done before the others are, nobody need retry it."""
    life = a_life(ONLY_EVENTS)
    life.ask(BackfillRequest("2026-01-01", DAY, Hour.parse("2026-01-01T00"), LAST))
    life.step()
    first = life.world.backfill_hours.messages.pop(0)
    life.world.reopened.remember(first)
    fail(life, first.hour)
    life.step()
    assert [each.hour for each in life.progress().failed] == [first.hour]

    assert life.until_ended() == [BackfillStatus.SUCCEEDED]
    assert life.progress().tally.hours == 30 * 24


def test_what_failed_while_the_storage_was_out_is_done_when_it_is_back() -> None:
    """A failure is forgiven once the storage has recovered."""
    life = a_life(ONLY_EVENTS)
    life.ask()
    life.step()
    life.world.backfill_hours.take()
    fail(life, HOUR)
    life.now += timedelta(minutes=1)
    life.world.breakers.put("acme", Breaker(healed_at=life.now))

    assert life.until_ended() == [BackfillStatus.SUCCEEDED]


def test_steps_are_not_taken_without_a_pause_while_only_failed_hours_are_tried_again() -> None:
    """Each costs writes, and nothing new can be seen at once."""
    life = a_life(ONLY_EVENTS)
    life.ask()
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
    """It says so, and goes on when it is retried."""
    life = a_life(ONLY_EVENTS)
    life.ask(BackfillRequest("2026-01-01", DAY, Hour.parse("2026-01-01T00"), LAST))
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


def test_a_paused_destination_keeps_its_backfill_waiting() -> None:
    """It says why, and goes on when the destination is resumed, or when its storage takes files again."""
    life = a_life(acme(org_id=None, status=Status.PAUSED))
    life.ask()
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
def test_a_backfill_ends_with_what_it_was_asked_of(
    changed: dict[str, object], status: BackfillStatus, code: str
) -> None:
    """And says why."""
    life = a_life(ONLY_EVENTS)
    life.ask()
    found = life.world.destinations.get("acme")
    assert found is not None
    life.world.destinations.put(replace(ONLY_EVENTS, **changed), found.etag)  # type: ignore[arg-type]  # names of fields

    life.step()

    ended = life.backfill()
    assert (ended.status, ended.error and ended.error.code) == (status, code)


def test_hours_whose_messages_are_lost_are_queued_again() -> None:
    """When the queue is empty, or after some steps if it is not: others may keep it full."""
    life = a_life(ONLY_EVENTS)
    life.ask()
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


def test_a_step_that_is_lost_is_sent_again_by_a_tick() -> None:
    """But not one that may be under way."""
    life = a_life(ONLY_EVENTS)
    life.ask()
    (step,) = life.world.backfill_steps.take()
    life.now += STALLED - timedelta(seconds=1)
    assert send_again(life.world.gateways, life.now) == 0

    life.now += timedelta(seconds=1)

    assert send_again(life.world.gateways, life.now) == 1
    assert life.world.backfill_steps.messages == [step]
    life.until_ended()
    life.now += STALLED
    assert send_again(life.world.gateways, life.now) == 0


def test_a_step_that_comes_twice_is_taken_once() -> None:
    """There is one chain of steps, however many messages are doubled."""
    life = a_life(ONLY_EVENTS)
    life.ask()
    (step,) = life.world.backfill_steps.take()

    taken = [take_step(step, life.world.gateways, life.now) for _ in range(3)]

    assert [each is not None for each in taken] == [True, False, False]
    assert len(life.world.backfill_steps.messages) == 1
    assert life.world.backfill_hours.waiting() == 3


def test_of_two_who_take_a_step_at_the_same_time_one_sends_the_next() -> None:
    """Hours are queued twice then, which does no harm."""
    life = a_life(ONLY_EVENTS)
    life.ask()
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


def test_a_backfill_whose_hours_are_done_ends_although_its_destination_waits() -> None:
    """The newest fault may be that of another hour. Nothing more is queued for a storage that refuses."""
    life = a_life(ONLY_EVENTS)
    life.ask()
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


def test_an_hour_that_another_worker_is_exporting_is_waited_for() -> None:
    """It is exported after him, not beside him."""
    life = a_life(ONLY_EVENTS)
    task = HourTask(EVENTS, HOUR)
    life.world.ledger.put(HourRecord(EVENTS, HOUR).claimed_by("other", "schedule", life.now), None)
    life.ask()
    life.step()

    life.deliver()
    assert the_record(life.world).attempts == 1
    assert [put_off for put_off, _ in life.world.backfill_hours.delayed] == [
        replace(task, requested_by="backfill:b1")
    ]

    life.now += LEASE
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]
    assert the_record(life.world).attempts == 2


def test_no_hour_is_queued_while_the_destination_waits() -> None:
    """However many there are still to be queued."""
    life = a_life(ONLY_EVENTS)
    life.ask(TEN_YEARS)
    life.step()
    life.world.backfill_hours.take()
    life.world.breakers.put("acme", Breaker().record_failure(Fault("container_not_found", "", ""), life.now))

    life.step()

    assert life.world.backfill_hours.messages == []
    assert life.backfill().queued_before == TEN_YEARS.first.plus(STEP_HOURS_MAX)


def test_a_backfill_that_loses_a_race_for_an_hour_looks_again() -> None:
    """Its message is not lost: the hour is exported after the one that was faster."""
    life = a_life(ONLY_EVENTS)
    life.ask()
    life.step()
    task = life.world.backfill_hours.take()[-1]

    def meanwhile() -> None:
        life.world.writes.after = None
        life.world.ledger.put(HourRecord(EVENTS, task.hour).claimed_by("faster", "schedule", life.now), None)

    # It notes the hour, having found it free, and then takes it.
    life.world.writes.after = meanwhile
    with pytest.raises(Conflict):
        attempt(life.world, life.now, task=task)

    assert life.world.backfill_hours.delayed == [(task, RENEW_EVERY)]


def test_an_hour_that_takes_long_does_not_keep_others_waiting() -> None:
    """Only so many hours behind it that a step stays small."""
    life = a_life(ONLY_EVENTS)
    first = Hour.parse("2025-01-01T00")
    slow = HourRecord(EVENTS, first).claimed_by("slow", "schedule", life.now)
    slow = replace(slow, claim=replace(slow.claim, until=life.now + timedelta(days=1)))  # type: ignore[type-var]
    life.world.ledger.put(slow, None)
    life.ask(BackfillRequest("2025-01-01", DAY, first, LAST))

    for _ in range(25):
        life.pass_time()

    found = life.backfill()
    assert (found.done_before, found.queued_before) == (first, first.plus(WINDOW_HOURS))
    assert life.progress().tally.empty == WINDOW_HOURS - 1


def test_two_backfills_of_the_same_hours_both_end() -> None:
    """An hour that is written for the later one is done for the earlier one too."""
    life = a_life(ONLY_EVENTS)
    export(life, hours_between(HOUR.plus(-2), HOUR))
    life.now += timedelta(minutes=1)
    life.ask()
    life.now += timedelta(minutes=1)
    life.ask(name="b2")

    assert life.until_ended("b1", "b2") == [BackfillStatus.SUCCEEDED] * 2

    assert uuids(life.world) == expected(0, 2)
    assert the_record(life.world).attempts <= 3


def test_more_backfills_of_an_hour_than_its_record_names_all_end() -> None:
    """Those that fall out of the list have the hour exported once more, and then are settled."""
    life = a_life(ONLY_EVENTS)
    names = [f"b{number}" for number in range(WRITTEN_FOR_MAX + 10)]
    for name in names:
        life.ask(replace(THREE_HOURS, first=HOUR), name)

    assert life.until_ended(*names) == [BackfillStatus.SUCCEEDED] * len(names)
    assert the_record(life.world).attempts <= 2 * len(names)
    assert uuids(life.world) == expected(0, 2)


def test_a_repair_is_a_backfill_of_single_hours() -> None:
    """The hours between them are let be; the same request is the same backfill."""
    life = a_life()
    hours = [(DataType.EVENTS, HOUR), (DataType.EVENTS, HOUR.plus(-1500)), (DataType.MERGED_IDS, HOUR)]

    for _ in range(2):
        assert create_repair(life.world.gateways, ACME, hours, "r1", life.now) == "r1"
    assert life.until_ended("r1") == [BackfillStatus.SUCCEEDED]

    assert life.backfill("r1").total == 3
    assert life.world.markers_a_reader_sees().keys() == {
        "187520_2025-11-30_0_complete",
        "187520_2026-01-31_12_complete",
        "-189524_2026-01-31_12_complete",
    }
    assert {record.requested_by for record in life.world.ledger.between(EVENTS, HOUR, HOUR)} == {
        "backfill:r1"
    }


@dataclass
class Apart:
    """Three hosts whose clocks are apart: of the API, of the steps and the timer, of the workers."""

    life: Life
    api: timedelta
    steps: timedelta
    workers: timedelta
    exports: int = 0
    seconds: int = 0

    def ask(self, asked: BackfillRequest, name: str = "b1") -> None:
        """Ask for a backfill."""
        as_of = AsOf(self.life.now + self.api, SETTLE)
        create(self.life.world.gateways, "acme", asked, as_of=as_of, new_id=name)

    def run(self, name: str = "b1", deliver: bool = True) -> Backfill:  # noqa: FBT001, FBT002  reads well
        """Let time pass, with a step and a delivery every two seconds, until the backfill has ended."""
        world, gateways = self.life.world, self.life.world.gateways
        for _ in range(3600):
            if self.life.backfill(name).ended:
                return self.life.backfill(name)
            self.seconds += 2
            self.life.now += timedelta(seconds=2)
            for step in world.backfill_steps.take():
                take_step(step, gateways, self.life.now + self.steps)
            if self.seconds % 300 == 0:
                send_again(gateways, self.life.now + self.steps)
            for task in world.backfill_hours.take() if deliver else []:
                with suppress(Conflict, Transient):
                    outcome = attempt(world, self.life.now + self.workers, f"c{self.seconds}", task)
                    self.exports += outcome is Outcome.EXPORTED
        raise AssertionError("a backfill without end")


SKEWS = [timedelta(seconds=seconds) for seconds in (-300, 0, 300)]


@pytest.mark.parametrize("workers", SKEWS)
@pytest.mark.parametrize("steps", SKEWS)
@pytest.mark.parametrize("api", SKEWS)
def test_clocks_that_are_apart_cost_no_second_export(
    api: timedelta, steps: timedelta, workers: timedelta
) -> None:
    """An hour is done because it was written for the backfill, whatever the time was where it was written."""
    life = a_life(ONLY_EVENTS)
    export(life, hours_between(HOUR.plus(-2), HOUR))
    life.now += timedelta(hours=1)
    hosts = Apart(life, api, steps, workers)

    hosts.ask(THREE_HOURS)
    assert hosts.run().status is BackfillStatus.SUCCEEDED
    assert (hosts.exports, hosts.seconds) == (3, 4)

    life.now += timedelta(seconds=10)
    hosts.ask(THREE_HOURS, "b2")
    assert hosts.run("b2").status is BackfillStatus.SUCCEEDED
    assert hosts.exports == 6
    assert life.progress("b2").left == 0


@pytest.mark.parametrize("workers", SKEWS)
@pytest.mark.parametrize("api", SKEWS)
def test_clocks_that_are_apart_tell_no_failure_of_before_from_one_of_now(
    api: timedelta, workers: timedelta
) -> None:
    """A retry tries what failed just before it; what fails then has failed."""
    life = a_life(ONLY_EVENTS)
    hosts = Apart(life, api, timedelta(), workers)
    refusal = Fault("blob_leased", "A blob is leased.", "End the lease.")
    life.world.reader().faults["write"] = refusal
    hosts.ask(replace(THREE_HOURS, first=HOUR))
    assert hosts.run().status is BackfillStatus.FAILED
    assert [each.error for each in life.backfill().failed] == [refusal]

    retry(life.world.gateways, "acme", "b1", now=life.now + api)
    assert hosts.run().status is BackfillStatus.FAILED

    life.world.reader().faults.clear()
    retry(life.world.gateways, "acme", "b1", now=life.now + api)
    assert hosts.run().status is BackfillStatus.SUCCEEDED
    assert hosts.exports == 1


@pytest.mark.parametrize("steps", SKEWS)
def test_a_step_that_was_never_sent_is_sent_by_a_tick_whatever_its_clock_says(steps: timedelta) -> None:
    """At the latest when it stands still for as long as clocks may be apart, and a tick more."""
    life = a_life(ONLY_EVENTS)
    hosts = Apart(life, timedelta(seconds=300), steps, timedelta())
    hosts.ask(THREE_HOURS)
    life.world.backfill_steps.take()

    assert hosts.run().status is BackfillStatus.SUCCEEDED
    assert hosts.seconds <= (STALLED + CLOCKS_APART_MAX + timedelta(minutes=5)).total_seconds()


def test_a_step_whose_sender_died_is_followed_up_when_its_message_comes_again() -> None:
    """What was done is not done again, and nobody waits for a tick: the queue delivers it again."""
    life = a_life(ONLY_EVENTS)
    life.ask()
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


def test_the_end_is_told_although_the_one_who_found_it_died() -> None:
    """By the second delivery of the last step; a notice may come twice, but it comes."""
    life = a_life(ONLY_EVENTS)
    life.ask()
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
    assert published(world) == [] or published(world)[-1].kind != "backfill_ended"

    take_step(step, world.gateways, life.now, redelivered=True)

    assert published(world)[-1].kind == "backfill_ended"


def test_hours_whose_messages_a_dead_host_hides_do_not_keep_two_backfills_waiting() -> None:
    """The queue counts them for ten minutes, in which it is not empty; all hours are exported already."""
    life = a_life(ONLY_EVENTS)
    export(life, hours_between(HOUR.plus(-2), HOUR))
    life.now += timedelta(hours=1)
    hosts = Apart(life, timedelta(seconds=170), timedelta(), timedelta())
    hosts.ask(THREE_HOURS)
    hosts.ask(THREE_HOURS, "b2")
    for step in life.world.backfill_steps.take():
        take_step(step, life.world.gateways, life.now)
    hidden = life.world.backfill_hours.take()
    life.world.backfill_hours.delayed = [(task, timedelta(minutes=10)) for task in hidden]

    assert hosts.run().status is BackfillStatus.SUCCEEDED
    assert hosts.run("b2").status is BackfillStatus.SUCCEEDED
    assert hosts.seconds <= 2 * (RESEND_STEPS + 5)


def test_a_request_that_is_written_down_is_answered_though_its_step_cannot_be_sent() -> None:
    """To answer that it failed would have people ask twice; a tick sends the step."""
    life = a_life(ONLY_EVENTS)
    queue = life.world.backfill_steps

    class Busy(NoQueue):
        """Takes no message."""

        def send(self, *_: object, **__: object) -> None:
            """Fail in passing."""
            raise Transient("the queue is busy")

    busy = replace(life.world.gateways, backfill_steps=Busy())
    begun = create(busy, "acme", THREE_HOURS, as_of=AsOf(life.now, SETTLE), new_id="b1")

    assert begun == life.backfill()
    assert queue.messages == []
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]


def test_a_person_may_accept_that_hours_hold_less_and_it_reaches_every_attempt() -> None:
    """It is in every request for an hour, and in one that lost it: the backfill's own row is right."""
    life = a_life(ONLY_EVENTS)
    begun = life.ask(replace(THREE_HOURS, allow_loss=True))
    life.step()
    tasks = life.world.backfill_hours.take()
    assert begun.allow_loss
    assert {task.allow_loss for task in tasks} == {True}
    cancel(life.world.gateways, "acme", "b1", now=life.now)
    retry(life.world.gateways, "acme", "b1", now=life.now)

    attempt(life.world, life.now, "noted", replace(tasks[0], allow_loss=False))

    assert the_record(life.world, hour=HOUR.plus(-2)).round == 1
    create_repair(life.world.gateways, ONLY_EVENTS, [(DataType.EVENTS, HOUR)], "r1", life.now)
    assert not life.backfill("r1").allow_loss


INCOMPLETE = Fault("landing_incomplete", "Landing holds 1 of 2 blobs.", "Ask with allow_loss.")


def refuse(life: Life, hour: Hour, name: str = "b1") -> None:
    """Let an hour be refused to a backfill, as the export does: it stays as it is, and says so."""
    found = life.world.ledger.get(EVENTS, hour)
    assert found is not None
    refusal = Refusal(f"backfill:{name}", life.backfill(name).round, INCOMPLETE)
    life.world.ledger.put(replace(found.value, refused=refusal), found.etag)


def an_exported_life() -> Life:
    """Make a world whose three hours were exported an hour ago."""
    life = a_life(ONLY_EVENTS)
    export(life, hours_between(HOUR.plus(-2), HOUR))
    life.now += timedelta(hours=1)
    return life


def test_an_hour_that_is_refused_has_failed_and_stays_as_it_is() -> None:
    """The others are exported; a retry tries it again."""
    life = an_exported_life()
    life.ask()
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
    """Its record keeps one refusal; the one whose refusal was written over does not wait for another."""
    life = an_exported_life()
    life.ask()
    life.ask(name="b2")
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
    """Let an hour be broken off in passing so often, as the export records it."""
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
    """It is named from the third time on, with its reason; after many and two hours it has failed."""
    life = an_exported_life() if exported else a_life(ONLY_EVENTS)
    life.ask()
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


def test_an_hour_that_would_lose_rows_stays_as_it_is_until_they_are_back_or_the_loss_is_accepted() -> None:
    """The export refuses it, the backfill says so; nothing of it is in the container for a moment less."""
    life = an_exported_life()
    (name,) = life.world.landed.names(EVENTS.stream.landing_folder(HOUR))
    landed = life.world.landed.committed.pop(name)
    before = the_container(life.world)

    life.ask()
    assert life.until_ended() == [BackfillStatus.FAILED]
    assert [(each.hour, each.error.code) for each in life.backfill().failed] == [(HOUR, "landing_incomplete")]
    assert (life.progress().left, the_container(life.world)) == (0, before)
    assert the_record(life.world).status is HourStatus.EXPORTED

    life.world.landed.committed[name] = landed
    retry(life.world.gateways, "acme", "b1", now=life.now)
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]

    del life.world.landed.committed[name]
    life.ask(replace(THREE_HOURS, allow_loss=True), "b2")
    assert life.until_ended("b2") == [BackfillStatus.SUCCEEDED]
    assert uuids(life.world) == expected(0)


def test_a_landing_blob_that_cannot_be_read_for_hours_ends_a_backfill() -> None:
    """Each attempt at its hour is broken off in passing; the hour stays as it was, and is named meanwhile."""
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
    life.ask(replace(THREE_HOURS, first=HOUR))
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


@pytest.mark.parametrize("damaged", [None, b"no list", b"events:187520:2026-01-31T12\n"])
def test_a_repair_whose_list_is_lost_says_so(damaged: bytes | None) -> None:
    """It can neither go on nor be tried again: what it was about is not known any more."""
    life = a_life()
    hours = [(DataType.EVENTS, HOUR), (DataType.EVENTS, HOUR.plus(-1)), (DataType.MERGED_IDS, HOUR)]
    create_repair(life.world.gateways, ACME, hours, "r1", life.now)
    life.step()
    life.deliver(1)
    life.world.own.committed.clear()
    if damaged is not None:
        life.world.own.set("acme/backfills/r1/hours", damaged)
    assert life.progress("r1").left == 3

    life.step()

    found, progress = life.backfill("r1"), life.progress("r1")
    assert (found.status, found.error and found.error.code) == (BackfillStatus.FAILED, "hours_lost")
    assert progress.tally.hours + len(progress.failed) + progress.left == 3
    assert progress.left > 0
    with pytest.raises(NotPossible, match="lost"):
        retry(life.world.gateways, "acme", "r1", now=life.now)


def test_a_backfill_begins_where_its_streams_do() -> None:
    """Each with its own first hour in landing; the answer names the first of all."""
    life = a_life()
    life.world.land(ACME.streams[1].stream, HOUR.plus(-1), [a_merge(1, HOUR.plus(-1))])
    far = BackfillRequest("0001-01-01", HOUR.key, Hour.parse("0001-01-01T00"), HOUR)

    begun = life.ask(far)
    only = life.ask(replace(far, data_types=(DataType.MERGED_IDS,)), "b2")

    assert (begun.first, begun.clamped_start, begun.start) == (TEN_YEARS.first, True, "0001-01-01")
    assert begun.total == count_between(TEN_YEARS.first, HOUR) + 2
    assert (only.first, only.clamped_start, only.total) == (HOUR.plus(-1), True, 2)
    assert not life.ask(THREE_HOURS, "b3").clamped_start
    assert life.until_ended("b2") == [BackfillStatus.SUCCEEDED]
    merged = life.world.markers_a_reader_sees(prefix="-189524")
    assert sorted(merged) == [f"-189524_{HOUR.date}_{number}_complete" for number in (11, 12)]


@pytest.mark.parametrize(("landed", "first"), [(None, None), (HOUR, HOUR)])
def test_a_backfill_of_an_empty_past_is_done_at_once_and_writes_nothing(
    landed: Hour | None, first: Hour | None
) -> None:
    """No marker of hours in which nothing can have happened; also of a paused destination."""
    life = Life(a_world(acme(org_id=None, status=Status.PAUSED)))
    begins_with(life.world, landed)

    begun = life.ask(TEN_YEARS)

    assert (begun.status, begun.total, begun.finished_at) == (BackfillStatus.SUCCEEDED, 0, NOW)
    assert (begun.first if begun.clamped_start else None) == first
    assert life.progress() == BackfillProgress(begun.tally, (), 0)
    assert life.world.backfill_steps.messages == []
    assert published(life.world)[-1].kind == "backfill_ended"
    for _ in range(10):
        life.pass_time()
    assert life.world.markers_a_reader_sees(prefix=f"187520_{DAY}") == {}


def test_what_was_exported_from_blobs_that_are_gone_is_not_passed_over() -> None:
    """It is asked for as all others are, so that it is told what becomes of it."""
    life = a_life(ONLY_EVENTS)
    export(life, [FIRST])
    begins_with(life.world, HOUR)

    begun = life.ask(TEN_YEARS)

    assert (begun.first, begun.total) == (FIRST, 24)


def test_a_step_that_cannot_be_taken_ends_the_backfill_with_an_error() -> None:
    """A row that cannot be read raises each time: a backfill that goes on without end says nothing."""
    life = a_life(ONLY_EVENTS)
    life.ask()
    (step,) = life.world.backfill_steps.take()

    class Unreadable:
        """Raises what a gateway does whose row was damaged."""

        def between(self, *_: object) -> object:
            """Raise."""
            raise ValueError("table ledger, row acme, column status: unknown")

    broken = replace(life.world.gateways, ledger=Unreadable())  # type: ignore[arg-type]  # no more is asked
    take_step(step, broken, life.now)

    found = life.backfill()
    assert (found.status, found.error and found.error.code) == (BackfillStatus.FAILED, "internal_error")
    assert life.progress().left == 3
    retry(life.world.gateways, "acme", "b1", now=life.now)
    assert life.until_ended() == [BackfillStatus.SUCCEEDED]


def test_a_step_that_is_broken_off_in_passing_is_told_and_ends_after_hours() -> None:
    """Its own storage may answer everything but one call."""
    life = a_life(ONLY_EVENTS)
    life.ask()
    (step,) = life.world.backfill_steps.take()

    class Busy:
        """Fails in passing, for ever."""

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
    assert published(life.world)[-1].kind == "backfill_ended"


def test_whoever_dies_whenever_the_backfill_comes_to_its_end() -> None:
    """At every write in turn, before it took effect and after; nobody ever sees a row twice."""
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
            life.ask(replace(THREE_HOURS, allow_loss=True))
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
