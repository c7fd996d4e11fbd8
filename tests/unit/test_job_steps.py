"""The step runner of backfills and verifications: what becomes of a job, whatever becomes of a step."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

import pytest

from exporter.domain.errors import Conflict, LandingMissing, Transient
from exporter.domain.job import Job
from exporter.domain.transient_failures import FAILED_MIN, FAILED_TIME_MIN, SHOWN_MIN
from exporter.domain.versioned import Rows, Versioned
from exporter.job_steps import AT_ONCE, JobSteps
from tests.support.worlds import NOW

SOON = timedelta(seconds=2)
STALLED = timedelta(minutes=3)


class CountStatus(StrEnum):
    """The state of a count."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(Job[int]):
    """A job that counts to three, one number a step."""

    NOUN: ClassVar[str] = "count"
    AGAIN: ClassVar[str] = "count again"
    FAILED: ClassVar[StrEnum] = CountStatus.FAILED
    ENDED: ClassVar[frozenset[StrEnum]] = frozenset({CountStatus.DONE, CountStatus.FAILED})

    status: StrEnum = CountStatus.RUNNING
    number: int = 0

    @property
    def next_step(self) -> int:
        """The next number."""
        return self.number + 1

    def follows(self, step: int) -> bool:
        """Whether that number was the latest."""
        return self.number == step


NEW = Count(id="c1", destination_id="acme", created_at=NOW, moved_at=NOW)


def count_on(job: Count) -> tuple[Count, timedelta]:
    """Take a step: count one further."""
    moved = replace(job.moved(NOW), number=job.number + 1)
    return (moved.end_as(CountStatus.DONE, NOW) if moved.number == 3 else moved), SOON


@dataclass
class Table:
    """A table of one row; ``log`` lists what was sent and what was finished."""

    row: Versioned[Count] = field(default_factory=lambda: Versioned(NEW, "0"))
    log: list[object] = field(default_factory=list)

    def unfinished(self) -> Rows[Count]:
        """Return the job, unless it has ended."""
        return Rows([] if self.row.value.ended else [self.row.value])

    def put(self, job: Count, etag: str | None, /) -> str:
        """Write the row by compare-and-swap."""
        if etag != self.row.etag:
            raise Conflict("changed")
        self.row = Versioned(job, str(int(self.row.etag) + 1))
        return self.row.etag

    @property
    def steps(self) -> JobSteps[Count]:
        """The steps of its jobs."""
        return JobSteps(
            self,
            send=lambda job, delay: self.log.append((job.next_step, delay)),
            finish=lambda job: self.log.append(job.status),
        )

    def take(
        self, step: int = 1, advance: object = count_on, *, now: datetime = NOW, redelivered: bool = False
    ) -> Count | None:
        """Take a step."""
        return self.steps.take(step, self.row, advance, lambda: now, redelivered=redelivered)  # type: ignore[arg-type]  # any function


def fails_with(error: Exception) -> object:
    """Return a step that fails."""

    def advance(_: Count) -> object:
        raise error

    return advance


def test_steps_move_a_job_to_its_end_and_each_sends_the_next() -> None:
    """The last one finishes the job instead."""
    table = Table()

    for step in (1, 2, 3):
        assert table.take(step) == table.row.value

    assert table.log == [(2, SOON), (3, SOON), CountStatus.DONE]


def test_a_void_step_changes_and_sends_nothing() -> None:
    """It was taken already, or there is no such job."""
    table = Table()
    table.take()
    before = (table.row, list(table.log))

    assert table.take() is None
    assert table.steps.take(1, None, count_on, lambda: NOW, redelivered=True) is None
    assert (table.row, table.log) == before


def test_a_second_delivery_does_what_the_first_may_not_have_done() -> None:
    """Its worker may have died before it sent the next step, or before it finished the job."""
    table = Table()
    table.take()
    table.take(redelivered=True)
    table.take(2)
    table.take(3)
    table.take(3, redelivered=True)
    table.take(1, redelivered=True)

    assert table.log == [(2, SOON), (2, AT_ONCE), (3, SOON), CountStatus.DONE, CountStatus.DONE]


def test_of_two_workers_that_take_a_step_at_the_same_time_one_moves_the_job() -> None:
    """The other one meets a conflict, and sends nothing."""
    table = Table()

    def overtaken(job: Count) -> tuple[Count, timedelta]:
        table.take()
        return count_on(job)

    assert table.take(1, overtaken) is None
    assert (table.row.value.number, table.log) == (1, [(2, SOON)])


def test_a_transient_failure_is_raised_and_counted_and_shown_from_the_third_on() -> None:
    """A step that succeeds resets the count."""
    table = Table()
    shown = []
    for _ in range(SHOWN_MIN):
        with pytest.raises(Transient):
            table.take(1, fails_with(Transient("503 ServerBusy")))
        shown.append(table.row.value.error)

    assert shown[:-1] == [None] * (SHOWN_MIN - 1)
    assert shown[-1] is not None
    assert ("503 ServerBusy" in shown[-1].message, "count again" in shown[-1].fix) == (True, True)
    assert (table.row.value.transient_failures, table.log) == (SHOWN_MIN, [])
    table.take()
    assert (table.row.value.transient_failures, table.row.value.error) == (0, None)


def test_a_step_that_fails_in_passing_many_times_over_hours_fails_the_job_and_finishes_it() -> None:
    """Both limits must be reached."""
    table = Table()
    for number in range(FAILED_MIN):
        later = NOW + FAILED_TIME_MIN if number == FAILED_MIN - 1 else NOW
        with pytest.raises(Transient):
            table.take(1, fails_with(Transient("503 ServerBusy")), now=later)

    job = table.row.value
    assert (job.status, job.error and job.error.code) == (CountStatus.FAILED, "keeps_failing_in_passing")
    assert table.log == [CountStatus.FAILED]


def test_a_bug_fails_the_job_with_an_id_to_look_up_and_another_known_error_is_raised() -> None:
    """A job that fails at the same step for ever would say nothing."""
    table = Table()

    with pytest.raises(LandingMissing):
        table.take(1, fails_with(LandingMissing("landing")))
    assert table.row.value == NEW

    table.take(1, fails_with(ZeroDivisionError("bug")))
    job = table.row.value
    assert job.error is not None
    assert (job.status, job.error.code, "c1" in job.error.fix) == (CountStatus.FAILED, "internal_error", True)
    assert table.log == [CountStatus.FAILED]


def test_a_stored_job_has_begun_even_if_its_first_step_cannot_be_sent() -> None:
    """A tick sends it."""
    table = Table()

    def busy(_job: Count, _delay: timedelta) -> None:
        raise Transient("the queue is busy")

    replace(table.steps, send=busy).start(NEW)
    assert table.steps.resend_stalled(NOW + STALLED, STALLED) == 1

    assert table.log == [(1, AT_ONCE)]


def test_only_jobs_that_have_stalled_are_sent_again() -> None:
    """A time in the future is that of a clock that is ahead: the job counts as stalled."""
    table = Table()

    assert table.steps.resend_stalled(NOW + STALLED - timedelta(seconds=1), STALLED) == 0
    assert table.steps.resend_stalled(NOW - timedelta(seconds=1), STALLED) == 1
    for step in (1, 2, 3):
        table.take(step)
    assert table.steps.resend_stalled(NOW + STALLED, STALLED) == 0
