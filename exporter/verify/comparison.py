"""Comparing one hour of the container with the ledger, the marker and landing.

Contents are compared by size and MD5, which storage keeps for every file; the marker is the only file that is
read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from exporter.domain.destination import Destination
from exporter.domain.file_names import HourNames
from exporter.domain.hour_record import HourRecord, HourStatus
from exporter.domain.marker import Marker
from exporter.domain.streams import LandingBlob, LandingFingerprint
from exporter.domain.verification import Code, Finding
from exporter.export.inventory import Inventory, take_inventory
from exporter.ports import Container, Landing


@dataclass
class HourComparison:
    """One hour that no worker is exporting; what it needs of storage is read once, when first used."""

    landing: Landing
    destination: Destination
    container: Container
    record: HourRecord

    def findings(self) -> Iterator[Finding]:
        """Yield the differences; none if the hour is as it should be."""
        if self.record.done:
            yield from self._parts()
            yield from self._markers()
            yield from self._rows()
            yield from self._landed_since()
        elif self.record.work.attempts == 0:
            yield from self._never_begun()
        else:
            yield self._missing(_why(self.record))

    @property
    def _folder(self) -> str:
        return self.record.key.stream.landing_folder(self.record.hour)

    def _missing(self, detail: str) -> Finding:
        return Finding(Code.HOUR_MISSING, self.record.hour.key, detail)

    def _never_begun(self) -> Iterator[Finding]:
        """Yield what the container holds of an hour that the ledger does not know; usually nothing."""
        marked = self._inventory.true_marker()
        if marked is not None:
            yield Finding(
                Code.HOUR_UNRECORDED,
                marked[0],
                "The container holds the whole hour, the ledger does not. The schedule adopts it as it is.",
            )
            return
        yield self._missing("The hour is owed, and was never exported.")
        for name in self._inventory.parts:
            yield _surplus(name)

    @cached_property
    def _names(self) -> HourNames:
        """Every name that the hour's files may have, current and earlier ones."""
        return self.destination.hour_names(self.record.key.stream, self.record.hour)

    @cached_property
    def _inventory(self) -> Inventory:
        return take_inventory(self.container, self._names, self.record, self.destination.container_id)

    def _parts(self) -> Iterator[Finding]:
        there = self._inventory.parts
        for part in self.record.content.parts:
            found = there.get(part.name)
            if found is None:
                yield Finding(Code.PART_MISSING, part.name, f"It should have {part.bytes} bytes.")
            elif (found.size, found.md5) != (part.bytes, part.md5):
                yield Finding(
                    Code.PART_DIFFERENT,
                    part.name,
                    f"It has {found.size} bytes with the MD5 {found.md5}, and should have {part.bytes} with"
                    f" {part.md5}.",
                )
        marked = self._marker.parts if self._marker else ()
        for name in self._inventory.surplus((*self.record.content.parts, *marked)):
            yield _surplus(name)

    @cached_property
    def _marker_name(self) -> str | None:
        """The name of the marker that should be there; None if the hour was exported without one."""
        return self.record.content.origin.marker if self.record.content.origin.target else self._names.marker

    @cached_property
    def _marker(self) -> Marker | None:
        """The marker of that name, if it is one of this hour."""
        return self._inventory.marker(self._marker_name) if self._marker_name else None

    def _markers(self) -> Iterator[Finding]:
        record, name = self.record, self._marker_name
        expected = Marker(
            record.hour, record.key.stream.data_type, record.content.parts, record.content.filter_sha256
        )
        if name is not None and name not in self._inventory.markers:
            yield Finding(Code.MARKER_MISSING, name, f"It should name {len(record.content.parts)} parts.")
        elif name is not None and self._marker is None:
            yield Finding(Code.MARKER_DIFFERENT, name, "It is not a completion marker of this hour.")
        elif name is not None and self._marker != expected:
            yield Finding(Code.MARKER_DIFFERENT, name, "It names other parts or another filter.")
        for other in self._inventory.markers:
            # A file of that name that is not a marker is the customer's own.
            if other != name and self._inventory.marker(other) is not None:
                yield Finding(Code.MARKER_UNEXPECTED, other, "The hour was exported without this marker.")

    def _rows(self) -> Iterator[Finding]:
        recorded = self.record.content.rows.exported
        counts = {"The parts in the ledger have": sum(part.rows for part in self.record.content.parts)}
        if self._marker is not None:
            counts["The marker has"] = self._marker.rows
        for what, rows in counts.items():
            if rows != recorded:
                detail = f"{what} {rows} rows, the ledger's total is {recorded}."
                yield Finding(Code.ROWS_DIFFERENT, self.record.hour.key, detail)

    @cached_property
    def blobs(self) -> tuple[LandingBlob, ...]:
        """The blobs that landing holds of the hour now."""
        return tuple(self.landing.blobs(self.record.key.stream, self.record.hour))

    @property
    def exported(self) -> LandingFingerprint | None:
        """The fingerprint of the blobs that were exported, if the hour is done and they are known."""
        return self.record.content.origin.landing if self.record.done else None

    @cached_property
    def landing_gone(self) -> Finding | None:
        """The finding that landing holds nothing of an hour that had rows; None otherwise."""
        exported = self.exported
        had_rows = exported.blobs > 0 if exported is not None else bool(self.record.content.parts)
        if not (self.record.done and had_rows) or self.blobs:
            return None
        return Finding(
            Code.LANDING_GONE,
            self._folder,
            "Landing holds no blob of this hour any more. Exporting the hour again would empty it.",
        )

    def _landed_since(self) -> Iterator[Finding]:
        # Landing need not keep what was exported: fewer blobs in landing are not a difference.
        exported = self.exported
        if exported is None or exported.partial or not (new := exported.new(self.blobs)):
            return
        yield Finding(
            Code.LANDING_CHANGED,
            self._folder,
            f"{len(new)} of its {len(self.blobs)} blobs landed or were changed since the export.",
        )


def _surplus(name: str) -> Finding:
    return Finding(Code.PART_SURPLUS, name, "It is neither in the ledger nor in the marker.")


def _why(record: HourRecord) -> str:
    """Return why an hour that was begun is missing."""
    if record.status is HourStatus.FAILED and record.work.error is not None:
        return f"Its export failed: {record.work.error.message}"
    return "Its export was begun, and is not finished."
