"""The plan of a commit, and what has to change for it: the hour as planned against what is there.

*There* is the inventory; beside it stand files *in doubt*, which an earlier attempt could still commit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from exporter.domain.allowed_hosts import same_container
from exporter.domain.commit_journal import Doubt
from exporter.domain.file_names import MARKER_SUFFIX, HourNames
from exporter.domain.hour_content import HourContent
from exporter.domain.hour_record import HourRecord
from exporter.domain.marker import Marker, StagedFile
from exporter.domain.recorded_files import recorded_doubts, unfinished_files
from exporter.export.inventory import Inventory


@dataclass(frozen=True, slots=True)
class CommitPlan:
    """What an hour is to be. Parts that are not among the staged ``files`` are there already and stay.

    An ``adopted`` hour was found in the container: no request asked for its files. ``facts`` are told in the
    log beside those of every hour.
    """

    content: HourContent
    files: tuple[StagedFile, ...]
    adopted: bool = False
    facts: Mapping[str, int] = field(default_factory=dict)


def needs_spool(record: HourRecord, inventory: Inventory, names: HourNames, container_id: str) -> bool:
    """Whether the content of several files may have to change: then all are staged into the spool."""
    doubtful = {each.name for each in recorded_doubts(record, container_id)}
    return len({name for name in (*inventory.parts, *doubtful) if names.number(name)}) > 1


@dataclass(frozen=True)
class Changes:
    """What a commit changes; ``record`` is the hour's as it was before the plan was recorded."""

    record: HourRecord
    plan: CommitPlan
    inventory: Inventory
    container_id: str

    @cached_property
    def _doubtful(self) -> tuple[Doubt, ...]:
        return tuple(recorded_doubts(self.record, self.container_id))

    @cached_property
    def in_place(self) -> frozenset[str]:
        """The names of files that are staged under their own names."""
        return frozenset(each.part.name for each in self.plan.files if each.spool is None)

    def missing(self) -> str | None:
        """Return the name of a part that is to stay as it is and is not there."""
        staged = {each.part.name for each in self.plan.files}
        staying = (part for part in self.plan.content.parts if part.name not in staged)
        return next((part.name for part in staying if not self.inventory.has(part)), None)

    def in_place_count(self) -> int:
        """Return of how many files the content changes that are staged under their own names."""
        return len(self.in_place.intersection(self.stale()))

    def stale(self) -> list[str]:
        """Return the names of parts whose content is not what it is to be, or may not stay so."""
        wanted = {part.name: (part.bytes, part.md5) for part in self.plan.content.parts}
        there = {name: (blob.size, blob.md5) for name, blob in self.inventory.parts.items()}
        absent = {
            each.name
            for each in self._doubtful
            if each.name not in there and wanted.get(each.name) != (each.bytes, each.md5)
        }
        stale = {name for name, content in there.items() if wanted.get(name) != content} | absent
        return sorted(name for name in stale if not name.endswith(MARKER_SUFFIX))

    def to_refresh(self) -> list[str]:
        """Return the parts that are there as planned, and that an earlier attempt could write over."""
        planned = {part.name: part for part in self.plan.content.parts if self.inventory.has(part)}
        doubts = ((each, planned[each.name]) for each in self._doubtful if each.name in planned)
        return sorted({part.name for it, part in doubts if (part.bytes, part.md5) != (it.bytes, it.md5)})

    def doubts(self) -> Iterator[Doubt]:
        """Yield every file of the hour that is not as planned, and that is there or could be."""
        record, here, origin = self.record, self.container_id, self.record.content.origin
        yield from (each for each in record.journal.in_doubt if not same_container(each.container, here))
        if not same_container(origin.target, here):
            # Readers of the other container keep what is there; only an unfinished commit is in doubt.
            yield from unfinished_files(record, origin.container)
        wanted = {(part.name, part.bytes, part.md5) for part in self.plan.content.parts}
        present = (Doubt(here, name, blob.size, blob.md5) for name, blob in self.inventory.parts.items())
        markers = {name for name in self.inventory.markers if self._is_ours(name)}
        if origin.marker and same_container(origin.target, here):
            markers.add(origin.marker)
        for each in (*self._doubtful, *present, *(Doubt(here, name) for name in sorted(markers))):
            if (each.name, each.bytes, each.md5) not in wanted and each.name != self.marker_name:
                yield each

    @property
    def marker_name(self) -> str | None:
        """The name of the marker that the hour is to have, if one is wanted."""
        return self.plan.content.origin.marker

    def marker(self) -> bytes | None:
        """Return the marker that the hour is to have, if one is wanted."""
        if self.marker_name is None:
            return None
        record, content = self.record, self.plan.content
        data_type = record.key.stream.data_type
        return Marker(record.hour, data_type, content.parts, content.filter_sha256).to_json()

    def marker_there(self) -> bytes | None:
        """Return what is under the name of the wanted marker."""
        there = self.inventory.markers.get(self.marker_name or "")
        return there.body if there else None

    def marker_stays(self) -> bool:
        """Whether what is under the marker's name can stay until it is written over.

        It can if it is as planned and no part changes, or if rows are only appended and it names none but
        parts that are kept.
        """
        body = self.marker_there()
        if body is None:
            return False
        if body == self.marker() and not self.stale():
            return True
        named, content = self.inventory.marker(self.marker_name or ""), self.plan.content
        kept = {part.name for part in content.parts[: content.origin.kept_parts]}
        only_appended = named is not None and {part.name for part in named.parts} <= kept
        return only_appended and kept.isdisjoint(self.stale())

    def markers_to_fence(self) -> Iterator[str]:
        """Yield the names of markers that do not stay true until the planned one is committed.

        A zombie worker that is about to commit a marker still has its blocks staged: where parts change, they
        have to be discarded even if there is no marker.
        """
        wanted, there = self.marker_name, self.inventory.markers
        doubtful = {each.name for each in self._doubtful if each.name.endswith(MARKER_SUFFIX)}
        for name in sorted({*there, *doubtful} - {wanted}):
            if name not in there or self._is_ours(name):
                yield name
        if wanted is None or self.marker_stays():
            return
        if wanted in there or (wanted in doubtful and self.stale()):
            yield wanted

    def _is_ours(self, name: str) -> bool:
        """Whether what is under the name of a marker is one, or the empty file that a fence has left."""
        return self.inventory.markers[name].body == b"" or self.inventory.marker(name) is not None

    def leftovers(self) -> bool:
        """Whether our own storage may hold blobs of the hour that no record names once this is committed."""
        begun_before = self.record.work.attempts > 1 or self.plan.adopted or bool(self.inventory.parts)
        return begun_before or any(each.spool for each in self.plan.files) or self.record.sliced is not None
