"""UTC clock hours: the unit of export, schedule and ledger."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_KEY = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}", re.ASCII)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, order=True)
class Hour:
    """One UTC clock hour, ``start <= t < start + 1 h``; sorts in time order."""

    start: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is not UTC or self.start != self.start.replace(
            minute=0, second=0, microsecond=0
        ):
            raise ValueError(f"not the start of a UTC hour: {self.start!r}")

    @classmethod
    def parse(cls, key: str) -> "Hour":
        """Read ``2026-01-31T13``; anything else is a ValueError."""
        if not _KEY.fullmatch(key):
            raise ValueError(f"not an hour like 2026-01-31T13: {key!r}")
        return cls(datetime.fromisoformat(f"{key}:00:00+00:00").astimezone(UTC))

    @classmethod
    def containing(cls, moment: datetime) -> "Hour":
        """Return the hour in which an aware moment lies."""
        return cls(moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0))

    @property
    def key(self) -> str:
        """``2026-01-31T13``: sorts as time does, and is legal in a RowKey and a blob name."""
        return self.start.isoformat()[:13]

    @property
    def date(self) -> str:
        """``2026-01-31``."""
        return self.start.isoformat()[:10]

    @property
    def end(self) -> datetime:
        """The first moment after the hour."""
        return self.start + _HOUR

    def plus(self, hours: int) -> "Hour":
        """Return the hour that many hours later (or earlier, if negative)."""
        return Hour(self.start + hours * _HOUR)

    def first_of_day(self) -> "Hour":
        """Return 00:00 UTC of this hour's day."""
        return Hour(self.start.replace(hour=0))

    @property
    def day(self) -> "tuple[Hour, Hour]":
        """The first and the last hour of this hour's day."""
        first = self.first_of_day()
        return first, first.plus(23)

    def __str__(self) -> str:
        return self.key


def hours_between(first: Hour, last: Hour) -> Iterator[Hour]:
    """Yield every hour from ``first`` to ``last``, both included, oldest first; none if ``first > last``."""
    # Counted, not compared: the last hour of the year 9999 has no successor.
    for hours in range(count_between(first, last)):
        yield first.plus(hours)


def count_between(first: Hour, last: Hour) -> int:
    """Return how many hours ``hours_between`` yields."""
    return max(0, (last.start - first.start) // _HOUR + 1)


def last_closed_hour(now: datetime, settle: timedelta) -> Hour:
    """Return the newest hour that ended at least ``settle`` ago: only late blobs can still land in it."""
    return Hour.containing(now - settle).plus(-1)
