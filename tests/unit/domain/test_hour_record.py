from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain.errors import Fault
from exporter.domain.hour_record import (
    BACK_OFF_FIRST,
    LEASE,
    RENEW_EVERY,
    SCHEDULE,
    Claim,
    HourContent,
    HourRecord,
    HourStatus,
    Provenance,
    Refusal,
    RowCounts,
    StreamProgress,
    back_off,
)
from exporter.domain.marker import Part
from exporter.domain.row_schema import Reason
from exporter.domain.streams import StreamKey
from tests.support.builders import EVENTS, HOUR, utc

NOW = utc("2026-01-31 14:15")
MICROSECOND = timedelta(microseconds=1)
OWED = HourRecord(StreamKey("acme", EVENTS), HOUR)
FAULT = Fault("container_not_found", "There is no container raw.", "Create it.")
PART = Part("187520_2026-01-31_13#1.json.gz", 3, 99, "md5")


def test_an_hour_that_nobody_touched_is_due() -> None:
    """Nothing was read, nobody holds it, nothing went wrong."""
    assert OWED.due(NOW)
    assert not OWED.done
    assert not OWED.claimed(NOW)
    assert (OWED.attempts, OWED.rows.read, OWED.requested_by) == (0, 0, SCHEDULE)


def test_an_hour_that_is_taken_is_nobody_elses_until_the_lease_ends() -> None:
    """To the microsecond: at the end of the lease it is free again."""
    running = OWED.claimed_by("a", SCHEDULE, NOW)

    assert running.status is HourStatus.RUNNING
    assert (running.claim, running.attempts, running.started_at) == (Claim("a", NOW + LEASE), 1, NOW)
    assert running.claimed(NOW + LEASE - MICROSECOND)
    assert not running.due(NOW + LEASE - MICROSECOND)
    assert not running.claimed(NOW + LEASE)
    assert running.due(NOW + LEASE)


def test_a_dead_workers_hour_is_free_within_two_minutes() -> None:
    """And a living one has several chances to renew its lease before that."""
    assert timedelta(minutes=2) >= LEASE >= 3 * RENEW_EVERY


def test_a_lease_is_renewed_from_now_on() -> None:
    """The claim stays the same one."""
    later = NOW + RENEW_EVERY
    renewed = OWED.claimed_by("a", SCHEDULE, NOW).renewed(later)

    assert renewed.claim == Claim("a", later + LEASE)
    assert renewed.attempts == 1


def test_a_lease_that_nobody_holds_cannot_be_renewed() -> None:
    """It would be a bug to ask."""
    with pytest.raises(ValueError, match="nobody holds acme:events:187520 2026-01-31T13"):
        OWED.renewed(NOW)


def test_the_next_worker_takes_over_under_its_own_claim() -> None:
    """The attempts go on counting, and what the first one was asked for does not matter any more."""
    after = NOW + LEASE
    second = OWED.claimed_by("a", SCHEDULE, NOW).claimed_by("b", "backfill:7", after)

    assert second.claim == Claim("b", after + LEASE)
    assert (second.attempts, second.requested_by, second.started_at) == (2, "backfill:7", after)


@pytest.mark.parametrize(("parts", "status"), [((PART,), HourStatus.EXPORTED), ((), HourStatus.EMPTY)])
def test_a_finished_hour_is_exported_or_empty_and_never_due(
    parts: tuple[Part, ...], status: HourStatus
) -> None:
    """Also years later; and nobody holds it."""
    counts = RowCounts(exported=3 * len(parts), rejected=1)
    content = HourContent(counts, parts, "e3b0", None, Provenance())
    finished = OWED.claimed_by("a", SCHEDULE, NOW).prepared(content, (), ()).finished(NOW + MICROSECOND)

    assert finished.status is status
    assert finished.done
    assert not finished.due(NOW + timedelta(days=10_000))
    assert not finished.claimed(NOW)
    assert (finished.rows, finished.parts, finished.filter_sha256) == (counts, parts, "e3b0")
    assert (finished.started_at, finished.finished_at) == (NOW, NOW + MICROSECOND)


def test_a_failed_hour_is_due_when_its_back_off_is_over() -> None:
    """To the microsecond; meanwhile it says what is wrong, and nobody holds it."""
    failed = OWED.claimed_by("a", SCHEDULE, NOW).failed(FAULT, NOW)

    assert (failed.status, failed.error, failed.finished_at) == (HourStatus.FAILED, FAULT, NOW)
    assert not failed.claimed(NOW)
    assert not failed.due(NOW + BACK_OFF_FIRST - MICROSECOND)
    assert failed.due(NOW + BACK_OFF_FIRST)


def test_an_hour_that_failed_and_then_succeeds_has_no_error_any_more() -> None:
    """But while it is tried again, the last error can still be seen."""
    again = (
        OWED.claimed_by("a", SCHEDULE, NOW).failed(FAULT, NOW).claimed_by("b", SCHEDULE, NOW + BACK_OFF_FIRST)
    )

    assert (again.error, again.retry_at, again.finished_at) == (FAULT, None, None)
    assert again.finished(NOW).error is None


def test_an_attempt_that_was_broken_off_owes_its_hour_at_once() -> None:
    """A passing failure has no back-off of its own: the queue has one."""
    released = OWED.claimed_by("a", SCHEDULE, NOW).released()

    assert (released.status, released.claim) == (HourStatus.OWED, None)
    assert released.due(NOW)


