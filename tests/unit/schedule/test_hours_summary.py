"""The summary of hours: the same as their list, in columns."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain.destination import Destination, Status, StorageTarget
from exporter.domain.errors import Fault
from exporter.domain.hour import Hour, hours_between
from exporter.domain.hour_content import HourFigures
from exporter.domain.hour_record import HourRecord, HourStatus
from exporter.domain.hour_task import HourTask
from exporter.domain.stream_progress import StreamProgress
from exporter.http.hours_summary import days_view, hours_view
from exporter.schedule.hours_summary import by_day, summarize_hours
from exporter.schedule.ledger_view import AsOf, list_hours
from tests.support.fakes.world import World
from tests.support.worlds import ACME, EVENTS, HOUR, NOW, SETTLE, a_world, an_event, attempt

AS_OF = AsOf(NOW, SETTLE)
FAULT = Fault("code", "message", "fix")
# Twelve hours before, and three after, the newest closed hour.
SPAN = (HOUR.plus(-12), HOUR.plus(3))
STATUSES = "--O.EFRO.OOOO---"


def a_varied_world() -> World:
    """Return a world whose stream begins ten hours ago and has an hour of each status."""
    world = a_world()
    world.schedule.put(EVENTS, StreamProgress(EVENTS, HOUR.plus(-10), HOUR, place=ACME.storage.place))
    exported = HOUR.plus(-8)
    world.land(EVENTS.stream, exported, [an_event(1, exported), an_event(2, exported), {"uuid": 5}])
    for hour in (HOUR.plus(-9), exported, HOUR.plus(-4)):
        attempt(world, task=HourTask(EVENTS, hour), claim_id=hour.key)
    world.land(EVENTS.stream, exported, [an_event(3, exported)], "late.json")
    attempt(world, NOW + timedelta(minutes=1), "late", HourTask(EVENTS, exported, late=True))
    running = HourRecord(EVENTS, HOUR.plus(-6)).claimed_by("c", "schedule", NOW)
    for record in (
        HourRecord(EVENTS, HOUR.plus(-7)).claimed_by("c", "schedule", NOW).failed(FAULT, NOW),
        running,
        # Its worker died.
        replace(running, hour=HOUR.plus(-5)).claimed_by("c", "schedule", NOW - timedelta(hours=1)),
    ):
        world.ledger.put(record, None)
    return world


def summary(
    world: World, span: tuple[Hour, Hour] = SPAN, destination: Destination = ACME
) -> dict[str, object]:
    """Return the summary by hour."""
    return dict(hours_view(EVENTS, summarize_hours(world.gateways, destination, EVENTS, span, as_of=AS_OF)))


def test_the_columns_have_a_place_for_every_hour_of_the_range() -> None:
    """Those before the stream's first one and those that are not closed, too."""
    world = a_varied_world()

    found = summary(world)

    (record,) = list_hours(world.gateways, ACME, EVENTS, (HOUR.plus(-8),) * 2, as_of=AS_OF)
    assert record.content.rows.exported == 3
    assert found == {
        "data_type": "events",
        "by": "hour",
        "first": SPAN[0].key,
        "status": STATUSES,
        "rows": [3 if letter == "E" else 0 for letter in STATUSES],
        "rejected": [1 if letter == "E" else 0 for letter in STATUSES],
        "bytes": [
            sum(part.bytes for part in record.content.parts) if letter == "E" else 0 for letter in STATUSES
        ],
        "late": [1 if letter == "E" else 0 for letter in STATUSES],
    }


@pytest.mark.parametrize(
    "destination",
    [
        ACME,
        replace(ACME, status=Status.DELETED),
        replace(ACME, status=Status.DRAFT),
        replace(ACME, storage=StorageTarget("another")),
    ],
    ids=["active", "deleted", "draft", "moved"],
)
def test_an_hour_has_the_status_that_the_list_of_hours_gives_it(destination: Destination) -> None:
    """Also if the destination owes nothing, or owes everything to another container."""
    world = a_varied_world()
    world.ledger.spoil(EVENTS, HOUR.plus(-7))
    listed = {
        record.hour: (record.status, record.content.figures if record.done else HourFigures())
        for record in list_hours(world.gateways, destination, EVENTS, SPAN, as_of=AS_OF)
    }

    found = list(summarize_hours(world.gateways, destination, EVENTS, SPAN, as_of=AS_OF))

    assert [each.hour for each in found] == list(hours_between(*SPAN))
    assert {each.hour: (each.status, each.figures) for each in found if each.status} == listed
    assert HourStatus.FAILED in {each.status for each in found}


def test_a_day_has_the_worst_status_and_the_sums_of_its_hours() -> None:
    """And counts its hours by status; a day of which only some hours are in the range has only these."""
    world = a_varied_world()
    span = (SPAN[0].plus(-2), SPAN[1].plus(24))
    hours = list(summarize_hours(world.gateways, ACME, EVENTS, span, as_of=AS_OF))

    found = days_view(EVENTS, hours)

    assert [len(day) for day in by_day(hours)] == [2, 24, 16]
    assert (found["by"], found["first"], found["status"]) == ("day", span[0].date, "-F-")
    assert (found["rows"], found["rejected"], found["late"]) == ([0, 3, 0], [0, 1, 0], [0, 1, 0])
    assert found["hours"] == {
        "failed": [0, 1, 0],
        "owed": [0, 6, 0],
        "running": [0, 1, 0],
        "exported": [0, 1, 0],
        "empty": [0, 2, 0],
    }
