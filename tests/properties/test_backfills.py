"""A backfill ends with a true result, whatever happens to its steps, hours and clocks."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from exporter.backfill.lifecycle import cancel, retry
from exporter.backfill.progress import progress_of
from exporter.backfill.requests import BackfillRequest, create, create_repair
from exporter.backfill.runner import resend_stalled, take_step
from exporter.domain.backfill import Backfill, BackfillStatus, BackfillStep
from exporter.domain.data_types import DataType
from exporter.domain.errors import Conflict, ExportError, Fault, Transient
from exporter.domain.hour import hours_between
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.work_item import WRITTEN_FOR_MAX
from exporter.schedule.ledger_view import AsOf
from exporter.schedule.planner import queue_due_hours
from exporter.schedule.poison import record_poison
from tests.support.fakes.writes import Crash
from tests.support.machines import worlds
from tests.support.worlds import (
    ACME,
    EVENTS,
    HOUR,
    MERGED_IDS,
    NOW,
    SETTLE,
    a_merge,
    a_world,
    an_event,
    attempt,
)

WORLDS = 60
STEPS = 40
WORLDS_MORE = 3000
FIRST = HOUR.plus(-4)
# Two hosts with these are apart as far as clocks may be.
SKEWS = [timedelta(seconds=seconds) for seconds in (-300, 0, 300)]
# A record names as many requests, and one that has the schedule's: so each that succeeded can be looked up.
BACKFILLS_MAX = WRITTEN_FOR_MAX - 1
REFUSED = Fault("access_refused", "The container refuses us.", "Let us in.")
# A round takes a minute: an hour's back-off, clocks that are apart, and a stalled job fit in.
ROUNDS_MAX = 240
skew = st.sampled_from(SKEWS)
fate = st.sampled_from(["works", "works", "is doubled", "is lost", "dies", "fails for a moment"])
place = st.integers(0, 100)


class Backfills(RuleBasedStateMachine):
    """A world of a few hours in which backfills run, and in which everything that can go wrong does."""

    def __init__(self) -> None:
        super().__init__()
        self.world = a_world(ACME)
        self.now = NOW
        self.names: list[str] = []
        self.redelivered: list[BackfillStep] = []
        self.attempts = 0

    @initialize()
    def something_landed(self) -> None:
        """Land events in each hour, merged ids from the third on."""
        for number, hour in enumerate(hours_between(FIRST, HOUR)):
            self.world.land(EVENTS.stream, hour, [an_event(number, hour)])
            if number > 1:
                self.world.land(MERGED_IDS.stream, hour, [a_merge(number, hour)])

    # What people do.

    @precondition(lambda self: len(self.names) < BACKFILLS_MAX)
    @rule(
        clock=skew,
        first=st.integers(-1, 4),
        length=st.integers(1, 5),
        data_types=st.sampled_from([None, (DataType.EVENTS,), (DataType.MERGED_IDS,)]),
        allow_loss=st.booleans(),
    )
    def a_person_requests(
        self,
        clock: timedelta,
        first: int,
        length: int,
        data_types: tuple[DataType, ...] | None,
        allow_loss: bool,  # noqa: FBT001  hypothesis's way
    ) -> None:
        """Request some of the hours, or one before them, too."""
        begin, name = FIRST.plus(first), f"b{len(self.names)}"
        request = BackfillRequest("", "", begin, begin.plus(length - 1), data_types, allow_loss=allow_loss)
        with suppress(ExportError):
            create(self.world.gateways, "acme", request, as_of=AsOf(self.now + clock, SETTLE), new_id=name)
            self.names.append(name)

    @precondition(lambda self: len(self.names) < BACKFILLS_MAX)
    @rule(clock=skew, chosen=st.sets(st.integers(0, 4), min_size=1))
    def a_verification_requests_a_repair(self, clock: timedelta, chosen: set[int]) -> None:
        """Request single hours."""
        name = f"b{len(self.names)}"
        hours = [(DataType.EVENTS, FIRST.plus(number)) for number in chosen]
        create_repair(self.world.gateways, ACME, hours, name, self.now + clock)
        self.names.append(name)

    @precondition(lambda self: self.names)
    @rule(clock=skew, which=place, change=st.sampled_from([cancel, retry]))
    def a_person_changes_one(self, clock: timedelta, which: int, change: Any) -> None:  # noqa: ANN401  one of two
        """Cancel a backfill, or retry it."""
        with suppress(ExportError):
            change(self.world.gateways, "acme", self._name(which), now=self.now + clock)

    # What hosts do.

    @rule(clock=skew, fate=fate, writes=st.integers(1, 12))
    def a_step_is_delivered(self, clock: timedelta, fate: str, writes: int) -> None:
        """Deliver a step; a second time if its first delivery failed."""
        again = bool(self.redelivered)
        steps = self.redelivered or self.world.backfill_steps.messages
        if not steps:
            return
        step = steps.pop(0)
        if fate == "is lost":
            return
        if fate == "is doubled":
            self.world.backfill_steps.messages.append(step)
        try:
            with self._failing(fate, writes):
                take_step(step, self.world.gateways, self.now + clock, redelivered=again)
        except (Crash, Transient):
            self.redelivered.append(step)

    @rule(clock=skew, fate=fate, writes=st.integers(1, 25), which=place)
    def an_hour_is_delivered(self, clock: timedelta, fate: str, writes: int, which: int) -> None:
        """Deliver an hour, a delayed one too."""
        queue = self.world.backfill_hours
        queue.messages += [task for task, _ in queue.delayed]
        queue.delayed.clear()
        if not queue.messages:
            return
        task = queue.messages.pop(which % len(queue.messages))
        if fate == "is lost":
            return
        if fate == "is doubled":
            queue.messages.append(task)
        try:
            with self._failing(fate, writes):
                self._export(task, clock)
        except (Crash, Transient):
            queue.messages.append(task)

    @rule(clock=skew, which=place)
    def an_hour_is_poison(self, clock: timedelta, which: int) -> None:
        """Give up an hour's message after five deliveries."""
        tasks = self.world.backfill_hours.messages
        if tasks:
            task = tasks.pop(which % len(tasks))
            record_poison(task, self.world.gateways, error_id="e", clock=lambda: self.now + clock)

    @rule(clock=skew)
    def the_timer_comes(self, clock: timedelta) -> None:
        """Let the schedule export hours beside the backfills."""
        queue_due_hours(self.world.gateways, now=self.now + clock, settle=SETTLE)
        resend_stalled(self.world.gateways, self.now + clock)
        for task in self.world.hours.take():
            self._export(task, clock)

    # What happens to them.

    @rule(seconds=st.sampled_from([2, 60, 100, 300, 1000, 4000]))
    def time_passes(self, seconds: int) -> None:
        """Leases end, and slow clocks reach times that other hosts wrote."""
        self.now += timedelta(seconds=seconds)

    @rule(which=st.integers(0, 4), number=st.integers(10, 20))
    def something_lands_late(self, which: int, number: int) -> None:
        """Land a blob in an hour that may be exported."""
        hour = FIRST.plus(which)
        self.world.land(EVENTS.stream, hour, [an_event(number, hour)], f"{number}.json")

    @rule(on=st.booleans())
    def the_storage_refuses(self, on: bool) -> None:  # noqa: FBT001  hypothesis's way
        """Let the customer's storage refuse writes, or accept them again."""
        self.world.reader().faults.clear()
        if on:
            self.world.reader().faults["write"] = REFUSED

    @precondition(lambda self: self.names)
    @rule(which=place)
    def a_list_is_lost(self, which: int) -> None:
        """Lose the list of hours of a repair."""
        self.world.own.committed.pop(f"acme/backfills/{self._name(which)}/hours", None)

    # What is promised.

    @invariant()
    def what_is_said_is_true(self) -> None:
        """Check that counts add up, and that a backfill that succeeded has no failed hour and none left."""
        for name in self.names:
            found = self._backfill(name)
            progress = progress_of(self.world.gateways, found, self.now)
            assert progress.left >= 0
            assert progress.tally.hours + len(progress.failed) + progress.left == found.total
            if found.status is BackfillStatus.SUCCEEDED:
                assert (progress.left, progress.failed, found.error) == (0, (), None)
                assert all(self._written(found, record) for record in self._records(found))

    def teardown(self) -> None:
        """Check that each backfill ends once nothing goes wrong any more."""
        self.world.reader().faults.clear()
        for number in range(ROUNDS_MAX):
            if not self.world.backfills.unfinished():
                return
            self.now += timedelta(minutes=1)
            clock = SKEWS[number % 3]
            for step in self.redelivered:
                take_step(step, self.world.gateways, self.now + clock, redelivered=True)
            self.redelivered.clear()
            for step in self.world.backfill_steps.take():
                take_step(step, self.world.gateways, self.now + clock)
            queue = self.world.backfill_hours
            for task in [*queue.take(), *(task for task, _ in queue.delayed)]:
                self._export(task, SKEWS[(number + 1) % 3])
            queue.delayed.clear()
            if number % 5 == 0:
                self.the_timer_comes(SKEWS[number % 2])
            self.what_is_said_is_true()
        raise AssertionError(f"without end: {self.world.backfills.unfinished()}")

    def _failing(self, fate: str, writes: int) -> Any:  # noqa: ANN401  a context
        return _Failure(self.world.writes, fate, writes)

    def _export(self, task: HourTask, clock: timedelta) -> None:
        self.attempts += 1
        # Another worker has the hour: then that is the end of the message.
        with suppress(Conflict):
            attempt(self.world, self.now + clock, f"c{self.attempts}", task)

    def _name(self, which: int) -> str:
        return self.names[which % len(self.names)]

    def _backfill(self, name: str) -> Backfill:
        found = self.world.backfills.get("acme", name)
        assert found is not None
        return found.value

    def _records(self, found: Backfill) -> list[HourRecord | None]:
        """Return the ledger's records of a whole range; a repair's own list may be lost by now."""
        if found.hour_list is not None:
            return []
        every = [(key, hour) for key in found.keys for hour in hours_between(found.first, found.last)]
        rows = [self.world.ledger.get(key, hour) for key, hour in every if found.covers(key.stream, hour)]
        return [row.value if row else None for row in rows]

    def _written(self, found: Backfill, record: HourRecord | None) -> bool:
        """Whether an hour was exported for a backfill, even if it is being exported again now."""
        if record is None:
            return False
        by_time = record.written_at is not None and record.written_at >= found.since
        return found.requested_by in record.written_for or by_time


class _Failure:
    """Lets a worker die, or a call fail for a moment, at one of its next writes."""

    def __init__(self, writes: Any, fate: str, number: int) -> None:  # noqa: ANN401  a twin's
        self._writes = writes
        self._fate = fate
        self._number = number

    def __enter__(self) -> None:
        if self._fate in {"dies", "fails for a moment"}:
            self._writes.crash_at = len(self._writes.log) + self._number
            self._writes._error = Crash() if self._fate == "dies" else Transient("503 ServerBusy")

    def __exit__(self, *_: object) -> None:
        self._writes.crash_at = None


def test_in_many_worlds_a_backfill_ends_and_says_what_is_true() -> None:
    """With clocks apart, lost and doubled messages, deaths, refusals, cancels, retries and lost lists."""
    worlds(Backfills, WORLDS, STEPS)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_in_thousands_of_worlds_a_backfill_ends_and_says_what_is_true() -> None:
    """The same for a long time."""
    worlds(Backfills, WORLDS_MORE, STEPS)
