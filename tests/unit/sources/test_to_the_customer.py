"""From the Export API to the customer's container: no marker precedes the data of its hour."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain.destination import Status
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourStatus
from exporter.domain.hour_task import HourTask
from exporter.domain.source import SourceStatus
from exporter.export.attempt import Outcome
from exporter.schedule.failures import Failures
from exporter.schedule.ledger_view import AsOf, as_of_now, list_hours, stream_states
from exporter.schedule.planner import queue_due_hours
from tests.support.pulling import HOUR, Pulling, a_source, answer, event, numbers
from tests.support.worlds import EVENTS, SETTLE, a_world, acme, attempt, backfill, the_record

LATE_CHECKS = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 72))


def a_pulling(**changes: object) -> Pulling:
    """Return a source of a project that a destination receives since the hour of the source's start."""
    world = a_world(acme(org_id=None, activated_at=HOUR.start))
    world.landed.committed.clear()
    return Pulling(world, source=a_source(**changes))


def export(pulling: Pulling) -> None:
    """Let the exporter's timer fire, and its workers do what is queued."""
    failures = Failures()
    queue_due_hours(
        pulling.world.gateways, now=pulling.now, settle=SETTLE, late_checks=LATE_CHECKS, failures=failures
    )
    failures.end()
    for number, task in enumerate(pulling.world.hours.take()):
        attempt(pulling.world, pulling.now, f"{pulling.now:%d%H%M}-{number}", task)


def exported(pulling: Pulling, hour: Hour = HOUR) -> list[int]:
    """Return the numbers of the rows that the customer has of an hour."""
    name = f"{hour.date}_{hour.start.hour}#"
    return numbers(pulling.world.events_a_reader_sees(prefix=f"187520_{name}"))


def marked(pulling: Pulling) -> list[int]:
    """Return the hours after ``HOUR`` that have a marker."""
    names = pulling.world.markers_a_reader_sees()
    hours = (HOUR.plus(number) for number in range(100))
    return [n for n, hour in enumerate(hours) if f"187520_{hour.date}_{hour.start.hour}_complete" in names]


def live(pulling: Pulling, hours: float) -> None:
    """Let time pass: both timers fire every half an hour."""
    for _ in range(round(2 * hours)):
        pulling.wait(minutes=30)
        pulling.run()
        export(pulling)


def full(pulling: Pulling, hours: Iterable[int]) -> None:
    """Let the API have one row in each of the hours after ``HOUR``, with the number of the hour."""
    for number in hours:
        hour = HOUR.plus(number)
        pulling.answers(answer([event(number, hour)], hour=hour), hour=hour)


def test_hours_are_exported_once_they_are_pulled_and_not_by_the_clock() -> None:
    """The clock would have closed them two hours before."""
    pulling = a_pulling()
    full(pulling, range(4))
    pulling.now = HOUR.end + timedelta(minutes=30)

    live(pulling, 1)
    assert marked(pulling) == []
    live(pulling, 3)

    assert marked(pulling) == [0, 1, 2]
    assert [exported(pulling, HOUR.plus(number)) for number in range(4)] == [[0], [1], [2], []]


def test_an_hour_whose_data_is_late_has_no_marker_before_it() -> None:
    """Nor has any hour after it."""
    pulling = a_pulling()
    full(pulling, [0, 2])
    pulling.answers(404, 404, 404, answer([event(7, HOUR.plus(1))], hour=HOUR.plus(1)), hour=HOUR.plus(1))

    live(pulling, 2)
    assert marked(pulling) == [0]
    live(pulling, 1)
    assert marked(pulling)[:3] == [0, 1, 2]
    assert exported(pulling, HOUR.plus(1)) == [7]


def test_an_hour_without_data_is_exported_as_empty_after_four_hours() -> None:
    """A marker without parts."""
    pulling = a_pulling()
    full(pulling, [0, 2, 3, 4, 5, 6, 7])

    live(pulling, 4.5)
    assert marked(pulling) == [0]
    live(pulling, 1)
    assert marked(pulling)[:3] == [0, 1, 2]
    assert the_record(pulling.world, hour=HOUR.plus(1)).status is HourStatus.EMPTY


def test_an_hour_that_has_failed_is_not_exported_until_it_is_pulled() -> None:
    """Those after it are."""
    pulling = a_pulling(repull_hours=())
    full(pulling, [0, 2, 3])
    pulling.answers(400, answer([event(1, HOUR.plus(1))], hour=HOUR.plus(1)), hour=HOUR.plus(1))
    live(pulling, 3)
    assert marked(pulling) == [0, 2, 3]
    assert the_backfill(pulling, HOUR.plus(1)) is Outcome.FAILED
    failed = the_record(pulling.world, hour=HOUR.plus(1))
    assert failed.work.error is not None
    assert failed.work.error.code == "source_hour_failed"
    assert marked(pulling) == [0, 2, 3]

    pulling.pull_on_request(HOUR.plus(1))
    live(pulling, 1)
    assert marked(pulling)[:3] == [0, 1, 2]
    assert exported(pulling, HOUR.plus(1)) == [1]


