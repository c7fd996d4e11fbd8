"""How a destination fares: when it waits, and when all is forgiven."""

from dataclasses import replace
from datetime import timedelta

from exporter.domain.breaker import GOOD, OUTAGE_FAULTS, WAIT_FIRST, WAIT_MAX, Standing
from exporter.domain.errors import Fault, Scope
from exporter.domain.hour_record import back_off
from tests.worlds import NOW

FAULT = Fault("container_not_found", "There is no container raw.", "Create it.")


def refused(times: int) -> Standing:
    """Return the standing after so many faults, each at once when the wait was over."""
    standing = GOOD
    for _ in range(times):
        standing = standing.refused(FAULT, standing.retry_at or NOW)
    return standing


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

    assert once.refused(FAULT, NOW + timedelta(seconds=1)) == once
    assert once.waits(NOW + WAIT_FIRST - timedelta(seconds=1))
    assert not once.waits(NOW + WAIT_FIRST)


def test_what_is_wrong_with_one_blob_says_nothing_of_the_destination() -> None:
    """Its other hours go on."""
    assert GOOD.refused(replace(FAULT, scope=Scope.BLOB), NOW) == GOOD
    assert GOOD.refused(replace(FAULT, scope=Scope.DESTINATION), NOW).waits(NOW)


def test_after_an_outage_all_is_forgiven_and_after_a_single_fault_nothing() -> None:
    """A single one may have been that hour's own trouble, which would come back at once."""
    assert refused(OUTAGE_FAULTS - 1).accepted(NOW) == GOOD
    assert refused(OUTAGE_FAULTS).accepted(NOW) == Standing(healed_at=NOW)
    assert Standing(healed_at=NOW).accepted(NOW + timedelta(days=1)) == Standing(healed_at=NOW)


def test_whoever_changed_something_is_trusted() -> None:
    """Everything is tried at once; where nothing was wrong, nothing changes."""
    assert refused(1).trusted(NOW) == Standing(healed_at=NOW)
    assert GOOD.trusted(NOW) == GOOD
