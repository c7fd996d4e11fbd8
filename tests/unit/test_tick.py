"""A tick heals first and raises last: an error in one part does not stop the others."""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.backfill.requests import BackfillRequest, create
from exporter.destinations.overview import list_destinations, overview_of
from exporter.domain.backfill import STALLED
from exporter.domain.breaker import Breaker
from exporter.domain.destination import Status
from exporter.domain.errors import Fault, LandingMissing, Transient
from exporter.domain.hour_record import UNREADABLE, HourRecord, HourStatus, HourTask, StreamProgress
from exporter.domain.verification import Span
from exporter.schedule.failures import Failures
from exporter.schedule.ledger_view import NOTES_READ_MAX, AsOf, list_hours
from exporter.schedule.planner import TickReport
from exporter.tick import run_tick
from exporter.verify import runner
from tests.support.fakes.world import World
from tests.support.worlds import EVENTS, HOUR, NOW, SETTLE, a_world, acme, an_event, attempt

EVENTS_ONLY = acme(org_id=None)
OTHER = replace(EVENTS, destination_id="other")
MIDNIGHT = HOUR.first_of_day()
AS_OF = AsOf(NOW, SETTLE)
LATER = NOW + max(STALLED, runner.STALLED)
REFUSED = Fault("missing_action", "The credentials lack it.", "Grant it.")


def two(world: World | None = None) -> World:
    """Make a world with two destinations; tests break something of the first."""
    world = a_world(EVENTS_ONLY, world)
    world.destinations.put(replace(EVENTS_ONLY, id="other"), None)
    return world


def tick(world: World, now: object = NOW) -> tuple[TickReport | None, Failures]:
    """Run a tick; return its report and its errors."""
    failures = Failures()
    found = run_tick(world.gateways, now=now, settle=SETTLE, late_checks=(), failures=failures)  # type: ignore[arg-type]  # a time
    return found, failures


def queued_for(world: World, name: str) -> int:
    """Return how many hours of a destination are queued."""
    return sum(task.key.destination_id == name for task in world.hours.messages)


def spoil_destination(world: World) -> None:
    """Make the destination's row unreadable."""
    world.destinations.spoil("acme")


def spoil_schedule(world: World) -> None:
    """Make the row of its stream unreadable."""
    world.schedule.put(EVENTS, StreamProgress(EVENTS, MIDNIGHT, MIDNIGHT))
    world.schedule.spoil(EVENTS)


def spoil_breaker(world: World) -> None:
    """Make the row of its breaker unreadable."""
    world.breakers.put("acme", Breaker())
    world.breakers.spoil("acme")


SPOILED = {
    "destinations": (spoil_destination, "destination / acme"),
    "schedule": (spoil_schedule, f"stream / {EVENTS}"),
    "breakers": (spoil_breaker, "destination / acme"),
}


