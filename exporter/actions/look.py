"""Looking before writing: what a customer's container already holds of an hour."""

from dataclasses import dataclass

from exporter.actions.ports import Container
from exporter.domain.hours import Hour
from exporter.domain.ledger import HourRecord
from exporter.domain.marker import Marker, Part
from exporter.domain.names import Naming
from exporter.domain.stored import Content, StoredBlob


@dataclass(frozen=True, slots=True)
class Found:
    """The parts and the marker that are there: ours alone, by whole name.

    ``old_markers`` are those under names that the hour had with other settings.
    """

    parts: dict[str, StoredBlob]
    marker: Content | None
    old_markers: dict[str, Content]

    def whole(self, naming: Naming, hour: Hour) -> Marker | None:
        """Return the marker if it is true: its hour, and exactly the parts that are there, byte for byte."""
        if self.marker is None:
            return None
        marker = _marker(self.marker, naming, hour)
        if marker is None:
            return None
        listed = {part.name: (part.bytes, part.md5) for part in marker.parts}
        there = {blob.name: (blob.size, blob.md5) for blob in self.parts.values()}
        return marker if listed == there else None

    def has(self, part: Part) -> bool:
        """Whether a part is there, byte for byte."""
        there = self.parts.get(part.name)
        return there is not None and (there.size, there.md5) == (part.bytes, part.md5)

    def names(self, naming: Naming, hour: Hour) -> frozenset[str] | None:
        """Return which parts the marker names; None if there is none, or something else under its name."""
        marker = _marker(self.marker, naming, hour) if self.marker else None
        return frozenset(part.name for part in marker.parts) if marker else None


def look(container: Container, naming: Naming, hour: Hour, record: HourRecord | None = None) -> Found:
    """Return what is there of the hour. Neighbours whose names begin like ours are left out.

    Files that the ledger's record names otherwise, because the destination's names were changed since, are
    ours too if they are there just as they were recorded.
    """
    listed = container.find(naming.parts_prefix(hour))
    parts = {blob.name: blob for blob in listed if naming.part_number(hour, blob.name) is not None}
    old_markers: dict[str, Content] = {}
    if record is not None:
        for part in (*record.parts, *record.in_doubt):
            if naming.part_number(hour, part.name) is None:
                there = {blob.name: blob for blob in container.find(part.name)}.get(part.name)
                if there is not None and (there.size, there.md5) == (part.bytes, part.md5):
                    parts[part.name] = there
        name = record.origin.marker
        if name is not None and name != naming.marker(hour):
            content = container.read(name)
            if content is not None and _marker(content, naming, hour) is not None:
                old_markers[name] = content
    return Found(parts, container.read(naming.marker(hour)), old_markers)


def _marker(content: Content, naming: Naming, hour: Hour) -> Marker | None:
    """Read the marker of an hour; None if it is none, or another hour's."""
    try:
        marker = Marker.from_json(content.body)
    except ValueError:
        return None
    return marker if (marker.hour, marker.data_type) == (hour, naming.stream.data_type) else None
