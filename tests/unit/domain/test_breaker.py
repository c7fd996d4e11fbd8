"""How a destination fares: when it waits, and when all is forgiven."""

from dataclasses import replace
from datetime import timedelta

from exporter.domain.breaker import CLOSED, OUTAGE_FAULTS, WAIT_FIRST, WAIT_MAX, Breaker
from exporter.domain.errors import Fault, Scope
from exporter.domain.work_item import back_off
from tests.support.worlds import NOW

FAULT = Fault("container_not_found", "There is no container raw.", "Create it.")


def refused(times: int) -> Breaker:
    """Return the breaker after so many faults, each at once when the wait was over."""
    breaker = CLOSED
    for _ in range(times):
        breaker = breaker.record_failure(FAULT, breaker.retry_at or NOW)
    return breaker


def test_waits_double_up_to_a_bound() -> None:
    """A customer who repairs it sees it go on within half an hour."""
    minutes = []
    for times in range(1, 8):
        before, after = refused(times - 1), refused(times)
        assert after.retry_at is not None
        minutes.append((after.retry_at - (before.retry_at or NOW)) / timedelta(minutes=1))

    assert minutes == [2, 4, 8, 16, 30, 30, 30]
    assert (timedelta(minutes=2), timedelta(minutes=30)) == (WAIT_FIRST, WAIT_MAX)


def test_a_destination_is_tried_again_before_the_hour_that_failed() -> None:
    """So it is tried with another hour: one that cannot be exported does not hold the others up."""
    for times in range(1, 20):
        before, after = refused(times - 1), refused(times)
        assert after.retry_at is not None
        assert after.retry_at - (before.retry_at or NOW) < back_off(times)


def test_faults_that_were_under_way_together_count_as_one() -> None:
    """Eight workers that meet the same closed door knocked once."""
    once = refused(1)

    assert once.record_failure(FAULT, NOW + timedelta(seconds=1)) == once
    assert once.is_open(NOW + WAIT_FIRST - timedelta(seconds=1))
    assert not once.is_open(NOW + WAIT_FIRST)


def test_what_is_wrong_with_one_blob_says_nothing_of_the_destination() -> None:
    """Its other hours go on."""
    assert CLOSED.record_failure(replace(FAULT, scope=Scope.BLOB), NOW) == CLOSED
    assert CLOSED.record_failure(replace(FAULT, scope=Scope.DESTINATION), NOW).is_open(NOW)


def test_after_an_outage_all_is_forgiven_and_after_a_single_fault_nothing() -> None:
    """A single one may have been that hour's own trouble, which would come back at once."""
    assert refused(OUTAGE_FAULTS - 1).record_success(NOW) == CLOSED
    assert refused(OUTAGE_FAULTS).record_success(NOW) == Breaker(healed_at=NOW)
    assert Breaker(healed_at=NOW).record_success(NOW + timedelta(days=1)) == Breaker(healed_at=NOW)


def test_whoever_changed_something_is_trusted() -> None:
    """Everything is tried at once; where nothing was wrong, nothing changes."""
    assert refused(1).reset(NOW) == Breaker(healed_at=NOW)
    assert CLOSED.reset(NOW) == CLOSED
