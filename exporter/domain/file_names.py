"""Names of the files in a customer's container, and which names are ours.

Listing by prefix finds neighbours too (``…_2020-01-25_1`` is the beginning of hours 10 to 19), so a name is
ours only if ``part_number`` says so: it compares whole names.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from exporter.domain.hour import Hour
from exporter.domain.streams import Stream

NDJSON_GZIP_SUFFIX = ".json.gz"
MARKER_SUFFIX = "_complete"


class NameStyle(StrEnum):
    """``output.name_style``: what stands before the part number."""

    AMPLITUDE = "amplitude"
    SAFE = "safe"


class PathLayout(StrEnum):
    """``output.path_layout``: whether a folder per project or organization stands before the name."""

    FLAT = "flat"
    BY_PROJECT = "by_project"


@dataclass(frozen=True, slots=True)
class Naming:
    """How one destination names its files of one stream. ``prefix`` has no slash at either end.

    ``suffix`` ends the names of parts, and tells their format.
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
        """Return the longest beginning that all parts of the hour share: what to list them by."""
        if not self.stream.spec.numbered_parts:
            return f"{self._hour(hour)}{self.suffix}"
        return f"{self._hour(hour)}{'#' if self.style is NameStyle.AMPLITUDE else '_'}"

    def part_number(self, hour: Hour, name: str) -> int | None:
        """Return which part of the hour a blob of that name is, or None if it is none of ours."""
        if not self.stream.spec.numbered_parts:
            return 1 if name == self.part(hour, 1) else None
        match = re.fullmatch(
            f"{re.escape(self.parts_prefix(hour))}([1-9][0-9]*){re.escape(self.suffix)}", name, re.ASCII
        )
        return int(match[1]) if match else None

    def marker(self, hour: Hour) -> str:
        """Return the name of the hour's completion marker."""
        return f"{self._hour(hour)}{MARKER_SUFFIX}"

    @property
    def root(self) -> str:
        """The beginning that all names of the stream share and no name of another one has: ``a/187520_``.

        Styles share it: ``187520_2026-01-31_5_1.json.gz`` and ``…_5#1.json.gz`` are the same part.
        """
        owner = self.stream.owner
        folders = [self.prefix, owner if self.layout is PathLayout.BY_PROJECT else ""]
        return "/".join([*filter(None, folders), f"{owner}_"])

    def _hour(self, hour: Hour) -> str:
        return f"{self.root}{hour.date}_{hour.start.hour}"


@dataclass(frozen=True, slots=True)
class HourNames:
    """Every name that a file of an hour may have in one container.

    ``wanted`` is how its files are called if they are written now; ``others`` are other places that they may
    have been written to. The style of a name never tells files apart: both styles count everywhere.
    """

    hour: Hour
    wanted: Naming
    others: tuple[Naming, ...] = ()

    @property
    def namings(self) -> tuple[Naming, ...]:
        """Every way to name its files, the wanted one first."""
        places = (self.wanted, *self.others)
        both = (replace(each, style=style) for each in places for style in NameStyle)
        return tuple(dict.fromkeys((self.wanted, *both)))

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What to list its parts by."""
        return tuple(dict.fromkeys(naming.parts_prefix(self.hour) for naming in self.namings))

    @property
    def markers(self) -> tuple[str, ...]:
        """Every name that its marker may have, the wanted one first."""
        return tuple(dict.fromkeys(naming.marker(self.hour) for naming in self.namings))

    @property
    def marker(self) -> str:
        """The name that its marker is to have."""
        return self.wanted.marker(self.hour)

    def is_part(self, name: str) -> bool:
        """Whether a blob of that name is a part of the hour."""
        return any(naming.part_number(self.hour, name) is not None for naming in self.namings)

    def number(self, name: str) -> int:
        """Return the part number in a name; 0 if it has none."""
        numbers = (naming.part_number(self.hour, name) for naming in self.namings)
        return next((number for number in numbers if number is not None), 0)

    def wanting(self, naming: Naming) -> "HourNames":
        """Return the same names, of which other ones are wanted."""
        others = dict.fromkeys((self.wanted, *self.others))
        return replace(self, wanted=naming, others=tuple(each for each in others if each != naming))
