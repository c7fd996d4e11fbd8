"""Times as microseconds since 1970 (UTC), and their text in the landing files."""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# The default of SETTLE_MINUTES: an hour is closed that long after its end.
SETTLE = timedelta(minutes=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# "MM:SS" of every second of an hour.
_MINUTE_SECOND = [f"{second // 60:02d}:{second % 60:02d}".encode() for second in range(3600)]
# Two hours, in which most times of an hour are. The table is cleared when it is full.
_SECONDS_MAX = 7200


class TimeFormat(StrEnum):
    """The format of times in landing files. ``mixed`` differs between rows, in offset and fraction."""

    AMPLITUDE = "amplitude"
    ISO8601 = "iso8601"
    MIXED = "mixed"


def hour_index(start: datetime) -> int:
    """Return the number of hours since 1970; ``ValueError`` if it is not the start of a UTC hour."""
    if start.utcoffset() != timedelta(0) or start.replace(minute=0, second=0, microsecond=0) != start:
        raise ValueError(f"{start.isoformat()} is not the start of a UTC hour")
    return (start - _EPOCH) // timedelta(hours=1)


def last_closed_hours(now: datetime, count: int) -> list[datetime]:
    """Return the starts of the newest closed hours, oldest first."""
    newest = (now - SETTLE).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    return [newest - timedelta(hours=count - 1 - number) for number in range(count)]


def moment(microseconds: int) -> datetime:
    """Return the moment as a UTC datetime."""
    return _EPOCH + timedelta(microseconds=microseconds)


class Writer:
    """Writes times fast: everything but the fraction comes from a table of recent seconds."""

    __slots__ = ("_layout", "_pattern", "_seconds")

    def __init__(self, time_format: TimeFormat) -> None:
        iso = time_format is TimeFormat.ISO8601
        self._layout = "%Y-%m-%dT%H:" if iso else "%Y-%m-%d %H:"
        self._pattern = b"%b.%06dZ" if iso else b"%b.%06d"
        self._seconds: dict[int, bytes] = {}

    def text(self, microseconds: int) -> bytes:
        """Return for example ``2026-01-31 13:05:09.000123``; always six digits."""
        second, fraction = divmod(microseconds, SECOND)
        prefix = self._seconds.get(second)
        if prefix is None:
            prefix = self._remembered(second)
        return self._pattern % (prefix, fraction)

    def _remembered(self, second: int) -> bytes:
        if len(self._seconds) >= _SECONDS_MAX:
            self._seconds.clear()
        day_and_hour = _hour_text(second // 3600, self._layout)
        self._seconds[second] = prefix = day_and_hour + _MINUTE_SECOND[second % 3600]
        return prefix


@lru_cache(maxsize=65_536)
def _hour_text(hour: int, layout: str) -> bytes:
    return moment(hour * HOUR).strftime(layout).encode()


_TIME_FIELD = re.compile(
    rb'("(?:client_event|client_upload|event|processed|server_received|server_upload|user_creation)_time":")'
    rb"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6})(?=\")"
)
_STYLES = 6


def restyle(line: bytes, style: int) -> bytes:
    """Return the event with its times written in another format, with the same meaning.

    Only zeros are cut from fractions, so no time changes.
    """

    def rewritten(match: re.Match[bytes]) -> bytes:
        at = datetime.fromisoformat(match[2].decode()).replace(tzinfo=UTC)
        return match[1] + _styled(at, style % _STYLES).encode()

    return _TIME_FIELD.sub(rewritten, line)


def _styled(at: datetime, style: int) -> str:
    digits = f"{at.microsecond:06d}"
    match style:
        case 0:
            return f"{at:%Y-%m-%d %H:%M:%S}.{digits}"
        case 1:
            return f"{at:%Y-%m-%dT%H:%M:%S}.{digits}Z"
        case 2:
            return f"{at + timedelta(hours=5, minutes=30):%Y-%m-%dT%H:%M:%S}.{digits}+05:30"
        case 3:
            return f"{at - timedelta(hours=8):%Y-%m-%d %H:%M:%S}.{digits}-08:00"
        case 4:
            return f"{at:%Y-%m-%dT%H:%M:%S}.{digits}000Z"
    short = digits.rstrip("0")
    return f"{at:%Y-%m-%d %H:%M:%S}" + (f".{short}" if short else "")
