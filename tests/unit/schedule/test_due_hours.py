"""Due hours of a tick: which hours are queued, and how few rows are read."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from exporter.domain.breaker import Breaker
from exporter.domain.claims import LEASE
from exporter.domain.data_types import DataType
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Fault, Transient
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import Stream, StreamKey
from exporter.domain.work_item import BACK_OFF_FIRST
from exporter.export.attempt import Outcome
from exporter.schedule import planner
from exporter.schedule.due_hours import HOURS_A_STREAM_MAX
from exporter.schedule.failures import Failures
from exporter.schedule.planner import HISTORY_WAITING_MAX, queue_due_hours
from exporter.schedule.priorities import LIVE_HOURS
from tests.support.fakes.blobs import FakeLanding
from tests.support.fakes.tables import FakeLedger
from tests.support.fakes.world import World
from tests.support.worlds import (
    EVENTS,
    HOUR,
    MERGED_IDS,
    NOW,
    SETTLE,
    a_merge,
    a_world,
    acme,
    an_event,
    attempt,
    landing_for_long,
)

EVENTS_ONLY = acme(org_id=None)
FAULT = Fault("container_not_found", "There is no container raw.", "Make it.")


def tick(world: World, now: datetime = NOW) -> list[HourTask]:
    """Run a tick, and return what it queued."""
    world.hours.take()
    queue_due_hours(world.gateways, now=now, settle=SETTLE)
    return list(world.hours.messages)


class Together(FakeLedger):
    """A ledger whose readers wait until so many read at the same time; it cannot be read for one stream."""

    def __init__(self, world: World, readers: int, bad: StreamKey) -> None:
        super().__init__(world.writes)
        self._readers, self._bad = threading.Barrier(readers, timeout=10), bad

    def states(self, key: StreamKey, first: Hour, last: Hour) -> Iterator[HourRecord]:
        """Wait for the other readers, then yield the records."""
        self._readers.wait()
        if key == self._bad:
            raise Transient("storage is away")
        return super().states(key, first, last)


def test_ledgers_are_read_several_at_a_time_and_an_error_in_one_stops_no_other() -> None:
    """Each stream is queued as ever, in the same order; the error names its stream."""
    world, bad = World(), acme(id="d2", org_id=None).streams[0]
    ledger = Together(world, 4, bad)
    for number in range(4):
        destination = acme(id=f"d{number}", org_id=None)
        world.destinations.put(destination, None)
        (key,) = destination.streams
        progress = StreamProgress(key, HOUR, HOUR, ledger=ledger.identity(NOW), reviewed_at=NOW)
        world.schedule.put(key, replace(progress, place=destination.storage.place))
    gateways, failures = replace(world.gateways, ledger=ledger), Failures()

    queue_due_hours(gateways, now=NOW, settle=SETTLE, failures=failures, reads_at_once=4)

    assert [task.key.destination_id for task in world.hours.messages] == ["d0", "d1", "d3"]
    assert [error.__notes__ for error in failures.found] == [[f"while planning {bad}"]]


def keys(tasks: list[HourTask]) -> list[str]:
    """Return the hours of tasks."""
    return [task.hour.key for task in tasks]


def hours_of_today(last: int) -> list[str]:
    """Return the hours of the day from midnight."""
    return [f"2026-01-31T{hour:02d}" for hour in range(last + 1)]


def finish(world: World, hour: Hour) -> None:
    """Record an hour as done in the ledger."""
    world.ledger.put(HourRecord(EVENTS, hour).claimed_by("c", "schedule", NOW).finished(NOW), None)


def test_events_are_owed_from_the_midnight_before_activation_to_the_last_closed_hour() -> None:
    """They are queued oldest first; the day is that of UTC."""
    assert keys(tick(a_world(EVENTS_ONLY))) == hours_of_today(12)


@pytest.mark.parametrize(("minute", "newest"), [(9, 11), (10, 12)])
def test_an_hour_is_owed_once_it_is_closed(minute: int, newest: int) -> None:
    """It closes SETTLE_MINUTES after it ended, and not a moment before."""
    now = NOW.replace(minute=minute)

    assert keys(tick(a_world(EVENTS_ONLY), now)) == hours_of_today(newest)


def test_merged_ids_are_owed_from_the_earliest_that_landed() -> None:
    """A merged id matters for events of any time, so the day of activation does not count."""
    world = a_world(acme(project_id=None))
    world.land(MERGED_IDS.stream, HOUR.plus(-3), [a_merge(1, HOUR.plus(-3))])

    assert keys(tick(world)) == [HOUR.plus(number).key for number in (-3, -2, -1, 0)]


def test_merged_ids_that_have_not_landed_yet_are_owed_as_soon_as_they_do() -> None:
    """Until then nothing is owed; each tick checks again."""
    world = a_world(acme(project_id=None))
    assert tick(world) == []
    world.land(MERGED_IDS.stream, HOUR, [a_merge(1)])

    assert keys(tick(world)) == [HOUR.key]


@pytest.mark.parametrize("status", [Status.DRAFT, Status.PAUSED])
def test_only_active_destinations_owe_anything(status: Status) -> None:
    """Drafts and paused destinations wait."""
    assert tick(a_world(replace(EVENTS_ONLY, status=status))) == []


def test_after_a_week_without_a_host_the_next_tick_queues_the_whole_week() -> None:
    """The result does not depend on ticks that were missed; the next tick continues a long backlog."""
    world = a_world(EVENTS_ONLY)
    later = NOW + timedelta(days=7)

    queued = tick(world, later)
    assert len(queued) == LIVE_HOURS + HOURS_A_STREAM_MAX
    for task in queued:
        finish(world, task.hour)

    rest = tick(world, later)
    assert sorted(keys(queued + rest)) == [
        Hour.parse("2026-01-31T00").plus(number).key for number in range(7 * 24 + 13)
    ]


def test_what_is_done_claimed_or_backing_off_is_not_queued() -> None:
    """A claimed hour is due when its lease has ended, a failed one after its back-off."""
    world = a_world(EVENTS_ONLY)
    midnight = HOUR.first_of_day()
    finish(world, midnight.plus(1))
    world.ledger.put(HourRecord(EVENTS, midnight.plus(2)).claimed_by("c", "schedule", NOW), None)
    failed = HourRecord(EVENTS, midnight.plus(3)).claimed_by("c", "schedule", NOW).failed(FAULT, NOW)
    world.ledger.put(failed, None)

    assert keys(tick(world)) == [key for key in hours_of_today(12) if key[-2:] not in {"01", "02", "03"}]
    assert "2026-01-31T02" in keys(tick(world, NOW + LEASE))
    assert "2026-01-31T03" in keys(tick(world, NOW + BACK_OFF_FIRST))


def test_a_tick_does_not_read_finished_hours_again() -> None:
    """The watermark is at the first hour that is not done."""
    world = a_world(EVENTS_ONLY)
    for hour in range(5):
        finish(world, HOUR.first_of_day().plus(hour))
    tick(world)

    progress = world.schedule.get(EVENTS)
    assert progress is not None
    assert (progress.first, progress.watermark) == (HOUR.first_of_day(), HOUR.first_of_day().plus(5))


def test_a_lost_schedule_is_made_anew_from_the_ledger() -> None:
    """It is derived, so losing it costs one longer query."""
    world = a_world(EVENTS_ONLY)
    for hour in range(5):
        finish(world, HOUR.first_of_day().plus(hour))

    assert keys(tick(world)) == hours_of_today(12)[5:]


def test_a_stuck_hour_does_not_hold_up_the_later_ones() -> None:
    """An hour that fails for a month is queued again and again, and so are all new hours."""
    world = a_world(EVENTS_ONLY)
    failed = HourRecord(EVENTS, HOUR.first_of_day()).claimed_by("c", "schedule", NOW).failed(FAULT, NOW)
    world.ledger.put(failed, None)
    for hour in range(1, 24 * 30):
        finish(world, HOUR.first_of_day().plus(hour))
    later = HOUR.first_of_day().plus(24 * 30 + 1).start + SETTLE

    assert keys(tick(world, later)) == [HOUR.first_of_day().plus(24 * 30).key, "2026-01-31T00"]


def test_streams_take_turns_so_that_a_backlog_delays_no_other_stream() -> None:
    """The oldest hour of each stream comes first, then the second oldest."""
    behind = replace(EVENTS_ONLY, id="behind", activated_at=NOW - timedelta(days=30))
    world = a_world(behind)
    world.destinations.put(replace(EVENTS_ONLY, id="current", activated_at=NOW), None)
    current = replace(EVENTS, destination_id="current")
    for hour in range(12):
        world.ledger.put(
            HourRecord(current, HOUR.first_of_day().plus(hour))
            .claimed_by("c", "schedule", NOW)
            .finished(NOW),
            None,
        )

    queued = tick(world)

    assert [task.key.destination_id for task in queued[:3]] == ["behind", "current", "behind"]


@pytest.mark.parametrize(("sent", "waiting_max", "bound"), [(12_500, 500, 500), (100, 500, 130)])
def test_the_queue_is_filled_up_to_its_bound_and_no_further(
    monkeypatch: pytest.MonkeyPatch, sent: int, waiting_max: int, bound: int
) -> None:
    """Waiting messages count; an hour that finds no room is queued by a later tick."""
    monkeypatch.setattr(planner, "SENT_MAX", sent)
    monkeypatch.setattr(planner, "WAITING_MAX", waiting_max)
    world = a_world(EVENTS_ONLY)
    for number in range(30):
        world.destinations.put(
            replace(EVENTS_ONLY, id=f"d{number}", activated_at=NOW - timedelta(days=30)), None
        )
    waiting = [HourTask(EVENTS, HOUR)] * 30
    world.hours.send(waiting)

    queue_due_hours(world.gateways, now=NOW, settle=SETTLE)

    assert len(world.hours.messages) == bound


def test_two_ticks_at_once_end_in_one_export_an_hour() -> None:
    """Both queue the same hours; the second message of an hour changes nothing."""
    world = a_world(EVENTS_ONLY)
    queued = tick(world) + tick(world)

    outcomes = [attempt(world, claim_id=f"c{number}", task=task) for number, task in enumerate(queued)]

    assert [outcomes.count(outcome) for outcome in (Outcome.EXPORTED, Outcome.NOT_DUE)] == [13, 13]


def test_a_tick_that_finds_nothing_owed_writes_nothing() -> None:
    """Most ticks find nothing."""
    world = a_world(EVENTS_ONLY)
    for task in tick(world):
        finish(world, task.hour)
    tick(world)
    world.writes.log.clear()

    assert tick(world) == []
    assert world.writes.log == []


def test_a_destination_pointed_at_another_project_starts_a_ledger_of_its_own() -> None:
    """The hours of the old project say nothing about the new one."""
    world = landing_for_long(a_world(EVENTS_ONLY), Stream(DataType.EVENTS, 5))
    for task in tick(world):
        finish(world, task.hour)
    moved: Destination = replace(EVENTS_ONLY, project_id=5)
    found = world.destinations.get("acme")
    assert found is not None
    world.destinations.put(moved, found.etag)

    assert keys(tick(world)) == hours_of_today(12)


def test_an_error_in_one_stream_does_not_delay_the_others() -> None:
    """Their hours are queued; then the error is raised, with the stream's name."""
    world = a_world(acme())
    world.land(MERGED_IDS.stream, HOUR, [a_merge(1)])
    world.destinations.put(replace(EVENTS_ONLY, id="zeta"), None)

    class Unlistable(FakeLanding):
        """A landing in which one folder cannot be listed."""

        def earliest_hour(self, stream: Stream) -> Hour | None:
            if stream == MERGED_IDS.stream:
                raise ZeroDivisionError(stream)
            return super().earliest_hour(stream)

    gateways = replace(world.gateways, landing=Unlistable(world.landed))

    with pytest.raises(ExceptionGroup) as raised:
        queue_due_hours(gateways, now=NOW, settle=SETTLE)

    assert {task.key.destination_id for task in world.hours.messages} == {"acme", "zeta"}
    assert raised.value.exceptions[0].__notes__ == ["while planning acme:merged_ids:189524"]