def test_a_backfill_may_take_an_hour_that_is_done() -> None:
    """While it runs, the hour is not done; if its worker dies, the hour is owed like any other."""
    content = HourContent(RowCounts(3), (PART,), None, None, Provenance())
    done = OWED.claimed_by("a", SCHEDULE, NOW).prepared(content, (), ()).finished(NOW)
    again = done.claimed_by("b", "backfill:7", NOW)

    assert not again.done
    assert again.finished_at is None
    assert again.due(NOW + LEASE)


def test_no_step_changes_the_record_it_started_from() -> None:
    """A compare-and-swap that fails must leave the old value to compare with."""
    before = repr(OWED)
    OWED.claimed_by("a", SCHEDULE, NOW).failed(FAULT, NOW)

    assert repr(OWED) == before


@pytest.mark.parametrize(
    ("attempts", "minutes"),
    [(0, 5), (1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (6, 60), (11, 60), (12, 60), (100_000, 60)],
)
def test_the_back_off_doubles_up_to_an_hour(attempts: int, minutes: int) -> None:
    """However often an hour failed, it is tried every hour."""
    assert back_off(attempts) == timedelta(minutes=minutes)


def test_every_row_read_is_in_exactly_one_count() -> None:
    """So that ``read`` is their sum."""
    assert RowCounts(exported=1, filtered=20, duplicate=300, rejected=4000, amended=1).read == 4321


def test_counts_are_added_reason_by_reason() -> None:
    """In the order of the reasons, whichever came first; what is not known of one stays unknown."""
    one = RowCounts(1, 2, 3, 4, 1, ((Reason.NOT_JSON, 3), (Reason.WRONG_TYPE, 1)))
    other = RowCounts(10, 20, 30, 7, 5, ((Reason.FOREIGN_APP, 2), (Reason.NOT_JSON, 1)))
    both = (Reason.FOREIGN_APP, 2), (Reason.NOT_JSON, 4), (Reason.WRONG_TYPE, 1)

    assert one + other == other + one == RowCounts(11, 22, 33, 11, 6, both)
    assert one + RowCounts() == one


@pytest.mark.parametrize(
    ("rows", "lost"),
    [
        (RowCounts(), False),
        (RowCounts(rejected=2, rejected_by_reason=((Reason.NOT_JSON, 2),)), True),
        (RowCounts(exported=1, rejected=2), False),
        (RowCounts(filtered=1, rejected=2), False),
        (RowCounts(filtered=3), False),
    ],
)
def test_an_hour_that_lost_all_of_its_rows_carries_a_warning(rows: RowCounts, *, lost: bool) -> None:
    """With the reasons; rows that a filter leaves out are not lost."""
    assert rows.lost == lost
    assert (rows.warning is not None) == lost
    if rows.warning:
        assert "2; rejected: all of them (not_json 2)" in rows.warning


@pytest.mark.parametrize(
    ("target", "done"),
    [
        ("acme.blob.core.windows.net|raw|a", True),
        ("acme.blob.core.windows.net|raw|b", True),
        ("acme.blob.core.windows.net|raw", True),
        ("|raw|a", True),
        ("", True),
        ("acme.blob.core.windows.net|other|a", False),
        ("acme2.blob.core.windows.net|raw|a", False),
        ("|other|a", False),
        ("acme.blob.core.windows.net|third|a", True),
    ],
)
def test_an_hour_is_done_for_the_container_that_its_files_went_to(target: str, *, done: bool) -> None:
    """Whatever the prefix; an account that is not known may be any. For ``third`` it is not owed any more."""
    origin = Provenance("https://ACME.blob.core.windows.net|raw|a")
    record = replace(OWED, origin=origin, not_moved_to="acme.blob.core.windows.net|third|")
    exported = record.claimed_by("a", SCHEDULE, NOW).finished(NOW)

    assert exported.done_for(target) is done
    assert exported.due(NOW, target=target) is not done
    assert not OWED.done_for(target)


def test_an_hour_that_is_written_anew_has_not_stayed_elsewhere() -> None:
    """What was said of an earlier target says nothing about it."""
    record = OWED.claimed_by("a", SCHEDULE, NOW).finished(NOW).left_elsewhere("acme|other|", FAULT)

    assert (record.not_moved_to, record.refused) == ("acme|other|", Refusal(SCHEDULE, 0, FAULT))
    assert record.prepared(HourContent(RowCounts(), (), None, None, Provenance()), (), ()).not_moved_to == ""


def test_a_schedule_begins_anew_in_another_container() -> None:
    """And goes on under another address of the one that it is about."""
    progress = StreamProgress(
        OWED.key, HOUR, HOUR.plus(9), (HOUR.plus(5),), "ledger", NOW, "acme.blob.core.windows.net|raw"
    )

    assert progress.at(progress.place) is progress
    assert progress.at("|raw") == replace(progress, place="|raw")
    assert replace(progress, place="").at("acme|raw") == replace(progress, place="acme|raw")
    assert progress.at("acme.blob.core.windows.net|other") == StreamProgress(
        OWED.key, HOUR, HOUR, (), "ledger", NOW, "acme.blob.core.windows.net|other"
    )
