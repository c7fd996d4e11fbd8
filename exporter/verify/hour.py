"""Verifying one hour of one stream: whether the container has what the ledger says, and nothing else of ours.

Contents are compared by size and MD5, as storage keeps them for every file; no file is read but the marker.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from exporter.domain.allowed_hosts import same_container
from exporter.domain.destination import Destination
from exporter.domain.file_names import HourNames
from exporter.domain.hour_record import HourRecord, HourStatus
from exporter.domain.marker import Marker
from exporter.domain.streams import LandingBlob, LandingFingerprint
from exporter.domain.verification import Code, Finding, HourCheck, Verdict
from exporter.export.inventory import Inventory, take_inventory
from exporter.ports import Clock, Container, Gateways

# Of one hour. An hour may have thousands of parts; who sees that fifty are missing knows enough.
FINDINGS_MAX = 50
# Whoever exports the hour while it is looked at makes it look wrong: then it is looked at anew.
LOOKS_MAX = 3


def verify_hour(
    gateways: Gateways, destination: Destination, container: Container, record: HourRecord, clock: Clock
) -> HourCheck:
    """Look at an hour that is owed or in the ledger, as ``list_hours`` shows it.

    What seems wrong is believed only if the ledger says the same after the look as before it.
    """
    for _ in range(LOOKS_MAX):
        if record.claimed(clock()):
            break
        checked = _Hour(gateways, destination, container, record).checked()
        if checked.verdict is not Verdict.WRONG:
            return checked
        again = _shown(gateways, record, clock())
        if again == record:
            return checked
        record = again
    return HourCheck(record.hour, record.key.stream.data_type, Verdict.RUNNING)


def _shown(gateways: Gateways, record: HourRecord, now: datetime) -> HourRecord:
    """Return the record of now, as ``list_hours`` would show it."""
    found = gateways.ledger.get(record.key, record.hour)
    if found is None:
        return HourRecord(record.key, record.hour)
    abandoned = found.value.status is HourStatus.RUNNING and not found.value.claimed(now)
    return replace(found.value, status=HourStatus.OWED) if abandoned else found.value


@dataclass
class _Hour:
    """One hour that nobody is exporting."""

    gateways: Gateways
    destination: Destination
    container: Container
    record: HourRecord

    def checked(self) -> HourCheck:
        record = self.record
        if record.done and not same_container(record.content.origin.target, self.destination.container_id):
            return self._checked(Verdict.ELSEWHERE)
        findings = list(self._findings())
        if not findings:
            return self._checked(Verdict.WHOLE)
        if self._landing_lost:
            findings.append(self._landing_gone())
        return self._checked(Verdict.WRONG, findings)

    def _checked(self, verdict: Verdict, findings: list[Finding] | None = None) -> HourCheck:
        every = findings or []
        return HourCheck(
            hour=self.record.hour,
            data_type=self.record.key.stream.data_type,
            verdict=verdict,
            findings=tuple(every[:FINDINGS_MAX]),
            repairable=bool(every) and self._repairable(every),
            more=max(0, len(every) - FINDINGS_MAX),
        )

    def _repairable(self, findings: list[Finding]) -> bool:
        """Whether to export the hour again loses nothing, as far as is known, and is not to happen anyway.

        Where it is not known what the files were made of, the export itself compares before it replaces them.
        """
        recognised = any(finding.code is Code.HOUR_UNRECORDED for finding in findings)
        exported = self._exported
        fewer = (
            exported is not None
            and not exported.partial
            and not LandingFingerprint.of(self._blobs).holds(exported)
        )
        return not (recognised or fewer or self._landing_lost)

    def _findings(self) -> Iterator[Finding]:
        if self.record.done:
            yield from self._parts()
            yield from self._markers()
            yield from self._rows()
            yield from self._landed()
        elif self.record.work.attempts == 0:
            yield from self._untouched()
        else:
            yield self._missing(_why(self.record))

    def _missing(self, why: str) -> Finding:
        return Finding(Code.HOUR_MISSING, self.record.hour.key, why)

    def _untouched(self) -> Iterator[Finding]:
        """Look for an hour that the ledger knows nothing of; as a rule nothing is there."""
        marked = self._inventory.true_marker()
        if marked is not None:
            yield Finding(
                Code.HOUR_UNRECORDED,
                marked[0],
                "The container has the hour, whole, but not the ledger. The schedule takes it as it is.",
            )
            return
        yield self._missing("It is owed, and was never exported.")
        for name in self._inventory.parts:
            yield _surplus(name)

    @cached_property
    def _names(self) -> HourNames:
        """Every name that the hour's files may have, those of now and earlier."""
        return self.destination.hour_names(self.record.key.stream, self.record.hour)

    @cached_property
    def _inventory(self) -> Inventory:
        return take_inventory(self.container, self._names, self.record, self.destination.container_id)

    def _parts(self) -> Iterator[Finding]:
        for part in self.record.content.parts:
            there = self._inventory.parts.get(part.name)
            if there is None:
                yield Finding(Code.PART_MISSING, part.name, f"It should have {part.bytes} bytes.")
            elif (there.size, there.md5) != (part.bytes, part.md5):
                yield Finding(
                    Code.PART_DIFFERENT,
                    part.name,
                    f"It has {there.size} bytes with the MD5 {there.md5}, and should have {part.bytes} with"
                    f" {part.md5}.",
                )
        named = self._marker.parts if self._marker is not None else ()
        for name in self._inventory.surplus((*self.record.content.parts, *named)):
            yield _surplus(name)

    @cached_property
    def _marker_name(self) -> str | None:
        """The name of the marker that should be there; None if the hour was written without one."""
        return self.record.content.origin.marker if self.record.content.origin.target else self._names.marker

    @cached_property
    def _marker(self) -> Marker | None:
        """The marker where one should be, if it is one of this hour."""
        return self._inventory.marker(self._marker_name) if self._marker_name else None

    def _markers(self) -> Iterator[Finding]:
        record, name = self.record, self._marker_name
        wanted = Marker(
            record.hour, record.key.stream.data_type, record.content.parts, record.content.filter_sha256
        )
        if name is not None and name not in self._inventory.markers:
            yield Finding(Code.MARKER_MISSING, name, f"It should name {len(record.content.parts)} parts.")
        elif name is not None and self._marker is None:
            yield Finding(Code.MARKER_DIFFERENT, name, "It is no completion marker of this hour.")
        elif name is not None and self._marker != wanted:
            yield Finding(Code.MARKER_DIFFERENT, name, "It names other parts, or another filter.")
        for other in self._inventory.markers:
            # A file of that name that is no marker is the customer's own.
            if other != name and self._inventory.marker(other) is not None:
                yield Finding(Code.MARKER_UNEXPECTED, other, "The hour was exported without it.")

    def _rows(self) -> Iterator[Finding]:
        recorded = self.record.content.rows.exported
        told = {"The parts that the ledger lists": sum(part.rows for part in self.record.content.parts)}
        if self._marker is not None:
            told["The marker"] = self._marker.rows
        for who, rows in told.items():
            if rows != recorded:
                detail = f"{who} counts {rows} rows, and the ledger {recorded}."
                yield Finding(Code.ROWS_DIFFERENT, self.record.hour.key, detail)

    @property
    def _exported(self) -> LandingFingerprint | None:
        """What was exported, if the hour is done and that is known."""
        return self.record.content.origin.landing if self.record.done else None

    @cached_property
    def _blobs(self) -> tuple[LandingBlob, ...]:
        return tuple(self.gateways.landing.blobs(self.record.key.stream, self.record.hour))

    @cached_property
    def _landing_lost(self) -> bool:
        """Whether landing has nothing left of an hour that had rows: to export it now would empty it."""
        had = self._exported.blobs > 0 if self._exported is not None else bool(self.record.content.parts)
        return self.record.done and had and not self._blobs

    def _landed(self) -> Iterator[Finding]:
        # Landing need not keep what is exported: that it holds less makes no hour wrong.
        exported = self._exported
        if exported is None or exported.partial or not (new := exported.new(self._blobs)):
            return
        yield Finding(
            Code.LANDING_CHANGED,
            self.record.key.stream.landing_folder(self.record.hour),
            f"Of its {len(self._blobs)} blobs {len(new)} landed or were changed since the export.",
        )

    def _landing_gone(self) -> Finding:
        return Finding(
            Code.LANDING_GONE,
            self.record.key.stream.landing_folder(self.record.hour),
            "Nothing is left of what was exported, so the hour is not exported again: that would empty it.",
        )


def _surplus(name: str) -> Finding:
    return Finding(Code.PART_SURPLUS, name, "Neither the ledger nor the marker knows it.")


def _why(record: HourRecord) -> str:
    """Return why an hour that was begun is not there."""
    if record.status is HourStatus.FAILED and record.work.error is not None:
        return f"It failed: {record.work.error.message}"
    return "It was begun, and is not finished."
