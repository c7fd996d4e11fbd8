"""Times of rows: parses every form that sources write, and writes the form that the destination chose.

The canonical form of an instant is UTC text ``2020-01-25 17:04:05.123456``: always 26 characters, so it sorts
as time does, and its first 13 characters name its hour. The original product's files have this form, too.
"""

import re
from collections import deque
from datetime import UTC, datetime
from enum import StrEnum

from exporter.domain.columns import END, in_columns

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
    """Return a time in canonical form; ValueError if the text is not a time.

    Takes ``T`` or a space between date and time, a fraction of any length (digits after the sixth are
    truncated, because rounding could move a row into the next hour), ``Z``, any offset, or none for UTC.
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


def all_to_canonical(texts: list[str]) -> list[str] | None:
    """Return the canonical form of each text if all are in the same one of the two forms that we write.

    Otherwise return None: ``to_canonical`` parses them one by one, which takes six times as long. This
    function joins the texts and compares the same place of all of them at once.
    """
    count, joined = len(texts), END.join(texts)
    if joined[10:11] == "T":
        if not in_columns(joined, count, CANONICAL_LENGTH + 1, {10: "T", 26: "Z"}):
            return None
        joined = joined.replace("T", " ").replace("Z", "")
        texts = joined.split(END)
    if not in_columns(joined, count, CANONICAL_LENGTH, {4: "-", 7: "-", 10: " ", 19: "."}):
        return None
    # Without further signs there is no offset.
    if joined.count("-") != 2 * count or "+" in joined or "Z" in joined or not _are_times(texts):
        return None
    return texts


def _are_times(texts: list[str]) -> bool:
    try:
        deque(map(datetime.fromisoformat, texts), maxlen=0)
    except ValueError:
        return False
    return True


def all_to_iso8601(canonical: list[str]) -> list[str]:
    """Return ``to_iso8601`` of each text."""
    return (f"Z{END}".join(canonical) + "Z").replace(" ", "T").split(END)


def to_iso8601(canonical: str) -> str:
    """Return ``2020-01-25T17:04:05.123456Z`` for the canonical text."""
    return f"{canonical[:10]}T{canonical[11:]}Z"