@pytest.mark.parametrize(("table", "spoil", "key"), [(name, *how) for name, how in SPOILED.items()])
def test_an_unreadable_row_costs_its_own_destination_and_no_other(
    table: str, spoil: Callable[[World], None], key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The tick goes on, nothing is raised, and the log names table and key."""
    world = two()
    spoil(world)

    with caplog.at_level(logging.ERROR):
        found, failures = tick(world)

    assert found is not None
    assert failures.found == []
    assert (queued_for(world, "acme"), queued_for(world, "other")) == (0, 13)
    (line,) = {record.getMessage() for record in caplog.records}
    facts = json.loads(line.removeprefix("row unreadable "))
    assert (facts["table"], facts["key"]) == (table, key)


@pytest.mark.parametrize(("table", "spoil", "key"), [(name, *how) for name, how in SPOILED.items()])
def test_an_unreadable_row_is_listed_by_its_key(table: str, spoil: Callable[[World], None], key: str) -> None:
    """The other destinations are listed as usual."""
    world = two()
    spoil(world)

    found = list_destinations(world.gateways, AS_OF)

    assert [(row.table, row.key) for row in found.unreadable] == [(table, key)]
    shown = {each.destination.id: each for each in found}
    assert shown["other"].status is Status.ACTIVE
    if table == "destinations":
        assert shown.keys() == {"other"}
    else:
        assert shown["acme"].status is Status.FAILING
        assert shown["acme"].error is not None
        assert shown["acme"].error.code == UNREADABLE
        assert key in shown["acme"].error.fix


def test_a_single_destination_shows_its_unreadable_row() -> None:
    """The answer names the row, instead of an internal error."""
    world = two()
    spoil_schedule(world)

    shown = overview_of(world.gateways, EVENTS_ONLY, AS_OF)

    assert (shown.status, [row.key for row in shown.unreadable]) == (Status.FAILING, [f"stream / {EVENTS}"])


def test_an_unreadable_hour_costs_this_hour_alone() -> None:
    """It is not queued, counts as owed, and is shown as failed with a fix; the others are queued."""
    world = a_world(EVENTS_ONLY)
    hour = MIDNIGHT.plus(3)
    world.ledger.put(HourRecord(EVENTS, hour).claimed_by("c", "schedule", NOW).finished(NOW), None)
    world.ledger.spoil(EVENTS, hour)

    found, failures = tick(world)

    assert (found is not None and found.queued, failures.found) == (12, [])
    assert hour not in {task.hour for task in world.hours.messages}
    span = (hour, hour)
    (listed,) = list_hours(world.gateways, EVENTS_ONLY, EVENTS, span, as_of=AS_OF)
    assert (listed.status, listed.error and listed.error.code) == (HourStatus.FAILED, UNREADABLE)
    (shown,) = list_destinations(world.gateways, AS_OF)
    assert (shown.states[0].owed, shown.error and shown.error.code) == (13, UNREADABLE)


@pytest.mark.parametrize("kind", ["note", "ledger row of a note"])
def test_an_unreadable_note_stops_no_other(kind: str) -> None:
    """Reopened hours are handled one by one."""
    world = a_world(EVENTS_ONLY)
    for hour in (MIDNIGHT, MIDNIGHT.plus(1)):
        world.ledger.put(HourRecord(EVENTS, hour).claimed_by("dead", "schedule", NOW - timedelta(1)), None)
        world.reopened.remember(HourTask(EVENTS, hour, "backfill:b1"))
    if kind == "note":
        world.reopened.spoil(EVENTS, MIDNIGHT)
    else:
        world.ledger.spoil(EVENTS, MIDNIGHT)

    _, failures = tick(world)

    assert failures.found == []
    assert [task.hour for task in world.backfill_hours.messages] == [MIDNIGHT.plus(1)]


def test_stalled_backfills_and_verifications_go_on_whatever_else_fails() -> None:
    """Their steps are sent before anything is planned, and an unreadable row stops no other."""
    world = two()
    as_of = AsOf(NOW, SETTLE)
    for name in ("b1", "b2"):
        create(
            world.gateways, "acme", BackfillRequest(HOUR.key, HOUR.key, HOUR, HOUR), as_of=as_of, new_id=name
        )
    for name in ("v1", "v2"):
        span = Span(HOUR, HOUR, (EVENTS.stream.data_type,), 0)
        runner.begin(world.gateways, EVENTS_ONLY, span, repair=False, now=NOW, new_id=name)
    world.backfills.spoil("acme", "b1")
    world.verifications.spoil("acme", "v1")
    world.backfill_steps.messages.clear()
    world.verify_steps.messages.clear()

    class Away:
        """A schedule that cannot be read at all."""

        def all(self) -> None:
            raise Transient("busy")

    world.gateways = replace(world.gateways, schedule=Away())  # type: ignore[arg-type]  # no other call is made
    found, failures = tick(world, LATER)

    assert found is None
    assert [type(each) for each in failures.found] == [Transient]
    assert failures.found[0].__notes__ == ["while planning"]
    assert [step.backfill_id for step in world.backfill_steps.messages] == ["b2"]
    assert [step.verification_id for step in world.verify_steps.messages] == ["v2"]


def test_hours_are_planned_although_nothing_stalled_can_be_sent() -> None:
    """The errors are raised when the rest is done."""
    world = two()

    class Away:
        """A table that cannot be read."""

        def unfinished(self) -> None:
            raise Transient("busy")

    away = Away()
    world.gateways = replace(world.gateways, backfills=away, verifications=away)  # type: ignore[arg-type]  # no other call is made
    found, failures = tick(world)

    assert (found is not None and found.queued) == 26
    with pytest.raises(ExceptionGroup, match="2 parts of the tick failed"):
        failures.end()


def test_the_end_of_the_process_is_not_kept_as_an_error() -> None:
    """It ends the tick at once."""
    failures = Failures()

    with pytest.raises(KeyboardInterrupt), failures.guard("working"):
        raise KeyboardInterrupt

    assert failures.found == []


def test_an_hour_behind_the_schedule_that_fails_is_seen() -> None:
    """The destination owes it, and shows its error."""
    world = a_world(EVENTS_ONLY)
    world.land(EVENTS.stream, MIDNIGHT, [an_event(1, MIDNIGHT)])
    while world.hours.messages or (tick(world)[0] or TickReport(0, 0, 0)).queued:
        for task in world.hours.take():
            attempt(world, task=task)
    (before,) = list_destinations(world.gateways, AS_OF)
    assert (before.states[0].owed, before.error) == (0, None)
    world.land(EVENTS.stream, MIDNIGHT, [an_event(2, MIDNIGHT)], "late.json")
    world.reader().faults["write"] = REFUSED
    later = NOW + timedelta(minutes=1)
    create(
        world.gateways,
        "acme",
        BackfillRequest(MIDNIGHT.key, MIDNIGHT.key, MIDNIGHT, MIDNIGHT),
        as_of=AsOf(later, SETTLE),
        new_id="b1",
    )
    attempt(world, later, claim_id="again", task=HourTask(EVENTS, MIDNIGHT, "backfill:b1"))

    for shown in (
        list_destinations(world.gateways, AS_OF)[0],
        overview_of(world.gateways, EVENTS_ONLY, AS_OF),
    ):
        state = shown.states[0]
        assert (state.owed, state.owed_since, shown.error) == (1, MIDNIGHT, REFUSED)
        assert shown.status is Status.FAILING
        assert state.last_exported == HOUR


def test_many_reopened_hours_are_counted_and_not_read_one_by_one() -> None:
    """An outage may reopen hundreds of hours, while people look at the list."""
    world = a_world(EVENTS_ONLY)
    for number in range(100):
        hour = MIDNIGHT.plus(-number - 1)
        taken = HourRecord(EVENTS, hour).claimed_by("c", "backfill:b1", NOW)
        world.ledger.put(taken.failed(REFUSED, NOW) if number == 0 else taken, None)
        world.reopened.remember(HourTask(EVENTS, hour, "backfill:b1"))
    read = 0
    between = world.ledger.between

    def counted(*span: object) -> Iterator[HourRecord]:
        nonlocal read
        read += 1
        return between(*span)  # type: ignore[arg-type]  # passed on

    world.ledger.between = counted  # type: ignore[method-assign,assignment]  # counts
    (shown,) = list_destinations(world.gateways, AS_OF)

    assert (shown.states[0].owed, shown.error, shown.states[0].owed_since) == (
        100,
        REFUSED,
        MIDNIGHT.plus(-100),
    )
    assert read == NOTES_READ_MAX


def test_nothing_is_queued_again_without_landing() -> None:
    """Reopened hours wait for it like all others."""
    world = a_world(EVENTS_ONLY)
    world.schedule.put(EVENTS, StreamProgress(EVENTS, MIDNIGHT, HOUR.plus(1)))
    world.ledger.put(HourRecord(EVENTS, MIDNIGHT).claimed_by("dead", "backfill:b1", NOW - timedelta(1)), None)
    world.reopened.remember(HourTask(EVENTS, MIDNIGHT, "backfill:b1"))
    world.landing.there = False

    _, failures = tick(world)

    assert world.backfill_hours.messages == world.hours.messages == []
    assert LandingMissing in {type(each) for each in failures.found}