def the_backfill(pulling: Pulling, hour: Hour) -> Outcome:
    """Let a backfill ask for an hour."""
    task = backfill(pulling.world, EVENTS, hour, pulling.now)
    return attempt(pulling.world, pulling.now, "of the backfill", task)


@pytest.mark.parametrize("after", [24, 100])
def test_rows_of_a_second_pull_reach_the_customer_once(after: int) -> None:
    """As a further part, also if the last late check of the hour is long over."""
    pulling = a_pulling(repull_hours=(after,))
    full(pulling, range(1))
    live(pulling, 1)
    assert exported(pulling) == [0]
    pulling.save(replace(pulling.source, lag_minutes=1440))
    pulling.answers(answer([event(0), event(50), event(51)]))

    pulling.now = HOUR.end + timedelta(hours=after + 2)
    live(pulling, 3)

    assert exported(pulling) == [0, 50, 51]
    assert len(the_record(pulling.world, hour=HOUR).content.parts) == 2
    assert pulling.world.puller.late.rows == {}


def test_rows_of_a_neighbouring_hour_reach_the_customer() -> None:
    """They are late for their own hour, which is closed."""
    pulling = a_pulling()
    full(pulling, [0])
    pulling.answers(answer([event(1, HOUR.plus(1)), event(60)], hour=HOUR.plus(1)), hour=HOUR.plus(1))

    live(pulling, 2)

    assert exported(pulling) == [0, 60]
    assert exported(pulling, HOUR.plus(1)) == [1]


@pytest.mark.parametrize("status", [SourceStatus.PAUSED, SourceStatus.ACTIVE])
def test_a_source_that_is_paused_or_failing_holds_its_hours_open(status: SourceStatus) -> None:
    """The destination's state says which source it is. A source that is deleted holds nothing."""
    pulling = a_pulling()
    full(pulling, [0])
    live(pulling, 0.5)
    for number in range(1, 50):
        pulling.answers(401, hour=HOUR.plus(number))
    pulling.save(replace(pulling.source, status=status))

    live(pulling, 24)

    assert marked(pulling) == [0]
    (state,) = stream_states(pulling.world.gateways, acme(org_id=None), as_of(pulling))
    assert (state.owed, state.held_by) == (0, "acme")
    pulling.save(replace(pulling.source, status=SourceStatus.DELETED))
    export(pulling)
    assert marked(pulling) == list(range(27))
    (state,) = stream_states(pulling.world.gateways, acme(org_id=None), as_of(pulling))
    assert state.held_by is None


def as_of(pulling: Pulling) -> AsOf:
    """Return the time of a query."""
    return as_of_now(pulling.world.gateways, pulling.now, SETTLE)


def test_the_ledger_shows_no_hour_that_is_not_closed() -> None:
    """Hours that are owed and open are left out, those that were exported before are shown."""
    pulling = a_pulling(start=HOUR.plus(2))
    pulling.world.land(EVENTS.stream, HOUR, [event(1)])
    pulling.now = HOUR.end + timedelta(hours=6)
    full(pulling, [2, 4])
    pulling.answers(400, hour=HOUR.plus(3))
    pulling.run()
    export(pulling)

    shown = list_hours(
        pulling.world.gateways, acme(org_id=None), EVENTS, (HOUR, HOUR.plus(20)), as_of=as_of(pulling)
    )

    assert [(record.hour, record.status) for record in shown] == [
        (HOUR, HourStatus.EXPORTED),
        (HOUR.plus(1), HourStatus.EMPTY),
        (HOUR.plus(2), HourStatus.EXPORTED),
        (HOUR.plus(4), HourStatus.EXPORTED),
    ]


def test_a_message_for_an_hour_that_is_not_closed_exports_nothing() -> None:
    """It may have been queued before there was a source."""
    pulling = a_pulling()
    pulling.now = HOUR.end + timedelta(hours=1)

    assert attempt(pulling.world, pulling.now, "w", HourTask(EVENTS, HOUR)) is Outcome.NOT_DUE


def test_late_rows_wait_for_a_destination_that_is_paused() -> None:
    """And reach it when it is resumed."""
    pulling = a_pulling(repull_hours=(100,))
    full(pulling, [0])
    live(pulling, 1)
    paused = acme(org_id=None, activated_at=HOUR.start, status=Status.PAUSED)
    found = pulling.world.destinations.get("acme")
    assert found is not None
    etag = pulling.world.destinations.put(paused, found.etag)
    pulling.answers(answer([event(0), event(50)]))
    pulling.save(replace(pulling.source, lag_minutes=1440))
    pulling.now = HOUR.end + timedelta(hours=103)
    live(pulling, 2)
    assert exported(pulling) == [0]

    pulling.world.destinations.put(replace(paused, status=Status.ACTIVE), etag)
    live(pulling, 2)
    assert exported(pulling) == [0, 50]
    assert pulling.world.puller.late.rows == {}