def test_hours_before_the_first_that_landed_are_not_owed() -> None:
    """Not even on the day of activation: an hour before the source began is not known to be empty."""
    world = World()
    world.destinations.put(EVENTS_ONLY, None)
    assert tick(world) == []
    world.land(EVENTS.stream, HOUR.plus(-2), [an_event(1, HOUR.plus(-2))])

    assert keys(tick(world)) == [HOUR.plus(-2).key, HOUR.plus(-1).key, HOUR.key]


@pytest.mark.parametrize("key", [EVENTS, MERGED_IDS], ids=["events", "merged ids"])
@pytest.mark.parametrize("year", ["0001", "1970", "1999", "2026/02/30/00/", "2199"])
def test_folders_of_odd_times_are_never_owed(key: StreamKey, year: str) -> None:
    """Neither before nor after a valid folder of the stream lands."""
    world = World()
    world.destinations.put(acme(), None)
    folder = year if "/" in year else f"{year}/01/01/00/"
    world.landed.set(f"{key.stream.landing_prefix}{folder}a.json", b"{}")
    assert tick(world) == []
    world.land(key.stream, HOUR, b"{}")

    assert keys(tick(world)) == [HOUR.key]


def test_live_hours_come_before_all_history() -> None:
    """The last 24 closed hours of every stream come first, then history, oldest first."""
    world = a_world(EVENTS_ONLY)
    for name in ("old", "older"):
        world.destinations.put(replace(EVENTS_ONLY, id=name, activated_at=NOW - timedelta(days=300)), None)

    queued = tick(world)

    live = {HOUR.plus(-back).key for back in range(LIVE_HOURS)}
    assert [task.hour.key in live for task in queued] == sorted(
        (task.hour.key in live for task in queued), reverse=True
    )
    assert len([task for task in queued if task.hour.key in live]) == 13 + 2 * LIVE_HOURS
    for name in ("old", "older"):
        mine = [task.hour for task in queued if task.key.destination_id == name]
        assert mine[LIVE_HOURS:] == sorted(mine[LIVE_HOURS:]) != []


