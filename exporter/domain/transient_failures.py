"""Setbacks: attempts in a row at the same thing that were broken off by something that should have passed.

A single one is not shown. From a few on the reason is shown; what has not passed after many, and after a long
time, needs a person, and counts as failed.
"""

from datetime import datetime, timedelta

from exporter.domain.errors import Fault

SHOWN_MIN = 3
# Both: a queue delivers a message five times within a minute, and an outage of our own storage or of a
# network may take an hour to pass.
FAILED_MIN = 20
FAILED_TIME_MIN = timedelta(hours=2)


def shown(setbacks: int) -> bool:
    """Whether there are so many that people see the reason."""
    return setbacks >= SHOWN_MIN


def failed(setbacks: int, since: datetime, now: datetime) -> bool:
    """Whether there are so many, and have been for so long, that this does not pass by itself."""
    return setbacks >= FAILED_MIN and now - since >= FAILED_TIME_MIN


def keeps_failing(what: str, reason: str, then: str) -> Fault:
    """Return the fault to show: of ``what``, why, and what to do once the operator has mended it."""
    return Fault(
        code="keeps_failing_in_passing",
        message=f"{what} is broken off again and again: {reason}.",
        fix=f"Ask the operator of this exporter to look at its storage and its logs. {then}",
    )
