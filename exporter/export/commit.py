"""The commit of an hour: what was staged becomes its files, and a reader never sees a row twice.

By now every block is staged. Nothing but small requests is left to do:

prepare   record in the ledger what is about to be committed, and where it is prepared
fence     void each marker that will not stay true, then each other file of the hour that is there, or that an
          earlier attempt could still commit, and that is not exactly what it is to become
publish   commit the parts, first the one whose content changes; stage and commit the marker
close     the ledger's row

A crash before *prepare* ends leaves nothing behind. After it, ``recovery`` completes this very plan: nothing
of it depends on landing any more.

To void a file is to empty it and to delete it: emptying discards the blocks that an attempt thought dead has
staged for it, ours too. So at most one file whose content changes may be staged
under its name; of several, all are kept whole in the *spool*, a container of our own, and staged when the
others are gone (``needs_spool`` tells beforehand).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from exporter.domain.allowed_hosts import same_container
from exporter.domain.errors import Conflict, ForeignBlocks
from exporter.domain.file_names import MARKER_SUFFIX, HourNames
from exporter.domain.hour_record import Doubt, HourContent, HourRecord
from exporter.domain.marker import Marker, Part, StagedFile
from exporter.export.attempt import Attempt
from exporter.export.inventory import Inventory
from exporter.export.lease import HourLease
from exporter.export.stage import stage_bytes
from exporter.pipeline.formats import format_of
from exporter.pipeline.hashes import md5_base64

MARKER_TYPE = "application/json"


class SpoolNeeded(Exception):
    """Several files would change that are staged under their own names: they are to be spooled instead."""


@dataclass(frozen=True, slots=True)
class CommitPlan:
    """What an hour is to be. Parts that are not in the ``journal`` are there already and stay.

    An ``adopted`` hour was found in the container: no request asked for its files.
    """

    content: HourContent
    journal: tuple[StagedFile, ...]
    adopted: bool = False


def needs_spool(record: HourRecord, inventory: Inventory, names: HourNames, container_id: str) -> bool:
    """Whether more than one file could have to change its content: then all are staged into the spool."""
    doubtful = {each.name for each in _recorded_doubts(record, container_id)}
    return len({name for name in (*inventory.parts, *doubtful) if names.number(name)}) > 1


def commit(attempt: Attempt, lease: HourLease, plan: CommitPlan, inventory: Inventory) -> None:
    """Make a staged hour what readers see; ``Conflict`` if another worker is at it."""
    committer = Committer(attempt, lease, plan.content, plan.journal, inventory)
    committer.prepare(adopted=plan.adopted)
    committer.fence()
    committer.publish()
    lease.finish()


@dataclass
class Committer:
    """Takes the steps of a commit, each of which may be the last that this process does."""

    attempt: Attempt
    lease: HourLease
    content: HourContent
    journal: tuple[StagedFile, ...]
    inventory: Inventory

    def __post_init__(self) -> None:
        here = self.attempt.container_id
        self._doubtful = tuple(_recorded_doubts(self.lease.record, here))

    def prepare(self, *, adopted: bool = False) -> None:
        """Record the plan in the ledger."""
        if self._changes_in_place() > 1:
            raise SpoolNeeded
        if missing := self.missing():
            raise Conflict(f"{missing} is to stay, and is not there any more")
        doubts = tuple(self._doubts())
        self.lease.write(lambda record: record.prepared(self.content, self.journal, doubts, adopted=adopted))

    def fence(self) -> None:
        """Void every file whose content changes, and all blocks that are staged under its name.

        One that is staged in place is not voided: to commit it first comes to the same. Files that stay get
        another ETag where an earlier attempt could still write over them.
        """
        if self._changes_in_place() > 1 or self.missing():
            raise Conflict(f"{self.lease.record.key} {self.lease.record.hour} is not as it was planned for")
        self._void_markers()
        in_place = self._staged_in_place()
        for name in self._stale():
            if name not in in_place:
                self._void(name)
        for name in self._to_refresh():
            self.lease.ensure_held()
            self.attempt.container.refresh(name, etag=self.inventory.parts[name].etag)

    def publish(self) -> None:
        """Commit what is not there yet: the one that replaces a file first, the marker last."""
        stale = set(self._stale())
        for sent in sorted(self.journal, key=lambda sent: sent.part.name not in stale):
            if not self.inventory.has(sent.part):
                there = self.inventory.parts.get(sent.part.name)
                self._commit(sent, there.etag if there and sent.spool is None else None)
        marker = self._marker()
        if marker is None or (self._marker_stays() and self._marker_there() == marker):
            return
        name = self.content.origin.marker or ""
        part = Part(name, 0, len(marker), md5_base64(marker))
        etag = self.inventory.markers[name].etag if self._marker_stays() else None
        sent, etag = self._staged(name, etag, lambda: self._stage_marker(part, marker))
        self.lease.ensure_held()
        self.attempt.container.commit(sent, etag=etag, content_type=MARKER_TYPE)

    def _stage_marker(self, part: Part, marker: bytes) -> StagedFile:
        return stage_bytes(self.attempt.container, part, marker, f"{self.lease.claim_id}-marker")

    def _staged(
        self, name: str, etag: str | None, stage: Callable[[], StagedFile]
    ) -> tuple[StagedFile, str | None]:
        """Stage a file; if blocks of another program refuse ours, void its name first.

        Return it with the ETag that its name has then. Nothing that is to stay is under a name that is staged
        here.
        """
        try:
            return stage(), etag
        except ForeignBlocks:
            self._void_as_seen(name, etag)
            return stage(), None

    def _commit(self, sent: StagedFile, etag: str | None) -> None:
        staged = sent
        if sent.spool is not None:
            staged, etag = self._staged(sent.part.name, etag, lambda: self._stage_spooled(sent))
        self.lease.ensure_held()
        content_type = format_of(staged.part.name).content_type
        self.attempt.container.commit(staged, etag=etag, content_type=content_type)

    def _stage_spooled(self, sent: StagedFile) -> StagedFile:
        pieces = self.attempt.gateways.state.read(sent.spool or "")
        if pieces is None:
            raise Conflict(f"the spooled file {sent.spool} is gone")
        own = f"{self.lease.claim_id}-spool"
        with self.attempt.container.upload(sent.part.name, attempt=own) as upload:
            for piece in pieces:
                upload.stage(piece)
            return StagedFile(sent.part, own, upload.arrived())

    def missing(self) -> str | None:
        """Return the name of a part that is to stay as it is and is not there."""
        staged = {sent.part.name for sent in self.journal}
        staying = (part for part in self.content.parts if part.name not in staged)
        return next((part.name for part in staying if not self.inventory.has(part)), None)

    def _changes_in_place(self) -> int:
        """Return of how many files the content changes that are staged under their own names."""
        return len(self._staged_in_place().intersection(self._stale()))

    def _staged_in_place(self) -> frozenset[str]:
        return frozenset(sent.part.name for sent in self.journal if sent.spool is None)

    def _stale(self) -> list[str]:
        """Return the names of parts whose content is not what it is to be, or may not stay so."""
        wanted = {part.name: (part.bytes, part.md5) for part in self.content.parts}
        there = {name: (blob.size, blob.md5) for name, blob in self.inventory.parts.items()}
        absent = {
            each.name
            for each in self._doubtful
            if each.name not in there and wanted.get(each.name) != (each.bytes, each.md5)
        }
        stale = {name for name, content in there.items() if wanted.get(name) != content} | absent
        return sorted(name for name in stale if not name.endswith(MARKER_SUFFIX))

    def _to_refresh(self) -> list[str]:
        """Return the parts that are there as planned, and that an earlier attempt could write over."""
        planned = {part.name: part for part in self.content.parts if self.inventory.has(part)}
        return sorted(
            {
                each.name
                for each in self._doubtful
                if (part := planned.get(each.name)) and (part.bytes, part.md5) != (each.bytes, each.md5)
            }
        )

    def _doubts(self) -> Iterator[Doubt]:
        """Yield every file of the hour that is not as planned, and that is there or could be."""
        record, here = self.lease.record, self.attempt.container_id
        yield from (each for each in record.in_doubt if not same_container(each.container, here))
        if not same_container(record.origin.target, here):
            # Readers of the other container keep what is there; only an unfinished commit is in doubt.
            yield from _unfinished(record, record.origin.container)
        wanted = {(part.name, part.bytes, part.md5) for part in self.content.parts}
        present = (Doubt(here, name, blob.size, blob.md5) for name, blob in self.inventory.parts.items())
        markers = {name for name in self.inventory.markers if self._is_ours(name)}
        if record.origin.marker and same_container(record.origin.target, here):
            markers.add(record.origin.marker)
        for each in (*self._doubtful, *present, *(Doubt(here, name) for name in sorted(markers))):
            if (each.name, each.bytes, each.md5) not in wanted and each.name != self.content.origin.marker:
                yield each

    def _void_markers(self) -> None:
        """Void every marker that would not stay true until the wanted one is committed.

        An attempt that sleeps before its marker could still commit it: where parts change, its blocks are
        discarded first.
        """
        wanted, there = self.content.origin.marker, self.inventory.markers
        doubtful = {each.name for each in self._doubtful if each.name.endswith(MARKER_SUFFIX)}
        for name in sorted({*there, *doubtful} - {wanted}):
            if name not in there or self._is_ours(name):
                self._void_as_seen(name, there[name].etag if name in there else None)
        if wanted is None or self._marker_stays():
            return
        if wanted in there or (wanted in doubtful and self._stale()):
            self._void_as_seen(wanted, there[wanted].etag if wanted in there else None)

    def _marker(self) -> bytes | None:
        """Return the marker that the hour is to have, if one is wanted."""
        if self.content.origin.marker is None:
            return None
        record = self.lease.record
        data_type = record.key.stream.data_type
        return Marker(record.hour, data_type, self.content.parts, self.content.filter_sha256).to_json()

    def _marker_there(self) -> bytes | None:
        there = self.inventory.markers.get(self.content.origin.marker or "")
        return there.body if there else None

    def _marker_stays(self) -> bool:
        """Whether what is under the marker's name can stay until it is written over.

        It can if it is as it is to be and no part changes, or if rows are only added and it names none but
        parts that are kept.
        """
        body = self._marker_there()
        if body is None:
            return False
        if body == self._marker() and not self._stale():
            return True
        named = self.inventory.marker(self.content.origin.marker or "")
        kept = {part.name for part in self.content.parts[: self.content.origin.kept_parts]}
        only_added = named is not None and {part.name for part in named.parts} <= kept
        return only_added and kept.isdisjoint(self._stale())

    def _is_ours(self, name: str) -> bool:
        """Whether what is under the name of a marker is one, or what voiding it has left."""
        return self.inventory.markers[name].body == b"" or self.inventory.marker(name) is not None

    def _void(self, name: str) -> None:
        there = self.inventory.parts.get(name)
        self._void_as_seen(name, there.etag if there else None)

    def _void_as_seen(self, name: str, etag: str | None) -> None:
        """Remove a file together with every block that was ever staged for it.

        The empty file is ours to delete even if the hour was lost meanwhile.
        """
        self.lease.ensure_held()
        self.attempt.container.fence(name, etag=etag)


def _recorded_doubts(record: HourRecord, container_id: str) -> Iterator[Doubt]:
    """Yield what a record has in doubt in a container, its own unfinished files among them."""
    yield from (each for each in record.in_doubt if same_container(each.container, container_id))
    if same_container(record.origin.target, container_id):
        yield from _unfinished(record, container_id)


def _unfinished(record: HourRecord, container_id: str) -> Iterable[Doubt]:
    """Return the files that a record's own attempt was about to commit, if it has not finished."""
    if not record.committing:
        return ()
    parts = record.parts[record.origin.kept_parts :]
    marker = [Doubt(container_id, record.origin.marker)] if record.origin.marker else []
    return (*(Doubt(container_id, part.name, part.bytes, part.md5) for part in parts), *marker)