def test_history_of_one_destination_does_not_delay_another_s() -> None:
    """Destinations share the room for history evenly, and take turns to come first."""
    world = a_world(EVENTS_ONLY)
    names = [f"d{number}" for number in range(3)]
    for days, name in enumerate(names, start=30):
        world.destinations.put(
            replace(EVENTS_ONLY, id=name, activated_at=NOW - timedelta(days=10 * days)), None
        )
    live = {HOUR.plus(-back) for back in range(LIVE_HOURS)}
    first: set[str] = set()
    for number in range(3):
        history = [
            task.key.destination_id
            for task in tick(world, NOW + number * timedelta(minutes=5))
            if task.hour not in live
        ]
        first.add(history[0])
        counts = [history.count(name) for name in names]
        assert max(counts) - min(counts) <= 1

    assert first == set(names)


def test_history_leaves_room_for_live_hours() -> None:
    """A live hour waits behind a bounded number of messages."""
    world = a_world(replace(EVENTS_ONLY, activated_at=NOW - timedelta(days=300)))
    world.hours.send([HourTask(EVENTS, HOUR)] * HISTORY_WAITING_MAX)

    queue_due_hours(world.gateways, now=NOW, settle=SETTLE)

    assert len(world.hours.messages) == HISTORY_WAITING_MAX + LIVE_HOURS


