"""An hour whose message still waits is not queued again, and every other one is."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain.breaker import Breaker
from exporter.domain.claims import LEASE
from exporter.domain.errors import Fault
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.streams import StreamKey
from exporter.domain.work_item import BACK_OFF_FIRST
from exporter.schedule.planner import queue_due_hours
from exporter.schedule.queued import BLOB, EXPIRES_AFTER, IN_HAND_MAX, SENDING_MAX
from tests.support.fakes.world import World
from tests.support.worlds import EVENTS, HOUR, NOW, SETTLE, a_world, acme

EVENTS_ONLY = acme(org_id=None)
TICK = timedelta(minutes=5)
FAULT = Fault("container_not_found", "There is no container raw.", "Make it.")
MIDNIGHT = HOUR.first_of_day()
TODAY = [MIDNIGHT.plus(number) for number in range(13)]


def tick(world: World, after: timedelta = timedelta()) -> list[Hour]:
    """Let the timer come after some time, and return the hours that it queued; nothing takes the messages."""
    before = len(world.hours.messages)
    queue_due_hours(world.gateways, now=NOW + after, settle=SETTLE)
    return [task.hour for task in world.hours.messages[before:]]


def ticked() -> World:
    """Return a world in which a tick has queued the hours of a day, and all of them wait."""
    world = a_world(EVENTS_ONLY)
    assert tick(world) == TODAY
    world.hours.oldest_sent = NOW
    return world


def test_what_waits_is_not_queued_again() -> None:
    """However many ticks come; a new hour is."""
    world = ticked()

    assert tick(world, TICK) == []
    assert tick(world, 2 * TICK) == []
    assert tick(world, timedelta(hours=1)) == [HOUR.plus(1)]
    assert tick(world, timedelta(hours=1) + TICK) == []


def test_once_the_queue_is_empty_everything_that_is_due_is_queued() -> None:
    """Messages may be lost; the next tick derives the hours from the tables."""
    world = ticked()
    world.hours.take()

    assert tick(world, TICK) == TODAY


def test_a_lost_message_among_others_is_replaced_once_those_of_its_tick_are_taken() -> None:
    """Later messages keep the queue from being empty."""
    world = ticked()
    world.hours.messages = [HourTask(EVENTS, HOUR)]
    world.hours.oldest_sent = NOW + SENDING_MAX
    assert tick(world, 2 * TICK) == []

    world.hours.oldest_sent = NOW + SENDING_MAX + timedelta(seconds=1)
    assert tick(world, 2 * TICK) == TODAY


def test_messages_in_the_hands_of_workers_are_left_to_them_for_a_lease() -> None:
    """They are hidden: the queue counts them, and none is the oldest that could be taken."""
    world = ticked()
    world.hours.delayed = [(task, LEASE) for task in world.hours.take()]

    assert tick(world, IN_HAND_MAX - timedelta(seconds=1)) == []
    assert tick(world, IN_HAND_MAX) == TODAY


def test_an_hour_that_a_worker_had_since_is_queued_again_when_it_is_due() -> None:
    """After its back-off, or when the lease of its dead worker has ended; the others still wait."""
    world = ticked()
    began = NOW + timedelta(minutes=1)
    failed, dead = TODAY[1], TODAY[2]
    world.ledger.put(HourRecord(EVENTS, failed).claimed_by("c", "schedule", began).failed(FAULT, began), None)
    world.ledger.put(HourRecord(EVENTS, dead).claimed_by("c", "schedule", began), None)

    assert tick(world, timedelta(minutes=2)) == []
    assert tick(world, timedelta(minutes=1) + LEASE) == [dead]
    assert tick(world, timedelta(minutes=1) + BACK_OFF_FIRST) == [failed]


def test_what_a_worker_had_before_it_was_queued_says_nothing() -> None:
    """A failed hour that was queued again waits like any other."""
    world = a_world(EVENTS_ONLY)
    ago = NOW - timedelta(days=1)
    world.ledger.put(HourRecord(EVENTS, HOUR).claimed_by("c", "schedule", ago).failed(FAULT, ago), None)
    assert tick(world) == TODAY
    world.hours.oldest_sent = NOW

    assert tick(world, TICK) == []


def test_a_storage_that_heals_gets_all_of_its_hours() -> None:
    """Workers dropped their messages while it refused."""
    world = ticked()
    world.breakers.put("acme", Breaker(healed_at=NOW + timedelta(minutes=1)))

    assert tick(world, TICK) == TODAY


def test_late_checks_wait_like_hours() -> None:
    """They have messages of their own."""
    world = a_world(EVENTS_ONLY)
    for hour in TODAY:
        world.ledger.put(HourRecord(EVENTS, hour).claimed_by("c", "schedule", NOW).finished(NOW), None)

    def checks(after: timedelta) -> list[Hour]:
        before = len(world.hours.messages)
        late_checks = (timedelta(hours=1),)
        queue_due_hours(world.gateways, now=NOW + after, settle=SETTLE, late_checks=late_checks)
        return [task.hour for task in world.hours.messages[before:] if task.late]

    first = checks(timedelta())
    world.hours.oldest_sent = NOW

    assert first == TODAY[:-1]
    assert checks(TICK) == []


@pytest.mark.parametrize("content", [b"", b"broken", b"[1]", b'[{"at":"2026-01-31"}]', None])
def test_without_the_blob_hours_are_queued_once_more(content: bytes | None) -> None:
    """It is a hint, and only a hint."""
    world = ticked()
    if content is None:
        world.gateways.state.delete(BLOB)
    else:
        world.gateways.state.put(BLOB, [content])

    assert tick(world, TICK) == TODAY
    assert tick(world, 2 * TICK) == []


def test_a_message_that_has_expired_does_not_count() -> None:
    """Whatever the queue says of its oldest one."""
    world = ticked()

    assert set(TODAY) <= set(tick(world, EXPIRES_AFTER))


def test_a_day_of_a_thousand_destinations_is_queued_within_two_ticks() -> None:
    """Each hour once, though no worker takes a message meanwhile."""
    world = a_world(EVENTS_ONLY)
    activated = NOW - timedelta(days=2)
    for number in range(999):
        world.destinations.put(replace(EVENTS_ONLY, id=f"d{number}", activated_at=activated), None)
    day = [HOUR.plus(-number) for number in range(24)]

    tick(world)
    world.hours.oldest_sent = NOW
    tick(world, TICK)

    counts: Counter[tuple[StreamKey, Hour]] = Counter((task.key, task.hour) for task in world.hours.messages)
    live = [count for (key, hour), count in counts.items() if hour in day and key != EVENTS]
    assert len(live) == 999 * 24
    assert set(counts.values()) == {1}
