"""Durations of host.json: ``[d.]hh:mm:ss[.fffffff]``."""

import re
from datetime import timedelta

_FORM = re.compile(
    r"(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2}(?:\.\d{1,7})?))?"
)
_LIMITS = {"hours": 24, "minutes": 60, "seconds": 60}


def parse_timespan(text: str) -> timedelta:
    """Read a duration; ``ValueError`` says what is wrong with any other text.

    A bare number is refused, although .NET accepts it: it would mean days, which is never intended.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration of the form hh:mm:ss")
    fields = {name: float(value or 0) for name, value in match.groupdict().items()}
    for name, limit in _LIMITS.items():
        if fields[name] >= limit:
            raise ValueError(f"{text!r} is not a duration: {name} must be below {limit}")
    return timedelta(**fields)
