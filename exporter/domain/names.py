"""Names of the files in a customer's container, and which names are ours.

Listing by prefix finds neighbours too (``…_2020-01-25_1`` is the beginning of hours 10 to 19), so a name is
ours only if ``part_number`` says so: it compares whole names.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from exporter.domain.hours import Hour
from exporter.domain.streams import DataType, Stream

_SUFFIX = ".json.gz"


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
    """How one destination's files of one stream are called. ``prefix`` has no slash at either end."""

    stream: Stream
    prefix: str = ""
    style: NameStyle = NameStyle.AMPLITUDE
    layout: PathLayout = PathLayout.FLAT

    def part(self, hour: Hour, number: int) -> str:
        """Return the name of part ``number`` (from 1); merged ids have one file an hour, without a number."""
        if self.stream.data_type is DataType.MERGED_IDS:
            return self.parts_prefix(hour)
        return f"{self.parts_prefix(hour)}{number}{_SUFFIX}"

    def parts_prefix(self, hour: Hour) -> str:
        """Return the longest beginning that all parts of the hour share: what to list them by."""
        if self.stream.data_type is DataType.MERGED_IDS:
            return f"{self._hour(hour)}{_SUFFIX}"
        return f"{self._hour(hour)}{'#' if self.style is NameStyle.AMPLITUDE else '_'}"

    def part_number(self, hour: Hour, name: str) -> int | None:
        """Return which part of the hour a blob of that name is, or None if it is none of ours."""
        if self.stream.data_type is DataType.MERGED_IDS:
            return 1 if name == self.part(hour, 1) else None
        match = re.fullmatch(
            f"{re.escape(self.parts_prefix(hour))}([1-9][0-9]*){re.escape(_SUFFIX)}", name, re.ASCII
        )
        return int(match[1]) if match else None

    def marker(self, hour: Hour) -> str:
        """Return the name of the hour's completion marker."""
        return f"{self._hour(hour)}_complete"

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
