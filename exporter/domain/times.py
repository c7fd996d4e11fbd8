"""Times of rows: read in any of the forms that sources write, written in the one the destination asked for.

Inside, an instant is UTC text ``2020-01-25 17:04:05.123456``: always 26 characters, so that it sorts as time
does and its first 13 characters name its hour. That is also the form the original's own files hold.
"""

import re
from datetime import UTC, datetime
from enum import StrEnum

CANONICAL_LENGTH = 26
HOUR_LENGTH = 13
_ANY = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[Tt ](?P<clock>\d{2}:\d{2}:\d{2})(?:[.,](?P<fraction>\d+))?"
    r" ?(?:[Zz]|(?P<offset>[+-]\d{2})(?::?(?P<minutes>[0-5]\d))?)?",
    re.ASCII,
)


class TimestampFormat(StrEnum):
    """``output.timestamp_format``."""

    ISO8601 = "iso8601"
    AMPLITUDE = "amplitude"


def to_canonical(text: str) -> str:
    """Return the instant as UTC text; ValueError if it is none.

    Takes ``T`` or a space between date and time, a fraction of any length (digits after the sixth are cut
    off, never rounded: rounding could lift a row into the next hour), ``Z``, any offset, or none for UTC.
    """
    # Nearly all times are in one of the two forms that we write. The hyphen tells a date from a week date.
    if len(text) == CANONICAL_LENGTH and text[7] == "-" and text[19] == "." and text[10] in " T":
        try:
            no_offset = datetime.fromisoformat(text).tzinfo is None
        except ValueError:
            no_offset = False
        if no_offset:
            return text if text[10] == " " else f"{text[:10]} {text[11:]}"
    return _from_any(text)


def _from_any(text: str) -> str:
    match = _ANY.fullmatch(text)
    if match is None:
        raise ValueError(f"not a time: {text!r}")
    fraction = (match["fraction"] or "")[:6].ljust(6, "0")
    offset = f"{match['offset'] or '+00'}:{match['minutes'] or '00'}"
    local = datetime.fromisoformat(f"{match['date']} {match['clock']}.{fraction}{offset}")
    try:
        utc = local.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"not a time between the years 1 and 9999: {text!r}") from None
    return utc.replace(tzinfo=None).isoformat(" ", "microseconds")


def to_iso8601(canonical: str) -> str:
    """Return ``2020-01-25T17:04:05.123456Z`` for the canonical text."""
    return f"{canonical[:10]}T{canonical[11:]}Z"
