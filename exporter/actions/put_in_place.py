"""The end of an export: what was staged becomes the hour's files, and a reader never sees a row twice.

By now every block has arrived, those of the marker, too. Nothing but small requests is left to do:

record  in the ledger what is about to be committed
unmark  a marker that will not stay as it is comes down
clear   every other file of the hour, there or in doubt, that is not exactly what it is to become
commit  the parts, first the one whose rows change, and then the marker

A file is cleared by writing an empty one over it and deleting that. Its rows may be about to appear under
another name, so it has to go before; and writing over it throws away the blocks that a worker who is thought
dead may have sent for it. So whoever comes to the end has written over every name that such a worker could
still commit or delete: all its conditions fail, and it changes nothing.
"""

from dataclasses import dataclass

from exporter.actions.hold import Held
from exporter.actions.look import Found
from exporter.actions.ports import GZIP, Container
from exporter.actions.take_stock import MARKER_TYPE, sent_marker
from exporter.domain.destination import Destination, Output
from exporter.domain.errors import Transient
from exporter.domain.ledger import HourRecord, Origin, RowCounts
from exporter.domain.marker import Marker, Part
from exporter.domain.names import Naming
from exporter.domain.slices import Sent
from exporter.pipeline.pack import GzipBlocks, md5_base64

EMPTY_GZIP = b"".join(GzipBlocks().finish())


@dataclass(frozen=True, slots=True)
class Layout:
    """What an hour is to be. ``parts`` are all its parts; those that are not ``sent`` are there already."""

    rows: RowCounts
    parts: tuple[Part, ...]
    sent: tuple[Sent, ...]
    filter_sha256: str | None
    output: Output
    origin: Origin


def record_layout(
    layout: Layout, destination: Destination, naming: Naming, container: Container, held: Held
) -> Sent | None:
    """Send the marker, if one is wanted, and record in the ledger what is about to be committed.

    From here on a later attempt knows what this one may still do.
    """
    marker = None
    if destination.output.completion_marker:
        hour = held.record.hour
        body = Marker(hour, naming.stream.data_type, layout.parts, layout.filter_sha256).to_json()
        marker = sent_marker(container, naming.marker(hour), body, held.claim_id)
    held.write(
        lambda record: record.staged(
            layout.rows, layout.parts, layout.filter_sha256, layout.output, layout.origin
        )
    )
    return marker


@dataclass(frozen=True, slots=True)
class Placing:
    """Puts a recorded layout in place of what was ``found``; ``Conflict`` if somebody else is at it."""

    layout: Layout
    marker: Sent | None
    found: Found
    naming: Naming
    container: Container
    held: Held

    def __call__(self) -> None:
        """Make the layout what a reader sees.

        Where several files have to change their rows, no order of writing over them is known to show none
        twice, and to clear a file throws away our own blocks, too. Then everything is cleared, the hour given
        back, and ``Transient`` raised: the next attempt finds nothing in its way.
        """
        stale = self._stale()
        wanted = {sent.part.name for sent in self.layout.sent}
        over = [name for name in stale if name in wanted]
        marker_etag = self._unmark(changes=bool(stale))
        if len(over) > 1:
            for name in stale:
                self._clear(name)
            self.held.write(HourRecord.cleared)
            raise Transient(f"{self.held.record.key} {self.held.record.hour} was cleared to be cut otherwise")
        for name in stale:
            if name not in over:
                self._clear(name)
        there = {name: blob.etag for name, blob in self.found.parts.items()}
        for sent in sorted(self.layout.sent, key=lambda sent: sent.part.name not in over):
            self.held.check()
            self.container.commit(sent, etag=there.get(sent.part.name))
        if self.marker is not None:
            self.held.check()
            self.container.commit(self.marker, etag=marker_etag, content_type=MARKER_TYPE)

    def _stale(self) -> list[str]:
        """Return the names whose content is not what it is to be, or may not stay so."""
        content = {part.name: (part.bytes, part.md5) for part in self.layout.parts}
        there = ((name, (blob.size, blob.md5)) for name, blob in self.found.parts.items())
        doubtful = ((part.name, (part.bytes, part.md5)) for part in self.held.record.in_doubt)
        return sorted({name for name, old in (*there, *doubtful) if content.get(name) != old} - self._kept())

    def _kept(self) -> frozenset[str]:
        """Return the names of the parts that rows are added to."""
        return frozenset(part.name for part in self.layout.parts[: self.layout.origin.kept_parts])

    def _unmark(self, *, changes: bool) -> str | None:
        """Take down every marker that cannot stay until it is written over; return the ETag of one that can.

        It can if it will not change, or if rows are only added: it stays true if what it names is kept.
        """
        for name, old in self.found.old_markers.items():
            self.held.check()
            self.container.delete(name, etag=old.etag)
        there = self.found.marker
        if there is None:
            return None
        same = self.marker is not None and md5_base64(there.body) == self.marker.part.md5 and not changes
        named = self.found.names(self.naming, self.held.record.hour)
        added = self.layout.origin.kept is not None and named is not None and named <= self._kept()
        if same or (self.marker is not None and added):
            return there.etag
        self.held.check()
        self.container.delete(self.naming.marker(self.held.record.hour), etag=there.etag)
        return None

    def _clear(self, name: str) -> None:
        """Remove a file together with every block that was ever sent for it.

        The empty file is ours to delete even if the hour was lost meanwhile.
        """
        self.held.check()
        there = self.found.parts.get(name)
        etag = self.container.put(name, EMPTY_GZIP, content_type=GZIP, etag=there.etag if there else None)
        self.container.delete(name, etag=etag)
