"""When a schedule is due. The product's reader reads the expression: ``exporter.domain.ncrontab``."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Self

from exporter.domain.ncrontab import Ncrontab

# 29 February falls on a given weekday every 28 years, and every 40 across a century that is no leap year.
# A date that does not come within this many days never comes.
SEARCH_DAYS_MAX = 41 * 366


@dataclass(frozen=True, slots=True)
class Schedule:
    """An NCRONTAB expression and the values of its fields."""

    expression: str
    fields: Ncrontab

    @classmethod
    def parse(cls, expression: str) -> Self:
        """Read an expression of six or five fields; ``ValueError`` says what is wrong with it."""
        try:
            return cls(expression, Ncrontab.parse(expression))
        except ValueError as error:
            raise ValueError(f"schedule {expression!r} {error}") from None

    def after(self, moment: datetime) -> datetime | None:
        """Return the first occurrence later than ``moment``, in its time zone; None if there is none."""
        earliest = moment.replace(microsecond=0) + timedelta(seconds=1)
        for offset in range(SEARCH_DAYS_MAX):
            date = earliest.date() + timedelta(days=offset)
            if self._falls_on(date.month, date.day, date.isoweekday() % 7):
                start = earliest.time() if offset == 0 else time.min
                for found in self._times(start):
                    return datetime.combine(date, found, moment.tzinfo)
        return None

    @property
    def is_dense(self) -> bool:
        """Whether the schedule is due in every minute, more than once: the host does not monitor it then."""
        return self.fields.is_every_minute and len(self.fields.seconds) > 1

    def _falls_on(self, month: int, day: int, weekday: int) -> bool:
        fields = self.fields
        return month in fields.months and day in fields.days and weekday in fields.weekdays

    def _times(self, start: time) -> Iterator[time]:
        """Yield the times of a matching day from ``start`` on, in order."""
        for hour in sorted(self.fields.hours):
            for minute in sorted(self.fields.minutes):
                if (hour, minute) >= (start.hour, start.minute):
                    for second in sorted(self.fields.seconds):
                        if (found := time(hour, minute, second)) >= start:
                            yield found
