"""A world in which backfills run: time passes, messages are delivered, ticks come."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from exporter.backfill.lifecycle import find_backfill
from exporter.backfill.progress import BackfillProgress, progress_of
from exporter.backfill.requests import BackfillRequest, create
from exporter.backfill.runner import resend_stalled, take_step
from exporter.domain.backfill import Backfill, BackfillStatus
from exporter.domain.destination import Destination
from exporter.domain.errors import Conflict, Transient
from exporter.domain.hour import Hour, hours_between
from exporter.domain.hour_record import (
    HourTask,
)
from exporter.export.attempt import Outcome
from exporter.schedule.ledger_view import AsOf
from exporter.schedule.planner import queue_due_hours
from exporter.schedule.poison import record_poison
from tests.support.fakes.world import World
from tests.support.worlds import (
    ACME,
    EVENTS,
    HOUR,
    NOW,
    SETTLE,
    a_world,
    acme,
    an_event,
    attempt,
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

    def request(self, request: BackfillRequest = THREE_HOURS, name: str = "b1") -> Backfill:
        """Request a backfill."""
        return create(self.world.gateways, "acme", request, as_of=AsOf(self.now, SETTLE), new_id=name)

    def backfill(self, name: str = "b1") -> Backfill:
        """Return the backfill as it is now."""
        return find_backfill(self.world.gateways, "acme", name)

    def progress(self, name: str = "b1") -> BackfillProgress:
        """Return its progress now."""
        return progress_of(self.world.gateways, self.backfill(name), self.now)

    def step(self) -> int:
        """Deliver the waiting steps; return how many."""
        steps = self.world.backfill_steps.take()
        for each in steps:
            take_step(each, self.world.gateways, self.now)
        return len(steps)

    def deliver(self, hours_max: int = 1000) -> list[HourTask]:
        """Deliver messages of hours, delayed ones too; return their tasks."""
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
        """Run a tick."""
        queue_due_hours(self.world.gateways, now=self.now, settle=SETTLE)
        resend_stalled(self.world.gateways, self.now)

    def pass_time(self) -> None:
        """Let a minute pass: deliver messages, and run a tick if it is time."""
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
    """Return the uuids that a reader finds."""
    return [row["uuid"] for row in world.events_a_reader_sees()]


def expected(*numbers: int) -> list[object]:
    """Return the keys of these events."""
    return [an_event(number)["uuid"] for number in numbers]


def export(life: Life, hours: Iterable[Hour]) -> None:
    """Export hours as the schedule would."""
    for hour in hours:
        attempt(life.world, life.now, f"before-{hour}", HourTask(EVENTS, hour))


def fail(life: Life, hour: Hour, name: str = "b1") -> None:
    """Let an hour of a backfill fail, as a poison message does."""
    task = HourTask(EVENTS, hour, f"backfill:{name}")
    record_poison(task, life.world.gateways, error_id="e1", clock=lambda: life.now)


@dataclass
class ClocksApart:
    """Three hosts whose clocks are apart: of the API, of the steps and the timer, of the workers."""

    life: Life
    api: timedelta
    steps: timedelta
    workers: timedelta
    exports: int = 0
    seconds: int = 0

    def request(self, request: BackfillRequest, name: str = "b1") -> None:
        """Request a backfill."""
        as_of = AsOf(self.life.now + self.api, SETTLE)
        create(self.life.world.gateways, "acme", request, as_of=as_of, new_id=name)

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
                resend_stalled(gateways, self.life.now + self.steps)
            for task in world.backfill_hours.take() if deliver else []:
                with suppress(Conflict, Transient):
                    outcome = attempt(world, self.life.now + self.workers, f"c{self.seconds}", task)
                    self.exports += outcome is Outcome.EXPORTED
        raise AssertionError("a backfill without end")


SKEWS = [timedelta(seconds=seconds) for seconds in (-300, 0, 300)]


def an_exported_life() -> Life:
    """Make a world whose three hours were exported an hour ago."""
    life = a_life(ONLY_EVENTS)
    export(life, hours_between(HOUR.plus(-2), HOUR))
    life.now += timedelta(hours=1)
    return life
