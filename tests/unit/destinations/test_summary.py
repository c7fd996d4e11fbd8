"""All destinations in a few numbers."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.backfill.requests import BackfillRequest, create
from exporter.destinations import summary
from exporter.destinations.recent_rows import RECENT_HOURS
from exporter.destinations.summary import TIME_MAX, summarize
from exporter.domain.destination import Status
from exporter.domain.errors import Fault
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.stream_progress import StreamProgress
from exporter.http.summary import summary_view
from exporter.schedule.ledger_view import AsOf
from tests.support.fakes.world import World
from tests.support.worlds import ACME, EVENTS, HOUR, NOW, SETTLE, a_world, an_event, attempt

AS_OF = AsOf(NOW, SETTLE)
COUNT = 120


def several() -> World:
    """Return a world with destinations of each status on several pages; one has exported, two owe hours."""
    world = a_world(replace(ACME, org_id=None))
    for hour in (HOUR, HOUR.plus(-RECENT_HOURS)):
        world.land(EVENTS.stream, hour, [an_event(1, hour), an_event(2, hour), {"uuid": 5}])
        attempt(world, task=HourTask(EVENTS, hour), claim_id=hour.key)
    world.schedule.put(EVENTS, StreamProgress(EVENTS, HOUR, HOUR.plus(1), place=ACME.storage.place))
    statuses = {1: Status.DRAFT, 2: Status.PAUSED, 3: Status.DELETED}
    for number in range(1, COUNT):
        name, status = f"d{number:03}", statuses.get(number, Status.ACTIVE)
        destination = replace(ACME, id=name, org_id=None, status=status)
        world.destinations.put(destination, None)
        (key,) = destination.streams
        owed_from = {4: HOUR.plus(-3), 5: HOUR}.get(number, HOUR.plus(1))
        world.schedule.put(key, StreamProgress(key, owed_from, owed_from, place=ACME.storage.place))
        if number == 5:
            failed = HourRecord(key, HOUR).claimed_by("c", "schedule", NOW)
            world.ledger.put(failed.failed(Fault("code", "message", "fix"), NOW), None)
    return world


def test_destinations_hours_rows_and_backfills_are_counted() -> None:
    """Over all pages; deleted destinations and older hours do not count."""
    world = several()
    day = Hour.parse("2026-01-30T00")
    create(world.gateways, "acme", BackfillRequest(day.key, day.key, day, day), as_of=AS_OF, new_id="b1")
    world.destinations.spoil("d007")
    size = sum(figures.bytes for _, figures in world.ledger.figures(EVENTS, HOUR, HOUR))

    found = summary_view(summarize(world.gateways, AS_OF, lambda: NOW))

    assert size > 0
    assert found == {
        "at": "2026-01-31T13:15:00Z",
        "destinations": {"draft": 1, "active": COUNT - 5, "paused": 1, "failing": 1},
        "behind": 2,
        "owed_hours": 5,
        "oldest_owed": {"destination": "d004", "data_type": "events", "since": HOUR.plus(-3).key},
        "last_24_hours": {"rows": 2, "rejected": 1, "bytes": size},
        "running_backfills": 1,
        "unreadable": 1,
        "complete": True,
    }


def test_those_that_owe_the_most_hours_come_first() -> None:
    """Up to a limit; who owes none is not among them."""
    found = summarize(several().gateways, AS_OF, lambda: NOW)

    assert [each.destination.id for each in found.most_behind(COUNT)] == ["d004", "d005"]
    assert [each.destination.id for each in found.most_behind(1)] == ["d004"]


def test_only_so_many_of_those_that_owe_hours_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is cut while it grows, and those that owe the most stay in it."""
    monkeypatch.setattr(summary, "BEHIND_MAX", 2)
    monkeypatch.setattr(summary, "_BEHIND_KEPT", 3)
    world = a_world(replace(ACME, org_id=None))
    for number in range(1, 10):
        destination = replace(ACME, id=f"d{number}", org_id=None)
        world.destinations.put(destination, None)
        (key,) = destination.streams
        begin = HOUR.plus(-(number % 5))
        world.schedule.put(key, StreamProgress(key, begin, begin, place=ACME.storage.place))

    found = summarize(world.gateways, AS_OF, lambda: NOW)

    assert [each.destination.id for each in found.most_behind(COUNT)] == ["d4", "d9"]


def test_a_summary_ends_in_time_and_says_that_it_is_not_complete() -> None:
    """Whatever was counted until then is in it."""
    world = several()
    clock = iter(NOW + TIME_MAX / 10 * number for number in range(COUNT))

    found = summarize(world.gateways, AS_OF, lambda: next(clock))

    assert not found.complete
    assert found.statuses.total() == 9


def test_nothing_is_behind_where_there_is_no_destination() -> None:
    """An empty installation has a summary."""
    found = summary_view(summarize(World().gateways, AsOf(NOW, timedelta(0)), lambda: NOW))

    assert (found["oldest_owed"], found["owed_hours"], found["complete"]) == (None, 0, True)
