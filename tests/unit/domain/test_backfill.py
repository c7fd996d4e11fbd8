"""What has come of an hour for a backfill, whatever the clocks of those say who wrote its record."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain import transient_failures
from exporter.domain.backfill import Backfill, BackfillStatus, HourOutcome
from exporter.domain.breaker import CLOSED, Breaker
from exporter.domain.clocks import CLOCKS_APART_MAX, stalled
from exporter.domain.errors import Fault
from exporter.domain.hour_content import HourContent, Provenance, RowCounts
from exporter.domain.hour_record import HourRecord, HourStatus
from exporter.domain.hour_task import SCHEDULE
from exporter.domain.work_item import WRITTEN_FOR_MAX, Refusal
from tests.support.worlds import EVENTS, HOUR, MERGED_IDS, NOW, with_work

STREAMS = (EVENTS.stream, MERGED_IDS.stream)
BACKFILL = Backfill(
    id="b1",
    destination_id="acme",
    start=HOUR.key,
    end=HOUR.key,
    first=HOUR,
    last=HOUR.plus(2),
    streams=STREAMS,
    total=6,
    created_at=NOW,
    since=NOW,
    retry_since=NOW,
    moved_at=NOW,
    done_before=HOUR,
    queued_before=HOUR,
)
FAULT = Fault("access_denied", "The container refuses us.", "Let us in.")
MINE = "backfill:b1"
APART = CLOCKS_APART_MAX
A_MOMENT = timedelta(microseconds=1)


def written(by: str, after: timedelta, record: HourRecord | None = None) -> HourRecord:
    """Return an hour that was exported by an attempt that began so long after the backfill was asked for."""
    began = NOW + after
    taken = (record or HourRecord(EVENTS, HOUR)).claimed_by("c", by, began)
    return taken.prepared(HourContent(RowCounts(), (), None, None, Provenance()), (), ()).finished(began)


def failed(by: str, after: timedelta, number: int = 0) -> HourRecord:
    """Return an hour that failed in an attempt that began so long after the backfill was last begun."""
    return HourRecord(EVENTS, HOUR).claimed_by("c", by, NOW + after, round_=number).failed(FAULT, NOW + after)


def outcome(
    record: HourRecord | None, backfill: Backfill = BACKFILL, breaker: Breaker = CLOSED
) -> HourOutcome:
    """Return what has come of it."""
    return backfill.outcome(record, breaker, NOW)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (None, HourOutcome.LEFT),
        (HourRecord(EVENTS, HOUR), HourOutcome.LEFT),
        (written(MINE, -APART), HourOutcome.DONE),
        (written(MINE, timedelta()), HourOutcome.DONE),
        (written(SCHEDULE, timedelta()), HourOutcome.LEFT),
        (written(SCHEDULE, APART - A_MOMENT), HourOutcome.LEFT),
        (written(SCHEDULE, APART), HourOutcome.DONE),
        (written("backfill:b11", APART - A_MOMENT), HourOutcome.LEFT),
        (failed(MINE, -APART), HourOutcome.FAILED),
        (failed(MINE, timedelta(), number=1), HourOutcome.LEFT),
        (failed(SCHEDULE, APART - A_MOMENT), HourOutcome.LEFT),
        (failed(SCHEDULE, APART), HourOutcome.FAILED),
    ],
)
def test_an_hour_is_told_by_its_requests_and_by_times_only_beyond_what_clocks_are_apart(
    record: HourRecord | None, expected: HourOutcome
) -> None:
    """A worker's clock that is behind or ahead makes no hour done, failed or left."""
    assert outcome(record) is expected


def test_an_attempt_fulfils_what_those_before_it_did() -> None:
    """It exports what is in landing later; so two backfills of one hour do not take turns for ever."""
    record = written(SCHEDULE, A_MOMENT, written("backfill:b2", A_MOMENT, written(MINE, A_MOMENT)))

    assert outcome(record) is HourOutcome.DONE
    assert record.written_for == (MINE, "backfill:b2", SCHEDULE)


def test_only_the_latest_requests_are_kept() -> None:
    """Each once, the newest last; the row of an hour stays small."""
    record = None
    for number in range(WRITTEN_FOR_MAX + 3):
        record = written(f"backfill:b{number}", timedelta(), record)
    record = written(f"backfill:b{WRITTEN_FOR_MAX}", timedelta(), record)

    assert len(record.written_for) == len(set(record.written_for)) == WRITTEN_FOR_MAX
    assert record.written_for[-2:] == (f"backfill:b{WRITTEN_FOR_MAX + 2}", f"backfill:b{WRITTEN_FOR_MAX}")


def test_an_hour_that_is_being_written_again_is_left() -> None:
    """What was written for the backfill may be half replaced by now."""
    assert outcome(written(MINE, timedelta()).claimed_by("d", SCHEDULE, NOW)) is HourOutcome.LEFT


