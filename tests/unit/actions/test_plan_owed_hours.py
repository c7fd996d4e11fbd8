"""The tick: which hours it queues, and how little it reads for that."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from exporter.actions.attempt import Outcome
from exporter.actions.plan_owed_hours import HOURS_A_STREAM_MAX, WAITING_MAX, plan_owed_hours
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Fault
from exporter.domain.hours import Hour
from exporter.domain.ledger import BACK_OFF_FIRST, LEASE, HourRecord, HourTask, Progress
from tests.fakes import World
from tests.worlds import EVENTS, HOUR, MERGED_IDS, NOW, SETTLE, a_merge, a_world, acme, attempt

EVENTS_ONLY = acme(org_id=None)
FAULT = Fault("container_not_found", "There is no container raw.", "Make it.")


def tick(world: World, now: datetime = NOW) -> list[HourTask]:
    """Let the timer fire, and return what it queued."""
    world.hours.take()
    plan_owed_hours(world.gateways, now=now, settle=SETTLE)
    return list(world.hours.tasks)


def keys(tasks: list[HourTask]) -> list[str]:
    """Return the hours of tasks."""
    return [task.hour.key for task in tasks]


def hours_of_today(last: int) -> list[str]:
    """Return the hours of the day from midnight."""
    return [f"2026-01-31T{hour:02d}" for hour in range(last + 1)]


def finish(world: World, hour: Hour) -> None:
    """Let the ledger say that an hour is done."""
    world.ledger.put(HourRecord(EVENTS, hour).take("c", "schedule", NOW).finished(NOW), None)


def test_events_are_owed_from_the_midnight_before_activation_to_the_last_closed_hour() -> None:
    """Today and moving forward, in UTC, oldest first."""
    assert keys(tick(a_world(EVENTS_ONLY))) == hours_of_today(12)


@pytest.mark.parametrize(("minute", "newest"), [(9, 11), (10, 12)])
def test_an_hour_is_owed_once_it_is_closed(minute: int, newest: int) -> None:
    """It closes SETTLE_MINUTES after it ended, and not a moment before."""
    now = NOW.replace(minute=minute)

    assert keys(tick(a_world(EVENTS_ONLY), now)) == hours_of_today(newest)


def test_merged_ids_are_owed_from_the_earliest_that_landed() -> None:
    """Each one matters for events of any time, so it does not count when the destination was activated."""
    world = a_world(acme(project_id=None))
    world.land(MERGED_IDS.stream, HOUR.plus(-3), [a_merge(1, HOUR.plus(-3))])

    assert keys(tick(world)) == [HOUR.plus(number).key for number in (-3, -2, -1, 0)]


def test_merged_ids_that_have_not_landed_yet_are_owed_as_soon_as_they_do() -> None:
    """Before, there is nothing to begin with; each tick looks again."""
    world = a_world(acme(project_id=None))
    assert tick(world) == []
    world.land(MERGED_IDS.stream, HOUR, [a_merge(1)])

    assert keys(tick(world)) == [HOUR.key]


@pytest.mark.parametrize("status", [Status.DRAFT, Status.PAUSED])
def test_only_active_destinations_owe_anything(status: Status) -> None:
    """Drafts and paused ones wait."""
    assert tick(a_world(replace(EVENTS_ONLY, status=status))) == []


def test_after_a_week_without_a_host_the_next_tick_queues_the_whole_week() -> None:
    """Nothing depends on ticks that did not happen; a long backlog goes on with the next tick."""
    world = a_world(EVENTS_ONLY)
    later = NOW + timedelta(days=7)

    queued = tick(world, later)
    assert len(queued) == HOURS_A_STREAM_MAX
    for task in queued:
        finish(world, task.hour)

    rest = tick(world, later)
    assert keys(queued + rest) == [Hour.parse("2026-01-31T00").plus(n).key for n in range(7 * 24 + 13)]


def test_what_is_done_claimed_or_backing_off_is_not_queued() -> None:
    """A done hour is over, a claimed one has its worker, a failed one its time."""
    world = a_world(EVENTS_ONLY)
    midnight = HOUR.first_of_day()
    finish(world, midnight.plus(1))
    world.ledger.put(HourRecord(EVENTS, midnight.plus(2)).take("c", "schedule", NOW), None)
    failed = HourRecord(EVENTS, midnight.plus(3)).take("c", "schedule", NOW).failed(FAULT, NOW)
    world.ledger.put(failed, None)

    assert keys(tick(world)) == [key for key in hours_of_today(12) if key[-2:] not in {"01", "02", "03"}]
    assert "2026-01-31T02" in keys(tick(world, NOW + LEASE))
    assert "2026-01-31T03" in keys(tick(world, NOW + BACK_OFF_FIRST))


def test_a_tick_does_not_read_finished_hours_again() -> None:
    """The schedule remembers up to where all is done, and is never ahead of the ledger."""
    world = a_world(EVENTS_ONLY)
    for hour in range(5):
        finish(world, HOUR.first_of_day().plus(hour))
    tick(world)

    midnight = HOUR.first_of_day()
    assert world.schedule.get(EVENTS) == Progress(EVENTS, midnight, midnight.plus(5), place="|raw")


def test_a_lost_schedule_is_made_anew_from_the_ledger() -> None:
    """It is derived, so losing it costs one longer look."""
    world = a_world(EVENTS_ONLY)
    for hour in range(5):
        finish(world, HOUR.first_of_day().plus(hour))

    assert keys(tick(world)) == hours_of_today(12)[5:]


def test_a_stuck_hour_does_not_hold_up_the_later_ones() -> None:
    """One hour that fails for a month is asked for again and again, and so are all new ones."""
    world = a_world(EVENTS_ONLY)
    failed = HourRecord(EVENTS, HOUR.first_of_day()).take("c", "schedule", NOW).failed(FAULT, NOW)
    world.ledger.put(failed, None)
    for hour in range(1, 24 * 30):
        finish(world, HOUR.first_of_day().plus(hour))
    later = HOUR.first_of_day().plus(24 * 30 + 1).start + SETTLE

    assert keys(tick(world, later)) == ["2026-01-31T00", HOUR.first_of_day().plus(24 * 30).key]


def test_streams_take_turns_so_that_a_backlog_keeps_nobody_waiting() -> None:
    """The oldest hour of each comes first, then the second oldest of each."""
    behind = replace(EVENTS_ONLY, id="behind", activated_at=NOW - timedelta(days=30))
    world = a_world(behind)
    world.destinations.put(replace(EVENTS_ONLY, id="current", activated_at=NOW), None)
    current = replace(EVENTS, destination_id="current")
    for hour in range(12):
        world.ledger.put(
            HourRecord(current, HOUR.first_of_day().plus(hour)).take("c", "schedule", NOW).finished(NOW), None
        )

    queued = tick(world)

    assert [task.key.destination_id for task in queued[:3]] == ["behind", "current", "behind"]


def test_the_queue_is_filled_up_to_its_bound_and_no_further() -> None:
    """Messages that wait already are counted; an hour that finds no room is queued by a later tick."""
    world = a_world(EVENTS_ONLY)
    for number in range(10):
        world.destinations.put(
            replace(EVENTS_ONLY, id=f"d{number}", activated_at=NOW - timedelta(days=30)), None
        )
    waiting = [HourTask(EVENTS, HOUR)] * 30
    world.hours.send(waiting)

    plan_owed_hours(world.gateways, now=NOW, settle=SETTLE)

    assert len(world.hours.tasks) == WAITING_MAX


def test_two_ticks_at_once_end_in_one_export_an_hour() -> None:
    """Both queue the same hours; the second message of each finds nothing to do."""
    world = a_world(EVENTS_ONLY)
    queued = tick(world) + tick(world)

    outcomes = [attempt(world, claim_id=f"c{number}", task=task) for number, task in enumerate(queued)]

    assert [outcomes.count(outcome) for outcome in (Outcome.EXPORTED, Outcome.NOT_DUE)] == [13, 13]


def test_a_tick_that_finds_nothing_owed_writes_nothing() -> None:
    """Most ticks are like that."""
    world = a_world(EVENTS_ONLY)
    for task in tick(world):
        finish(world, task.hour)
    tick(world)
    world.writes.log.clear()

    assert tick(world) == []
    assert world.writes.log == []


def test_a_destination_pointed_at_another_project_starts_a_ledger_of_its_own() -> None:
    """The hours of the old project say nothing about the new one."""
    world = a_world(EVENTS_ONLY)
    for task in tick(world):
        finish(world, task.hour)
    moved: Destination = replace(EVENTS_ONLY, project_id=5)
    found = world.destinations.get("acme")
    assert found is not None
    world.destinations.put(moved, found.etag)

    assert keys(tick(world)) == hours_of_today(12)


def test_trouble_with_one_stream_does_not_keep_the_others_waiting() -> None:
    """They are queued; then the trouble is raised, with the stream's name."""
    world = a_world(acme(project_id=5))
    world.destinations.put(replace(EVENTS_ONLY, id="zeta"), None)

    class Unreadable:
        """A landing whose listing fails."""

        def earliest_hour(self, stream: object) -> None:
            raise ZeroDivisionError(stream)

        blobs = read = earliest_hour

    gateways = replace(world.gateways, landing=Unreadable())  # type: ignore[arg-type]  # only asked for the first hour

    with pytest.raises(ExceptionGroup) as raised:
        plan_owed_hours(gateways, now=NOW, settle=SETTLE)

    assert {task.key.destination_id for task in world.hours.tasks} == {"acme", "zeta"}
    assert raised.value.exceptions[0].__notes__ == ["while planning acme:merged_ids:189524"]
