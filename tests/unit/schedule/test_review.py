"""The daily review of a stream: changes behind the watermark are found within a day."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from exporter.domain.hour import Hour, hours_between
from exporter.domain.hour_record import LEASE, HourRecord, HourTask
from exporter.domain.streams import Stream, StreamKey
from exporter.schedule import review
from exporter.schedule.planner import queue_due_hours
from exporter.schedule.review import REVIEW_EVERY, REVIEW_YOUNG_EVERY
from tests.support.fakes.world import World
from tests.support.worlds import (
    EVENTS,
    HOUR,
    LONG_AGO,
    MERGED_IDS,
    NOW,
    SETTLE,
    a_merge,
    a_world,
    acme,
    an_event,
)

EVENTS_ONLY = acme(org_id=None)
MERGES_ONLY = acme(project_id=None)
MIDNIGHT = HOUR.first_of_day()


def tick(world: World, now: datetime = NOW) -> list[HourTask]:
    """Run a tick, and return what it queued."""
    world.hours.take()
    queue_due_hours(world.gateways, now=now, settle=SETTLE)
    return world.hours.take()


def finish(world: World, hour: Hour, key: StreamKey = EVENTS) -> None:
    """Record an hour as done in the ledger."""
    found = world.ledger.get(key, hour)
    record = HourRecord(key, hour).claimed_by("c", "schedule", NOW).finished(NOW)
    world.ledger.put(record, found.etag if found else None)


def finish_all(world: World, now: datetime = NOW) -> None:
    """Finish all owed hours, until a tick finds nothing."""
    while tasks := tick(world, now):
        for task in tasks:
            finish(world, task.hour, task.key)


def hours(tasks: list[HourTask]) -> list[Hour]:
    """Return the hours of tasks."""
    return [task.hour for task in tasks]


def test_merged_ids_that_land_before_the_first_are_found_within_a_day() -> None:
    """Merged ids of any time matter: the stream's first hour moves back."""
    world = a_world(MERGES_ONLY)
    world.land(MERGED_IDS.stream, HOUR.plus(-48), [a_merge(1, HOUR.plus(-48))])
    finish_all(world)
    earlier = HOUR.plus(-50)
    world.land(MERGED_IDS.stream, earlier, [a_merge(2, earlier)])
    assert tick(world, NOW + timedelta(minutes=30)) == []

    found = hours(tick(world, NOW + REVIEW_EVERY))

    assert {earlier, earlier.plus(1)} < set(found)
    assert HOUR.plus(-48) not in found


def test_events_that_land_earlier_on_the_day_of_activation_are_found_within_an_hour_or_so() -> None:
    """A source often begins on that day, and catches up: the stream is reviewed more often."""
    world = World()
    world.destinations.put(EVENTS_ONLY, None)
    world.land(EVENTS.stream, HOUR, [an_event(1)])
    finish_all(world)
    world.land(EVENTS.stream, HOUR.plus(-3), [an_event(2, HOUR.plus(-3))])

    found = hours(tick(world, NOW + REVIEW_YOUNG_EVERY))

    assert found == [HOUR.plus(-3), HOUR.plus(-2), HOUR.plus(-1), HOUR.plus(1)]


def test_events_of_before_the_day_of_activation_stay_unowed() -> None:
    """The review does not change that."""
    world = a_world(EVENTS_ONLY)
    finish_all(world)

    assert min(hours(tick(world, NOW + REVIEW_EVERY))) == HOUR.plus(1)


def test_a_ledger_row_that_is_lost_moves_the_watermark_back() -> None:
    """The hour is owed again; its next attempt finds it whole in the container."""
    world = a_world(EVENTS_ONLY)
    finish_all(world)
    world.ledger.lose(EVENTS, MIDNIGHT.plus(3))

    assert MIDNIGHT.plus(3) in hours(tick(world, NOW + REVIEW_EVERY))


def test_a_ledger_row_that_is_lost_at_the_end_is_found_too() -> None:
    """No later row shows the gap."""
    world = a_world(EVENTS_ONLY)
    finish_all(world)
    world.ledger.lose(EVENTS, HOUR)

    assert min(hours(tick(world, NOW + REVIEW_EVERY))) == HOUR


def test_a_lost_ledger_is_noticed_by_the_next_tick() -> None:
    """The schedule still says that all hours are done."""
    world = a_world(EVENTS_ONLY)
    finish_all(world)
    world.ledger.clear()

    assert hours(tick(world, NOW + timedelta(minutes=5))) == list(hours_between(MIDNIGHT, HOUR))


def test_a_lost_schedule_and_ledger_are_noticed_by_the_next_tick() -> None:
    """Only the containers show then what was exported."""
    world = a_world(EVENTS_ONLY)
    finish_all(world)
    world.ledger.clear()
    world.schedule.rows.clear()

    assert hours(tick(world, NOW + timedelta(minutes=5))) == list(hours_between(MIDNIGHT, HOUR))


def test_a_lost_schedule_is_derived_from_the_ledger_where_landing_was_tidied_up() -> None:
    """Hours without landed rows are owed, too, and become empty."""
    world = a_world(EVENTS_ONLY)
    finish_all(world)
    world.schedule.rows.clear()
    world.landed.committed.clear()

    assert hours(tick(world, NOW + timedelta(hours=1))) == [HOUR.plus(1)]


