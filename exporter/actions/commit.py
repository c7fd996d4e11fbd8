"""The commit of an hour: what was staged becomes its files, and a reader never sees a row twice.

By now every block is staged. Nothing but small requests is left to do:

prepare   stage the marker; record in the ledger what is about to be committed, and where it is prepared
fence     retract each marker that will not stay as it is; void each other file of the hour that is there, or
          that an earlier attempt could still commit, and that is not exactly what it is to become
publish   commit the parts, first the one whose content changes, and then the marker
close     the ledger's row

A crash before *prepare* ends leaves nothing behind. After it, ``recovery`` completes this very plan: nothing
of it depends on landing any more.

To void a file is to empty it and to delete it: emptying discards the blocks that an attempt thought dead has
staged for it, ours too. So at most one file whose content changes may be staged
under its name; of several, all are kept whole in the *spool*, a container of our own, and staged when the
others are gone (``needs_spool`` tells beforehand).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from exporter.actions.attempt import Attempt
from exporter.actions.hold import Held
from exporter.actions.inventory import Inventory
from exporter.actions.stage import sent_whole
from exporter.domain.errors import Conflict
from exporter.domain.ledger import Doubt, HourContent, HourRecord
from exporter.domain.marker import Marker, Part, Sent
from exporter.domain.names import MARKER_SUFFIX, HourNames
from exporter.domain.streams import Stream
from exporter.pipeline.pack import md5_base64

MARKER_TYPE = "application/json"


class SpoolNeeded(Exception):
    """Several files would change that are staged under their own names: they are to be spooled instead."""


@dataclass(frozen=True, slots=True)
class CommitPlan:
    """What an hour is to be. Parts that are not in the ``journal`` are there already and stay.

    An ``adopted`` hour was found in the container: no request asked for its files.
    """

    content: HourContent
    journal: tuple[Sent, ...]
    adopted: bool = False


def needs_spool(record: HourRecord, inventory: Inventory, names: HourNames, container_id: str) -> bool:
    """Whether more than one file could have to change its content: then all are staged into the spool."""
    doubtful = {each.name for each in _recorded_doubts(record, container_id)}
    return len({name for name in (*inventory.parts, *doubtful) if names.number(name)}) > 1


def commit(attempt: Attempt, held: Held, plan: CommitPlan, inventory: Inventory) -> None:
    """Make a staged hour what readers see; ``Conflict`` if another worker is at it."""
    committer = Committer(attempt, held, plan.content, plan.journal, inventory)
    marker = committer.prepare(adopted=plan.adopted)
    committer.fence(marker)
    committer.publish(marker)
    held.finish()


@dataclass
class Committer:
    """Takes the steps of a commit, each of which may be the last that this process does."""

    attempt: Attempt
    held: Held
    content: HourContent
    journal: tuple[Sent, ...]
    inventory: Inventory
    _marker_etag: str | None = None

    def prepare(self, *, adopted: bool = False) -> Sent | None:
        """Stage the marker, if one is wanted, and record the plan in the ledger."""
        if self._changes_in_place() > 1:
            raise SpoolNeeded
        if missing := self.missing():
            raise Conflict(f"{missing} is to stay, and is not there any more")
        marker = self.stage_marker()
        doubts = tuple(self._doubts())
        self.held.write(lambda record: record.prepared(self.content, self.journal, doubts, adopted=adopted))
        return marker

    def stage_marker(self) -> Sent | None:
        """Stage the marker, if one is wanted."""
        name = self.content.origin.marker
        if name is None:
            return None
        body = marker_of(self.content, self.held.record, self._stream).to_json()
        part = Part(name, 0, len(body), md5_base64(body))
        there = self.inventory.markers.get(name)
        if there is not None and there.body == body and not self._stale():
            return Sent(part, self.held.claim_id, 0)
        return sent_whole(self.attempt.container, part, body, f"{self.held.claim_id}-marker")

    def fence(self, marker: Sent | None) -> None:
        """Void every file whose content changes, and all blocks that are staged under its name.

        One that is staged in place is not voided: to commit it first comes to the same.
        """
        if self._changes_in_place() > 1 or self.missing():
            raise Conflict(f"{self.held.record.key} {self.held.record.hour} is not as it was planned for")
        stale = self._stale()
        self._retract_markers(marker, changes=bool(stale))
        in_place = self._staged_in_place()
        for name in stale:
            if name not in in_place:
                self._void(name)
        self._refresh_doubtful()

    def publish(self, marker: Sent | None) -> None:
        """Commit what is not there yet: the one that replaces a file first, the marker last."""
        stale = set(self._stale())
        there = {name: blob.etag for name, blob in self.inventory.parts.items()}
        for sent in sorted(self.journal, key=lambda sent: sent.part.name not in stale):
            if self.inventory.has(sent.part) and sent.part.name not in stale:
                continue
            name = sent.part.name
            voided = name in stale and sent.spool is not None
            self._commit(sent, None if voided else there.get(name))
        if marker is not None and not self._marker_is_there(marker):
            self.held.check()
            self.attempt.container.commit(marker, etag=self._marker_etag, content_type=MARKER_TYPE)

    def _commit(self, sent: Sent, etag: str | None) -> None:
        container = self.attempt.container
        if sent.spool is None:
            self.held.check()
            container.commit(sent, etag=etag)
            return
        pieces = self.attempt.gateways.state.read(sent.spool)
        if pieces is None:
            raise Conflict(f"the spooled file {sent.spool} is gone")
        own = f"{self.held.claim_id}-spool"
        with container.upload(sent.part.name, attempt=own) as upload:
            for piece in pieces:
                upload.stage(piece)
            blocks = upload.arrived()
        self.held.check()
        container.commit(Sent(sent.part, own, blocks), etag=etag)

    @property
    def _stream(self) -> Stream:
        return self.held.record.key.stream

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
        there = ((name, (blob.size, blob.md5)) for name, blob in self.inventory.parts.items())
        doubtful = (
            (each.name, (each.bytes, each.md5))
            for each in _recorded_doubts(self.held.record, self.attempt.container_id)
        )
        stale = {
            name
            for name, content in (*there, *doubtful)
            if wanted.get(name) != content and not name.endswith(MARKER_SUFFIX)
        }
        return sorted(stale - self._staying())

    def _staying(self) -> frozenset[str]:
        """Return the names of parts that are there and stay: nothing is staged for them."""
        staged = {sent.part.name for sent in self.journal}
        return frozenset(
            part.name for part in self.content.parts if part.name not in staged and self.inventory.has(part)
        )

    def _doubts(self) -> Iterator[Doubt]:
        """Yield every file of the hour that is not as planned, and that is there or could be."""
        record, here = self.held.record, self.attempt.container_id
        yield from (each for each in record.in_doubt if each.container != here)
        if record.origin.target and record.origin.container != here:
            # Readers of the other container keep what is there; only an unfinished commit is in doubt.
            yield from _unfinished(record, record.origin.container)
        wanted = {(part.name, part.bytes, part.md5) for part in self.content.parts}
        present = (Doubt(here, name, blob.size, blob.md5) for name, blob in self.inventory.parts.items())
        markers = {name for name in self.inventory.markers if self._is_ours(name)} | {record.origin.marker}
        for each in (
            *_recorded_doubts(record, here),
            *present,
            *(Doubt(here, name) for name in sorted(filter(None, markers - {self.content.origin.marker}))),
        ):
            if (each.name, each.bytes, each.md5) not in wanted and each.name != self.content.origin.marker:
                yield each

    def _retract_markers(self, marker: Sent | None, *, changes: bool) -> None:
        """Retract every marker that cannot stay until it is written over.

        The wanted one can if it will not change, or if rows are only added and what it names is kept.
        """
        wanted, there = self.content.origin.marker, self.inventory.markers
        doubtful = {each.name for each in self._doubts() if each.container == self.attempt.container_id}
        for name in sorted({*there, *(each for each in doubtful if each.endswith(MARKER_SUFFIX))}):
            if name != wanted and (name not in there or self._is_ours(name)):
                self._retract(name)
        if wanted is None or wanted not in there:
            return
        same = marker is not None and md5_base64(there[wanted].body) == marker.part.md5 and not changes
        named = self.inventory.marker(wanted)
        added = (
            self.content.origin.kept is not None
            and named is not None
            and {part.name for part in named.parts} <= self._staying()
        )
        if same or added:
            self._marker_etag = there[wanted].etag
        else:
            self._retract(wanted)

    def _is_ours(self, name: str) -> bool:
        """Whether what is under the name of a marker is one, or what retracting it has left."""
        body = self.inventory.markers[name].body
        return body == b"" or self.inventory.marker(name) is not None

    def _marker_is_there(self, marker: Sent) -> bool:
        there = self.inventory.markers.get(marker.part.name)
        kept = there is not None and self._marker_etag == there.etag
        return kept and there is not None and md5_base64(there.body) == marker.part.md5

    def _retract(self, name: str) -> None:
        there = self.inventory.markers.get(name)
        self._void_as_seen(name, there.etag if there else None)

    def _void(self, name: str) -> None:
        there = self.inventory.parts.get(name)
        self._void_as_seen(name, there.etag if there else None)

    def _void_as_seen(self, name: str, etag: str | None) -> None:
        """Remove a file together with every block that was ever staged for it.

        The empty file is ours to delete even if the hour was lost meanwhile.
        """
        self.held.check()
        container = self.attempt.container
        container.delete(name, etag=container.empty(name, etag=etag))

    def _refresh_doubtful(self) -> None:
        """Give parts that stay another ETag, if an unfinished attempt could still write over them."""
        could = {each.name for each in _unfinished(self.held.record, self.attempt.container_id)}
        doubtful = {each.name for each in self.held.record.in_doubt}
        for name in sorted(self._staying() & (could | doubtful)):
            self.held.check()
            self.attempt.container.refresh(name, etag=self.inventory.parts[name].etag)


def marker_of(content: HourContent, record: HourRecord, stream: Stream) -> Marker:
    """Return the marker of an hour with that content."""
    return Marker(record.hour, stream.data_type, content.parts, content.filter_sha256)


def _recorded_doubts(record: HourRecord, container_id: str) -> Iterator[Doubt]:
    """Yield what a record has in doubt in a container, its own unfinished files among them."""
    yield from (each for each in record.in_doubt if each.container == container_id)
    if record.origin.container == container_id:
        yield from _unfinished(record, container_id)


def _unfinished(record: HourRecord, container_id: str) -> Iterable[Doubt]:
    """Return the files that a record's own attempt was about to commit, if it has not finished."""
    if not record.committing or record.origin.container != container_id:
        return ()
    parts = record.parts[record.origin.kept_parts :]
    marker = [Doubt(container_id, record.origin.marker)] if record.origin.marker else []
    return (*(Doubt(container_id, part.name, part.bytes, part.md5) for part in parts), *marker)
