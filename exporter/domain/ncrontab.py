"""NCRONTAB, the schedules of timers: ``{second} {minute} {hour} {day} {month} {day-of-week}``, in UTC.

The Functions host reads a schedule with the NCrontab library 3.3.3 (``CrontabFieldImpl.InternalParse`` and
``CrontabField.Accumulate``) and with ``CronSchedule`` of the WebJobs timer extension. What they accept is
accepted here, with the same meaning:

* Fields are separated by spaces.
* With five fields, the second is 0.
* All fields must match. Other crons take either of the two day fields.
* A reversed range is turned: ``fri-mon`` means Monday to Friday. It does not wrap.
* ``10/5`` means every fifth value from 10 on. A step below 1 counts as 1.
* Months and days have English names in any case. Any prefix of a name will do: ``j`` means January.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

_INTEGER = re.compile(r"[+-]?[0-9]+")
# The host's numbers are 32-bit integers.
_INTEGER_MAX = 2**31 - 1
_INTEGER_DIGITS_MAX = 11
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


@dataclass(frozen=True, slots=True)
class _Field:
    """One field of an expression: the values that it can have, and their names in lower case."""

    name: str
    low: int
    high: int
    value_names: tuple[str, ...] = ()

    def values(self, text: str) -> frozenset[int]:
        """Return the values of a list of items such as ``*``, ``7``, ``1-5``, ``*/10``, ``10/5``, ``jan``."""
        # As in the library, a comma in the first place separates nothing. The item is then invalid.
        items = text.split(",") if text.find(",") > 0 else [text]
        return frozenset(value for item in items for value in self._range(item))

    def _range(self, item: str) -> range:
        span, step = item, 1
        if has_step := item.find("/") > 0:
            span, _, step_text = item.partition("/")
            step = max(1, _integer(step_text))
        if span == "*":
            return range(self.low, self.high + 1, step)
        if span.find("-") > 0:
            first, _, last = span.partition("-")
            ends = self._value(first), self._value(last)
        else:
            value = self._value(span)
            ends = value, self.high if has_step else value
        start, stop = sorted(ends)
        if start < self.low or stop > self.high:
            raise ValueError(item)
        return range(start, stop + 1, step)

    def _value(self, text: str) -> int:
        if text[:1].isdigit():
            return _integer(text)
        for value, name in enumerate(self.value_names, self.low):
            if text and name.startswith(text.lower()):
                return value
        raise ValueError(text)

    @property
    def allowed(self) -> str:
        """What a person may write, for error messages."""
        if not self.value_names:
            return f"{self.low} to {self.high}"
        first, last = (self.value_names[index][:3].upper() for index in (0, -1))
        return f"{self.low} to {self.high} or {first} to {last}"


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _WEEKDAYS),
)
_FIELDS_WITHOUT_SECONDS = len(_FIELDS) - 1


@dataclass(frozen=True, slots=True)
class Ncrontab:
    """The values of the six fields of an expression. Weekdays are 0 (Sunday) to 6."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @classmethod
    def parse(cls, expression: str) -> Self:
        """Read an expression of six fields, or of five without the seconds.

        ``ValueError`` says what is wrong with any other text. Its message is the rest of a sentence: the name
        of the setting or of the schedule is to be put before it.
        """
        texts = [text for text in expression.split(" ") if text]
        if len(texts) == _FIELDS_WITHOUT_SECONDS:
            texts = ["0", *texts]
        if len(texts) != len(_FIELDS):
            raise ValueError(
                "must have six fields (second minute hour day month weekday), such as 0 */5 * * * *"
            )
        return cls(*_read_fields(texts))

    @property
    def is_every_minute(self) -> bool:
        """Whether the fields other than the seconds exclude nothing."""
        others = (self.minutes, self.hours, self.days, self.months, self.weekdays)
        return all(
            len(values) == field.high - field.low + 1
            for values, field in zip(others, _FIELDS[1:], strict=True)
        )


def objection(expression: str) -> str | None:
    """Return what is wrong with an NCRONTAB expression, or None if it is valid."""
    try:
        Ncrontab.parse(expression)
    except ValueError as error:
        return str(error)
    return None


def _read_fields(texts: list[str]) -> Iterator[frozenset[int]]:
    for field, text in zip(_FIELDS, texts, strict=True):
        try:
            yield field.values(text)
        except ValueError:
            raise ValueError(
                f"has a wrong {field.name}: {text} (write {field.allowed}, a list such as {field.low},"
                f"{field.low + 2}, a range such as {field.low}-{field.low + 4}, or a step such as */2)"
            ) from None


def _integer(text: str) -> int:
    """Return a number of ASCII digits with an optional sign."""
    if len(text) > _INTEGER_DIGITS_MAX or not _INTEGER.fullmatch(text) or abs(int(text)) > _INTEGER_MAX:
        raise ValueError(text)
    return int(text)
