"""Looking before writing: what a customer's container already holds of an hour."""

from dataclasses import dataclass

from exporter.actions.ports import Container
from exporter.domain.hours import Hour
from exporter.domain.marker import Marker
from exporter.domain.names import Naming
from exporter.domain.stored import Content, StoredBlob


@dataclass(frozen=True, slots=True)
class Found:
    """The parts and the marker that are there: ours alone, by whole name."""

    parts: dict[str, StoredBlob]
    marker: Content | None

    def whole(self, naming: Naming, hour: Hour) -> Marker | None:
        """Return the marker if it is true: its hour, and exactly the parts that are there, byte for byte."""
        if self.marker is None:
            return None
        try:
            marker = Marker.from_json(self.marker.body)
        except ValueError:
            return None
        if (marker.hour, marker.data_type) != (hour, naming.stream.data_type):
            return None
        listed = {part.name: (part.bytes, part.md5) for part in marker.parts}
        there = {blob.name: (blob.size, blob.md5) for blob in self.parts.values()}
        return marker if listed == there else None


def look(container: Container, naming: Naming, hour: Hour) -> Found:
    """Return what is there of the hour. Neighbours whose names begin like ours are left out."""
    listed = container.find(naming.parts_prefix(hour))
    parts = {blob.name: blob for blob in listed if naming.part_number(hour, blob.name) is not None}
    return Found(parts, container.read(naming.marker(hour)))