def test_a_failure_of_an_earlier_round_says_nothing_about_this_one() -> None:
    """However soon after it the backfill was begun again."""
    again = replace(BACKFILL.end_as(BackfillStatus.FAILED, NOW), failed=()).retried(NOW)

    assert again.round == 1
    assert outcome(failed(MINE, timedelta()), again) is HourOutcome.LEFT
    assert outcome(failed(MINE, timedelta(), number=1), again) is HourOutcome.FAILED
    assert again.task(EVENTS.stream, HOUR).round == 1


def test_a_failure_is_forgiven_once_the_storage_has_recovered() -> None:
    """It is tried again without a request."""
    assert outcome(failed(MINE, timedelta()), breaker=Breaker(healed_at=NOW)) is HourOutcome.LEFT


@pytest.mark.parametrize(
    ("requested_by", "number", "expected"),
    [(MINE, 0, HourOutcome.FAILED), (MINE, 1, HourOutcome.LEFT), ("backfill:b2", 0, HourOutcome.LEFT)],
)
def test_a_refused_hour_has_failed_for_the_one_who_was_refused(
    requested_by: str, number: int, expected: HourOutcome
) -> None:
    """It stays exported, and for others it is as it was."""
    refusal = Refusal(requested_by, number, FAULT)
    record = with_work(written(SCHEDULE, -APART), refused=refusal)

    assert record.status is HourStatus.EMPTY
    assert outcome(record) is expected
    if expected is HourOutcome.FAILED:
        assert BACKFILL.fault_of(record) == FAULT


def test_an_hour_that_was_refused_and_was_then_written_is_done() -> None:
    """Another one may have accepted the loss, on top of what was written for this one."""
    record = with_work(written(MINE, timedelta()), refused=Refusal(MINE, 0, FAULT))

    assert outcome(record) is HourOutcome.DONE


@pytest.mark.parametrize(
    ("count", "passed", "expected"),
    [
        (transient_failures.FAILED_MIN, transient_failures.FAILED_TIME_MIN, HourOutcome.FAILED),
        (transient_failures.FAILED_MIN - 1, 10 * transient_failures.FAILED_TIME_MIN, HourOutcome.LEFT),
        (10 * transient_failures.FAILED_MIN, transient_failures.FAILED_TIME_MIN - A_MOMENT, HourOutcome.LEFT),
    ],
)
def test_an_hour_that_fails_in_passing_counts_as_failed_after_many_times_and_a_long_time(
    count: int, passed: timedelta, expected: HourOutcome
) -> None:
    """Be it owed, or done as before: both are what an attempt gives back."""
    for record in (HourRecord(EVENTS, HOUR), written(SCHEDULE, -APART)):
        tried = with_work(record, transient_failures=count, error=FAULT)
        begun = replace(BACKFILL, started_at=NOW - passed)
        assert begun.outcome(tried, CLOSED, NOW) is expected
        assert begun.fault_of(tried) == FAULT


def test_an_hour_that_failed_without_a_reason_still_says_something() -> None:
    """It is counted, and shown."""
    assert BACKFILL.fault_of(with_work(failed(MINE, timedelta()), error=None)).code == "internal_error"


def test_a_step_that_keeps_failing_is_shown_and_ends_the_backfill() -> None:
    """From the third time on with its reason, after many and a long time as the end; success resets it."""
    backfill, shown = BACKFILL, []
    for _ in range(transient_failures.FAILED_MIN):
        backfill = backfill.broken_off("503 ServerBusy", NOW + transient_failures.FAILED_TIME_MIN - A_MOMENT)
        shown.append(backfill.error is not None)

    assert shown == [False] * (transient_failures.SHOWN_MIN - 1) + [True] * (
        transient_failures.FAILED_MIN - 2
    )
    assert (backfill.status, backfill.step) == (BackfillStatus.QUEUED, 0)
    assert backfill.moved(NOW) == replace(BACKFILL, step=1)
    ended = backfill.broken_off("503 ServerBusy", NOW + transient_failures.FAILED_TIME_MIN)
    assert ended.error is not None
    assert (ended.status, ended.error.code) == (BackfillStatus.FAILED, "keeps_failing_in_passing")
    assert "503 ServerBusy" in ended.error.message


def test_a_stream_has_a_first_hour_of_its_own() -> None:
    """None of them before it belongs to the backfill."""
    clamped = replace(BACKFILL, begins=(HOUR, HOUR.plus(2)))

    assert [clamped.covers(each, HOUR.plus(1)) for each in STREAMS] == [True, False]
    assert [BACKFILL.covers(each, HOUR) for each in STREAMS] == [True, True]
    assert not BACKFILL.covers(EVENTS.stream, HOUR.plus(-1))


@pytest.mark.parametrize(
    ("moved", "expected"),
    [(timedelta(), False), (timedelta(seconds=-59), False), (timedelta(minutes=-1), True), (A_MOMENT, True)],
)
def test_something_stands_still_if_it_moved_long_ago_or_in_the_future(
    moved: timedelta,
    expected: bool,  # noqa: FBT001  a case
) -> None:
    """A clock that is ahead has written the time: how long ago that was is unknown."""
    assert stalled(NOW + moved, NOW, timedelta(minutes=1)) is expected
