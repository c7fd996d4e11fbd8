"""The layout of the landing container: which folders are hours of a stream, and which fit no layout.

``events/187520/2020/01/25/17/any/name``: a data type, a source, and the four folders of a UTC clock hour. A
folder or blob that does not fit, or names an impossible time, belongs to no hour: it is not exported, not
owed, and reported by ``survey``. Each function takes the listing of one folder as an argument, so the same
rules apply to the container and to its twin in memory.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from exporter.domain.data_types import DataType
from exporter.domain.hour import Hour
from exporter.domain.streams import Stream, is_data

# No source has older data: an earlier folder comes from a clock that was never set.
EARLIEST = Hour.parse("2000-01-01T00")
# Clocks of sources differ; a folder further in the future than this is a mistake.
AHEAD_MAX = timedelta(days=1)
# Listings that one survey makes at most, of 5,000 entries a page: about ten seconds.
LISTINGS_MAX = 1000
# Misfits that one survey reports at most; further ones say nothing new.
MISFITS_MAX = 200

_SOURCE = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_DIGITS = {"year": 4, "month": 2, "day": 2, "hour": 2}
_LEVELS = tuple(_DIGITS)
# Slashes in the folder of an hour. Its blobs may be many, so its listing is lazy and not cached.
_HOUR_SLASHES = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the listing of a folder: a blob, or a folder if its full ``name`` ends with ``/``."""

    name: str

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.name.endswith("/")

    @property
    def last(self) -> str:
        """The last part of the name."""
        return self.name.rstrip("/").rpartition("/")[2]


type List = Callable[[str], Iterable[Entry]]
"""Lists the blobs and folders of a folder (``events/``; empty for the container), byte by byte in order."""


@dataclass(frozen=True, slots=True)
class Landed:
    """A stream that has a folder, with its first and last hour; None if it has none, or the survey ended."""

    stream: Stream
    first: Hour | None
    last: Hour | None


