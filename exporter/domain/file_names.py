"""Names of the files in a customer's container: builds them, and recognises them.

A listing by prefix finds other hours, too (``…_2020-01-25_1`` is a prefix of hours 10 to 19). So a file is a
part only if ``part_number`` recognises its whole name.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from exporter.domain.hour import Hour
from exporter.domain.streams import Stream

NDJSON_GZIP_SUFFIX = ".json.gz"
MARKER_SUFFIX = "_complete"


class NameStyle(StrEnum):
    """``output.name_style``: the character before the part number, ``#`` or ``_``."""

    AMPLITUDE = "amplitude"
    SAFE = "safe"


class PathLayout(StrEnum):
    """``output.path_layout``: the folders of the files.

    ``flat`` has none, ``by_project`` one for each project or organization. ``hive`` has folders that query
    engines read as columns: ``project_id=187520/date=2020-01-25/hour=05/``.
    """

    FLAT = "flat"
    BY_PROJECT = "by_project"
    HIVE = "hive"


# The folder of an hour within the folder of its stream, in the layout hive.
_HIVE_HOUR = r"date=\d{4}-\d\d-\d\d/hour=\d\d"


@dataclass(frozen=True, slots=True)
class Naming:
    """How one destination names its files of one stream. ``prefix`` has no slash at either end.

    ``suffix`` is the end of the names of parts, and depends on their format.
    """

    stream: Stream
    prefix: str = ""
    style: NameStyle = NameStyle.AMPLITUDE
    layout: PathLayout = PathLayout.FLAT
    suffix: str = NDJSON_GZIP_SUFFIX

    def part(self, hour: Hour, number: int) -> str:
        """Return the name of part ``number`` (from 1); merged ids have one file an hour, without a number."""
        if not self.stream.spec.numbered_parts:
            return self.parts_prefix(hour)
        return f"{self.parts_prefix(hour)}{number}{self.suffix}"

    def parts_prefix(self, hour: Hour) -> str:
        """Return the longest common prefix of the names of the hour's parts."""
        if not self.stream.spec.numbered_parts:
            return f"{self._hour(hour)}{self.suffix}"
        return f"{self._hour(hour)}{'#' if self.style is NameStyle.AMPLITUDE else '_'}"

    def part_number(self, hour: Hour, name: str) -> int | None:
        """Return the part number of a blob's name, or None if it is not a part of the hour."""
        if not self.stream.spec.numbered_parts:
            return 1 if name == self.part(hour, 1) else None
        match = re.fullmatch(
            f"{re.escape(self.parts_prefix(hour))}([1-9][0-9]*){re.escape(self.suffix)}", name, re.ASCII
        )
        return int(match[1]) if match else None

    def marker(self, hour: Hour) -> str:
        """Return the name of the hour's completion marker."""
        return f"{self._hour(hour)}{MARKER_SUFFIX}"

    def files_prefix(self, hour: Hour) -> str:
        """Return the longest common prefix of the hour's parts, in both styles, and its marker."""
        return self._hour(hour)

    def day_prefix(self, hour: Hour) -> str:
        """Return the longest common prefix of the names of all hours of the hour's day."""
        folders = self._stream_folders
        if self.layout is PathLayout.HIVE:
            return f"{_path(folders, self._hive_stream, f'date={hour.date}')}/"
        return _path(folders, f"{self.stream.owner}_{hour.date}_")

    @property
    def root(self) -> str:
        """The prefix of all names of the stream: ``a/187520_``. Namings with different roots share no name.

        Styles share it: ``187520_2026-01-31_5_1.json.gz`` and ``…_5#1.json.gz`` are the same part. A prefix
        that is the folder of an hour in the layout ``hive`` has that layout's root, as in this hour their
        names are the same.
        """
        if self.layout is PathLayout.HIVE:
            return f"{_path(self.prefix, self._hive_stream)}/"
        folders = self._stream_folders
        within = re.fullmatch(rf"((?:.*/)?{self._hive_stream}/){_HIVE_HOUR}", folders, re.ASCII)
        return within[1] if within else _path(folders, f"{self.stream.owner}_")

    @property
    def _hive_stream(self) -> str:
        return f"{self.stream.spec.source.id_key}={self.stream.source_id}"

    @property
    def _stream_folders(self) -> str:
        return _path(self.prefix, self.stream.owner if self.layout is PathLayout.BY_PROJECT else "")

    def _hour(self, hour: Hour) -> str:
        folders = self._stream_folders
        if self.layout is PathLayout.HIVE:
            folders = _path(folders, f"{self._hive_stream}/date={hour.date}/hour={hour.start:%H}")
        return _path(folders, f"{self.stream.owner}_{hour.date}_{hour.start.hour}")


def _path(*folders: str) -> str:
    return "/".join(filter(None, folders))


@dataclass(frozen=True, slots=True)
class HourNames:
    """All names that files of an hour may have in one container.

    ``wanted`` is the naming of files that are written now, ``others`` are namings of earlier files. Each
    naming counts in both styles, because two files whose names differ only in style are the same part.
    """

    hour: Hour
    wanted: Naming
    others: tuple[Naming, ...] = ()

    @property
    def namings(self) -> tuple[Naming, ...]:
        """All namings of its files, the wanted one first."""
        places = (self.wanted, *self.others)
        both = (replace(each, style=style) for each in places for style in NameStyle)
        return tuple(dict.fromkeys((self.wanted, *both)))

    @property
    def prefixes(self) -> dict[str, str]:
        """The prefixes to list its parts and markers by, each with the one that lists those of its day."""
        return {each.files_prefix(self.hour): each.day_prefix(self.hour) for each in self.namings}

    @property
    def markers(self) -> tuple[str, ...]:
        """All names that its marker may have, the wanted one first."""
        return tuple(dict.fromkeys(naming.marker(self.hour) for naming in self.namings))

    @property
    def marker(self) -> str:
        """The name of a marker that is written now."""
        return self.wanted.marker(self.hour)

    def is_part(self, name: str) -> bool:
        """Whether a blob of that name is a part of the hour."""
        return any(naming.part_number(self.hour, name) is not None for naming in self.namings)

    def number(self, name: str) -> int:
        """Return the part number in a name; 0 if it has none."""
        numbers = (naming.part_number(self.hour, name) for naming in self.namings)
        return next((number for number in numbers if number is not None), 0)

    def wanting(self, naming: Naming) -> "HourNames":
        """Return the same names with another wanted naming."""
        others = dict.fromkeys((self.wanted, *self.others))
        return replace(self, wanted=naming, others=tuple(each for each in others if each != naming))
