"""The inventory of an hour: what a customer's container holds of it, under every name that it may have.

Export and verification both decide by it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from exporter.domain.data_types import DataType
from exporter.domain.file_names import MARKER_SUFFIX, HourNames
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord
from exporter.domain.marker import Marker, Part
from exporter.domain.recorded_files import recorded_names
from exporter.domain.versioned import BlobInfo, SmallBlob
from exporter.ports import Container


@dataclass(frozen=True, slots=True)
class Inventory:
    """Every file of an hour in one container, by name.

    ``parts`` are its parts, ``markers`` the small blobs under the names of its marker, even if they are none.
    """

    hour: Hour
    data_type: DataType
    parts: dict[str, BlobInfo]
    markers: dict[str, SmallBlob]

    def has(self, part: Part) -> bool:
        """Whether a part is there with the recorded size and MD5."""
        there = self.parts.get(part.name)
        return there is not None and (there.size, there.md5) == (part.bytes, part.md5)

    def holds_just(self, parts: tuple[Part, ...]) -> bool:
        """Whether these parts are there with their sizes and MD5s, and no other parts."""
        return self.parts.keys() == {part.name for part in parts} and all(map(self.has, parts))

    def surplus(self, known: Iterable[Part]) -> list[str]:
        """Return the names of parts that are there and not known, in order."""
        return sorted(self.parts.keys() - {part.name for part in known})

    def marker(self, name: str) -> Marker | None:
        """Return the marker of this hour under a name; None if there is none, or another file."""
        content = self.markers.get(name)
        return read_marker(content, self.hour, self.data_type) if content else None

    def true_marker(self) -> tuple[str, Marker] | None:
        """Return a marker and its name, if it names exactly the parts that are there."""
        for name in self.markers:
            marker = self.marker(name)
            if marker is not None and self.holds_just(marker.parts):
                return name, marker
        return None


def take_inventory(
    container: Container,
    names: HourNames,
    record: HourRecord | None = None,
    container_id: str = "",
    find: Callable[[str, str], list[BlobInfo]] | None = None,
) -> Inventory:
    """Return what is there of an hour, without files of other hours and programs whose names begin alike.

    The hour's files are those under the destination's present and earlier names, and those that its record
    names in this container (``container_id``), whatever their content is. ``find`` returns the blobs whose
    names begin with a prefix; its other argument is the prefix of all files of the same day.
    """
    recorded = recorded_names(record, container_id) if record is not None else frozenset()
    listed: dict[str, BlobInfo] = {}
    for prefix, day_prefix in names.prefixes.items():
        found = container.find(prefix) if find is None else find(prefix, day_prefix)
        listed |= {blob.name: blob for blob in found}
    for name in sorted(recorded):
        if not names.is_part(name) and not name.endswith(MARKER_SUFFIX):
            listed |= {blob.name: blob for blob in container.find(name) if blob.name == name}
    parts = {name: blob for name, blob in listed.items() if names.is_part(name) or name in recorded}
    markers: dict[str, SmallBlob] = {}
    for name in dict.fromkeys([*names.markers, *sorted(recorded)]):
        was_listed = name.startswith(tuple(names.prefixes))
        if name.endswith(MARKER_SUFFIX) and (name in listed or not was_listed):
            content = container.read(name)
            if content is not None:
                markers[name] = content
    parts = {name: blob for name, blob in parts.items() if not name.endswith(MARKER_SUFFIX)}
    return Inventory(names.hour, names.wanted.stream.data_type, parts, markers)


def read_marker(content: SmallBlob, hour: Hour, data_type: DataType) -> Marker | None:
    """Return the marker that a blob holds; None if it holds none, or the marker of another hour."""
    try:
        marker = Marker.from_json(content.body)
    except ValueError:
        return None
    return marker if (marker.hour, marker.data_type) == (hour, data_type) else None
