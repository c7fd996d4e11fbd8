"""Transient failures: attempts in a row at the same work that errors ended which should have passed.

A single one is not shown. After a few, the reason is shown. After many, and after a long time, the work needs
a person and counts as failed.
"""

from datetime import datetime, timedelta

from exporter.domain.errors import Fault

SHOWN_MIN = 3
# Both limits apply: a queue delivers a message five times within a minute, and an outage of our own storage
# or of a network may last an hour.
FAILED_MIN = 20
FAILED_TIME_MIN = timedelta(hours=2)


def shown(count: int) -> bool:
    """Whether after so many failures in a row the reason is shown."""
    return count >= SHOWN_MIN


def failed(count: int, since: datetime, now: datetime) -> bool:
    """Whether so many failures since a time mean that the work needs a person."""
    return count >= FAILED_MIN and now - since >= FAILED_TIME_MIN


def keeps_failing(what: str, reason: str, then: str) -> Fault:
    """Return the fault to show: ``what`` keeps failing, for which ``reason``, and what to do ``then``."""
    return Fault(
        code="keeps_failing_in_passing",
        message=f"{what} keeps failing: {reason}.",
        fix=f"Ask the operator of this exporter to check its storage and its log. {then}",
    )