def test_a_reopened_hour_is_found_though_its_note_is_lost() -> None:
    """It is behind the watermark, and may be half replaced."""
    world = a_world(EVENTS_ONLY)
    finish_all(world)
    found = world.ledger.get(EVENTS, MIDNIGHT)
    assert found is not None
    world.ledger.put(found.value.claimed_by("dead", "backfill:b1", NOW), found.etag)

    assert MIDNIGHT in hours(tick(world, NOW + REVIEW_EVERY))


def test_an_hour_before_the_first_that_was_begun_is_noted_again() -> None:
    """It is not owed, but half of its files may be in the container."""
    world = a_world(EVENTS_ONLY)
    finish_all(world)
    before = MIDNIGHT.plus(-100)
    world.ledger.put(HourRecord(EVENTS, before).claimed_by("dead", "backfill:b1", NOW), None)

    tick(world, NOW + REVIEW_EVERY)

    assert [note.value.hour for note in world.reopened.all()] == [before]
    assert before in hours(tick(world, NOW + REVIEW_EVERY + timedelta(minutes=5)))


def test_an_hour_before_the_first_that_a_worker_has_is_not_noted() -> None:
    """Its worker saves the note."""
    world = a_world(EVENTS_ONLY)
    finish_all(world)
    later = NOW + REVIEW_EVERY
    taken = HourRecord(EVENTS, MIDNIGHT.plus(-100)).claimed_by("alive", "backfill:b1", later - LEASE / 2)
    world.ledger.put(taken, None)

    tick(world, later)

    assert world.reopened.all() == []


def test_an_hour_that_is_noted_does_not_move_the_watermark() -> None:
    """It is requeued already; a lower watermark would make each tick read all later hours."""
    world = a_world(EVENTS_ONLY)
    finish_all(world)
    found = world.ledger.get(EVENTS, MIDNIGHT)
    assert found is not None
    world.reopened.remember(HourTask(EVENTS, MIDNIGHT, "backfill:b1"))
    world.ledger.put(found.value.claimed_by("dead", "backfill:b1", NOW), found.etag)

    tick(world, NOW + REVIEW_EVERY)

    progress = world.schedule.get(EVENTS)
    assert progress is not None
    assert progress.watermark == HOUR.plus(1)


def test_late_blobs_of_hours_that_are_found_are_looked_for_as_well() -> None:
    """The cursors of late checks move back, too."""
    world = a_world(EVENTS_ONLY)
    checks = (timedelta(hours=1),)
    queue_due_hours(world.gateways, now=NOW, settle=SETTLE, late_checks=checks)
    finish_all(world)
    progress = world.schedule.get(EVENTS)
    assert progress is not None
    world.schedule.put(progress.key, replace(progress, late=(HOUR,)))
    world.ledger.lose(EVENTS, MIDNIGHT)

    queue_due_hours(world.gateways, now=NOW + REVIEW_EVERY, settle=SETTLE, late_checks=checks)

    progress = world.schedule.get(EVENTS)
    assert progress is not None
    assert progress.late == (MIDNIGHT,)


def test_a_tick_reviews_no_more_than_it_may_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others follow in later ticks, the longest due first."""
    monkeypatch.setattr(review, "REVIEWED_HOURS_A_TICK", 20)
    world = a_world(EVENTS_ONLY)
    for name in ("beta", "gamma", "delta"):
        world.destinations.put(replace(EVENTS_ONLY, id=name), None)
    for _ in range(10):
        finish_all(world)
    reviewed = []

    for number in range(2):
        at = NOW + REVIEW_EVERY + number * timedelta(minutes=5)
        tick(world, at)
        reviewed.append([p.key.destination_id for p in world.schedule.all().values() if p.reviewed_at == at])

    assert [len(each) for each in reviewed] == [2, 2]
    assert len(set(reviewed[0] + reviewed[1])) == 4


def test_a_review_by_a_clock_that_was_ahead_does_not_count() -> None:
    """Otherwise there would be no review for a year."""
    world = a_world(EVENTS_ONLY)
    finish_all(world)
    progress = world.schedule.get(EVENTS)
    assert progress is not None
    world.schedule.put(progress.key, replace(progress, reviewed_at=NOW + timedelta(days=365)))
    world.ledger.lose(EVENTS, MIDNIGHT)

    assert hours(tick(world)) == [MIDNIGHT]


def test_an_error_in_a_review_does_not_delay_the_stream() -> None:
    """The owed hours are known without it; the error is raised at the end."""
    world = a_world(EVENTS_ONLY)
    tick(world)

    def broken(stream: Stream) -> Hour | None:
        raise ZeroDivisionError(stream)

    world.landing.earliest_hour = broken  # type: ignore[method-assign]  # fails in the midst

    with pytest.raises(ExceptionGroup) as raised:
        queue_due_hours(world.gateways, now=NOW, settle=SETTLE)

    assert raised.value.exceptions[0].__notes__ == [f"while reviewing {EVENTS}"]
    assert len(world.hours.take()) == 13


def test_a_stream_that_has_landed_for_long_is_reviewed_by_one_listing_of_folders() -> None:
    """Its first hour stays the day of activation, whatever landed long before."""
    world = a_world(EVENTS_ONLY)
    finish_all(world)

    tick(world, NOW + REVIEW_EVERY)

    progress = world.schedule.get(EVENTS)
    assert progress is not None
    assert (progress.first, progress.first > LONG_AGO) == (MIDNIGHT, True)
    assert progress.reviewed_at == NOW + REVIEW_EVERY
