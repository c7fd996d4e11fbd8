"""The layout of the landing container: which folders are hours of a stream, and what belongs nowhere.

``events/187520/2020/01/25/17/any/name``: a data type, a source, and the four folders of a UTC clock hour.
What misses this layout, or names a time that cannot be, is no part of any hour: it is never exported, never
owed, and told by ``survey``. Each walk takes the listing of one folder as an argument, so that the container
and its twin in memory are walked by the same rules.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from exporter.domain.hour import Hour
from exporter.domain.streams import DataType, Stream, is_data

# Nothing was collected before this: an earlier folder is a clock that was never set.
EARLIEST = Hour.parse("2000-01-01T00")
# Clocks of sources differ; a folder further ahead than this is a mistake, and not a clock.
AHEAD_MAX = timedelta(days=1)
# One survey makes at most so many listings, of 5,000 entries a page: some ten seconds.
LISTINGS_MAX = 1000
# More of them say nothing new.
MISFITS_MAX = 200

_SOURCE = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_DIGITS = {"year": 4, "month": 2, "day": 2, "hour": 2}
_LEVELS = tuple(_DIGITS)
# How many slashes the folder of an hour has: its blobs may be many, and are listed as far as need be.
_HOUR_SLASHES = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """What a listing of one folder shows: a blob, or a folder if its whole ``name`` ends with ``/``."""

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
    """A stream that has a folder, with its first and last hour; None if there are none, or not looked for."""

    stream: Stream
    first: Hour | None
    last: Hour | None


@dataclass(frozen=True, slots=True, order=True)
class Misfit:
    """A folder (ending with ``/``) or blob that is no part of any hour, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What landing holds. ``truncated`` if there was more than one survey looks at."""

    streams: tuple[Landed, ...]
    misfits: tuple[Misfit, ...]
    truncated: bool


def sources(list_folder: List) -> Iterator[Stream]:
    """Yield the streams that have a folder, whether there is an hour in it or not."""
    for data_type in DataType:
        for entry in list_folder(f"{data_type}/"):
            if entry.is_folder and _SOURCE.fullmatch(entry.last):
                yield Stream(data_type, int(entry.last))


def earliest_hour(list_folder: List, stream: Stream) -> Hour | None:
    """Return the oldest hour of a stream that holds data; it may lie in the future.

    That is a listing for each level of folders, not one of all blobs.
    """
    return next(_hours(list_folder, stream.landing_prefix, (), newest_first=False), None)


def survey(list_folder: List, now: datetime, listings_max: int = LISTINGS_MAX) -> Survey:
    """Return the streams of landing, and what fits no layout; the newest folders are looked at first.

    The streams' first and last hours come before anything else that the listings are enough for.
    """
    return _Surveyor(_Budget(list_folder, listings_max), now + AHEAD_MAX).survey()


class _SpentError(Exception):
    """No more listings are to be made."""


class _Budget:
    """Lists folders, each of those above the hours once, and not more than so many."""

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
        """Look at the folders of a level, then at all of the next one, the newest first."""
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
    """Yield the hours below a folder that hold data, passing over what fits no layout."""
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
    """Whether there is a blob with data below a folder of an hour, however deep."""
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
    """Return the hour of year, month, day and hour, if there is such a one."""
    try:
        return Hour(datetime(*map(int, parts), tzinfo=UTC))  # type: ignore[misc,arg-type]  # four of them
    except ValueError:
        return None
