"""Transient failures: attempts in a row at the same thing that failed for a reason that should pass.

One failure is not shown. From the third on the reason is shown. After many failures and a long time the thing
counts as failed: a person has to act.
"""

from datetime import datetime, timedelta

from exporter.domain.errors import Fault

SHOWN_MIN = 3
# Both limits apply: a queue delivers a message five times within a minute, and an outage of our own storage
# or of a network may take an hour to pass.
FAILED_MIN = 20
FAILED_TIME_MIN = timedelta(hours=2)


def shown(failures: int) -> bool:
    """Whether there are enough failures in a row to show the reason."""
    return failures >= SHOWN_MIN


def failed(failures: int, since: datetime, now: datetime) -> bool:
    """Whether there are so many failures, over so long a time, that the cause does not pass by itself."""
    return failures >= FAILED_MIN and now - since >= FAILED_TIME_MIN


def keeps_failing(what: str, reason: str, then: str) -> Fault:
    """Return the fault to show: ``what`` keeps failing for a ``reason``; ``then`` ends the advice."""
    return Fault(
        code="keeps_failing_in_passing",
        message=f"{what} was interrupted several times in a row: {reason}.",
        fix=f"Ask the operator of this exporter to check its storage and its logs. {then}",
    )