def test_a_destination_that_refuses_is_probed_with_a_live_hour() -> None:
    """Its history waits."""
    world = a_world(replace(EVENTS_ONLY, activated_at=NOW - timedelta(days=9)))
    world.breakers.put("acme", Breaker(faults=3))

    assert keys(tick(world)) == [HOUR.plus(1 - LIVE_HOURS).key]


def test_landing_that_is_not_there_is_made_where_nothing_was_ever_exported() -> None:
    """A new installation works without set-up; nothing is owed before a blob lands."""
    world = World()
    world.destinations.put(EVENTS_ONLY, None)
    world.landing.there = False

    assert tick(world) == []
    assert world.landing.there


@pytest.mark.parametrize("lost", [False, True], ids=["the schedule is there", "the schedule is lost"])
def test_landing_that_vanished_is_not_taken_for_empty(lost: bool) -> None:  # noqa: FBT001  a parameter
    """A wrong LANDING_CONTAINER is the operator's error: nothing is queued, and it says what to do."""
    world = a_world(EVENTS_ONLY)
    finish(world, HOUR.first_of_day())
    tick(world)
    if lost:
        world.schedule.rows.clear()
    world.landing.there = False
    world.hours.take()

    with pytest.raises(ExceptionGroup) as raised:
        queue_due_hours(world.gateways, now=NOW, settle=SETTLE)

    assert "LANDING_CONTAINER" in str(raised.value.exceptions[0])
    assert (world.hours.messages, world.landing.there) == ([], False)
