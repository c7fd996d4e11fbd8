"""NCRONTAB, the schedules of timers: ``{second} {minute} {hour} {day} {month} {day-of-week}``, in UTC.

All fields must match (cron would take either of the two day fields), and with five fields the second is 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Self

MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
# 29 February falls on a given weekday every 28 years, every 40 across a century that is no leap year:
# what has not happened by then never will.
SEARCH_DAYS_MAX = 41 * 366
_NAME_LENGTH_MIN = 3
_FIELDS_WITHOUT_SECONDS = 5
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an expression: its name, the values it may take, and words for them."""

    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()

    def values(self, text: str) -> frozenset[int]:
        """Read ``*``, ``7``, ``1-5``, ``*/10``, ``10/5``, ``jan``, and lists of these."""
        return frozenset(value for item in text.split(",") for value in self._range(item))

    def _range(self, item: str) -> range:
        span, slash, step = item.partition("/")
        if slash and not (step.isdecimal() and int(step) > 0):
            raise ValueError(f"{item!r} has no step that is a positive number")
        first, dash, last = span.partition("-")
        if span == "*":
            start, stop = self.low, self.high
        elif dash:
            # As in the host's library, a range the wrong way round is turned, not wrapped.
            start, stop = sorted((self._value(first), self._value(last)))
        else:
            start = self._value(first)
            stop = self.high if slash else start
        return range(start, stop + 1, int(step) if slash else 1)

    def _value(self, text: str) -> int:
        if text.isdecimal():
            value = int(text)
            if self.low <= value <= self.high:
                return value
            raise ValueError(f"{self.name} {value} is not within {self.low}-{self.high}")
        for value, word in enumerate(self.words, self.low):
            if len(text) >= _NAME_LENGTH_MIN and word.startswith(text.lower()):
                return value
        raise ValueError(f"{text!r} is no {self.name}")


FIELDS = (
    Field("second", 0, 59),
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day", 1, 31),
    Field("month", 1, 12, MONTHS),
    Field("day of week", 0, 6, WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed NCRONTAB expression."""

    expression: str
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @classmethod
    def parse(cls, expression: str) -> Self:
        """Read an expression of six or five fields; ``ValueError`` says what is wrong with it."""
        texts = expression.split()
        if len(texts) == _FIELDS_WITHOUT_SECONDS:
            texts = ["0", *texts]
        if len(texts) != len(FIELDS):
            raise ValueError(
                f"schedule {expression!r} does not have six fields (or five, without the seconds)"
            )
        try:
            seconds, minutes, hours, days, months, weekdays = (
                field.values(text) for field, text in zip(FIELDS, texts, strict=True)
            )
        except ValueError as error:
            raise ValueError(f"schedule {expression!r}: {error}") from None
        return cls(
            expression,
            *(tuple(sorted(seconds)), tuple(sorted(minutes)), tuple(sorted(hours))),
            *(days, months, weekdays),
        )

    def after(self, moment: datetime) -> datetime | None:
        """Return the first occurrence later than ``moment``, in its time zone, if there will ever be one."""
        earliest = moment.replace(microsecond=0) + timedelta(seconds=1)
        for offset in range(SEARCH_DAYS_MAX):
            date = earliest.date() + timedelta(days=offset)
            if self._falls_on(date.month, date.day, date.isoweekday() % 7):
                start = earliest.time() if offset == 0 else time.min
                for found in self._times(start):
                    return datetime.combine(date, found, moment.tzinfo)
        return None

    def is_dense(self, moment: datetime) -> bool:
        """Tell whether occurrences soon after ``moment`` come less than a minute apart."""
        soon = [moment]
        while len(soon) <= len(FIELDS) and (found := self.after(soon[-1])):
            soon.append(found)
        return any(later - sooner < _MINUTE for sooner, later in pairwise(soon[1:]))

    def _falls_on(self, month: int, day: int, weekday: int) -> bool:
        return month in self.months and day in self.days and weekday in self.weekdays

    def _times(self, start: time) -> Iterator[time]:
        """Yield the times of a matching day from ``start`` on."""
        for hour in self.hours:
            for minute in self.minutes:
                if (hour, minute) >= (start.hour, start.minute):
                    for second in self.seconds:
                        if (found := time(hour, minute, second)) >= start:
                            yield found