@dataclass(frozen=True, slots=True, order=True)
class Misfit:
    """A folder (ending with ``/``) or blob that belongs to no hour, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Survey:
    """The content of landing. ``truncated`` means that the survey reached one of its limits."""

    streams: tuple[Landed, ...]
    misfits: tuple[Misfit, ...]
    truncated: bool


def sources(list_folder: List) -> Iterator[Stream]:
    """Yield the streams that have a folder, even an empty one."""
    for data_type in DataType:
        for entry in list_folder(f"{data_type}/"):
            if entry.is_folder and _SOURCE.fullmatch(entry.last):
                yield Stream(data_type, int(entry.last))


def earliest_hour(list_folder: List, stream: Stream) -> Hour | None:
    """Return the oldest hour of a stream that holds data; it may lie in the future.

    It lists one folder a level where it can, never all blobs.
    """
    return next(_hours(list_folder, stream.landing_prefix, (), newest_first=False), None)


def survey(list_folder: List, now: datetime, listings_max: int = LISTINGS_MAX) -> Survey:
    """Return the streams of landing, and the entries that fit no layout; the newest folders come first.

    The streams' first and last hours are found before the listings are spent on misfits.
    """
    return _Surveyor(_Budget(list_folder, listings_max), now + AHEAD_MAX).survey()


class _SpentError(Exception):
    """The listings of the survey are used up."""


class _Budget:
    """Lists folders, up to a number of listings; folders above the hours are listed once and cached."""

    def __init__(self, list_folder: List, left: int) -> None:
        self._list = list_folder
        self._left = left
        self._known: dict[str, list[Entry]] = {}

    def __call__(self, folder: str) -> Iterable[Entry]:
        if folder in self._known:
            return self._known[folder]
        if self._left == 0:
            raise _SpentError
        self._left -= 1
        if folder.count("/") >= _HOUR_SLASHES:
            return self._list(folder)
        self._known[folder] = list(self._list(folder))
        return self._known[folder]


@dataclass
class _Surveyor:
    list_folder: _Budget
    latest: datetime
    misfits: list[Misfit] = field(default_factory=list)
    truncated: bool = False

    def survey(self) -> Survey:
        found: list[Stream] = []
        landed: list[Landed] = []
        try:
            found = list(self._streams())
            for stream in found:
                landed.append(self._landed(stream))  # noqa: PERF401  those before the listings are spent count
            self._folders([(stream.landing_prefix, ()) for stream in found])
        except _SpentError:
            self.truncated = True
        rest = (Landed(stream, None, None) for stream in found[len(landed) :])
        misfits = sorted(set(self.misfits))
        return Survey(
            streams=(*landed, *rest),
            misfits=tuple(misfits[:MISFITS_MAX]),
            truncated=self.truncated or len(misfits) > MISFITS_MAX,
        )

    def _streams(self) -> Iterator[Stream]:
        known = {f"{data_type}/": data_type for data_type in DataType}
        for entry in self.list_folder(""):
            if entry.name not in known:
                self._misfit(entry, f"is neither in {' nor in '.join(known)}")
        for folder, data_type in known.items():
            for entry in self.list_folder(folder):
                if entry.is_folder and _SOURCE.fullmatch(entry.last):
                    yield Stream(data_type, int(entry.last))
                else:
                    self._misfit(entry, "is not in the folder of a project or organization, a number")

    def _landed(self, stream: Stream) -> Landed:
        prefix = stream.landing_prefix
        first = next(_hours(self.list_folder, prefix, (), newest_first=False), None)
        hours = _hours(self.list_folder, prefix, (), newest_first=True)
        last = next((hour for hour in hours if hour.start <= self.latest), None)
        return Landed(stream, first if last else None, last)

    def _folders(self, level: list[tuple[str, tuple[str, ...]]]) -> None:
        """Check the folders level by level, the newest first."""
        while level:
            below: list[tuple[str, tuple[str, ...]]] = []
            for prefix, above in sorted(level, key=lambda each: each[1], reverse=True):
                for entry in self.list_folder(prefix):
                    reason = _reason(entry, above, self.latest)
                    if reason is not None:
                        self._misfit(entry, reason)
                    elif entry.is_folder and len(above) + 1 < len(_LEVELS):
                        below.append((entry.name, (*above, entry.last)))
                if len(self.misfits) > MISFITS_MAX:
                    return
            level = below

    def _misfit(self, entry: Entry, reason: str) -> None:
        if entry.is_folder or is_data(entry.name):
            self.misfits.append(Misfit(entry.name, reason))


def _hours(list_folder: List, prefix: str, above: tuple[str, ...], *, newest_first: bool) -> Iterator[Hour]:
    """Yield the hours below a folder that hold data; skip what fits no layout."""
    if len(above) == len(_LEVELS):
        hour = _hour(above)
        if hour is not None and hour >= EARLIEST and _holds_data(list_folder, prefix):
            yield hour
        return
    entries = list(list_folder(prefix))
    for entry in reversed(entries) if newest_first else entries:
        if entry.is_folder and _fits(entry.last, len(above)):
            yield from _hours(list_folder, entry.name, (*above, entry.last), newest_first=newest_first)


def _holds_data(list_folder: List, prefix: str) -> bool:
    """Whether there is a data blob below a folder of an hour, at any depth."""
    folders: list[str] = []
    for entry in list_folder(prefix):
        if entry.is_folder:
            folders.append(entry.name)
        elif is_data(entry.name):
            return True
    return any(_holds_data(list_folder, folder) for folder in folders)


def _fits(name: str, level: int) -> bool:
    return len(name) == _DIGITS[_LEVELS[level]] and name.isascii() and name.isdigit()


def _reason(entry: Entry, above: tuple[str, ...], latest: datetime) -> str | None:
    """Return why an entry below the folders of a stream and of years, months and days is misplaced."""
    what = _LEVELS[len(above)]
    if not entry.is_folder:
        return f"is not in the folder of an hour: where it lies, folders of {what}s are expected"
    if not _fits(entry.last, len(above)):
        return f"is not a {what} in {_DIGITS[what]} digits"
    begins = _hour((*above, entry.last, *("01", "01", "00")[len(above) :]))
    if begins is None:
        return f"is a {what} that does not exist"
    if begins.start.year < EARLIEST.start.year:
        return f"is before {EARLIEST.start.year}"
    return "is more than a day in the future" if begins.start > latest else None


def _hour(parts: tuple[str, ...]) -> Hour | None:
    """Return the hour of year, month, day and hour; None if it does not exist."""
    try:
        return Hour(datetime(*map(int, parts), tzinfo=UTC))  # type: ignore[misc,arg-type]  # four of them
    except ValueError:
        return None
