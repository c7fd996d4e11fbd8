"""The commit of an hour, the only way in which an hour ends: staged files become what readers see.

By now all content is staged, as blocks that no reader sees. What is left are small requests, in this order:

prepare   record the plan in the ledger: what the hour is to be, where each file is staged, and every other
          file of the hour that is there or that an earlier attempt could still commit
fence     void the marker unless it stays true, then every file whose content changes: empty it, which
          discards all blocks staged under its name, and delete it; give files that stay another ETag
publish   commit the parts, first the one that replaces a file; stage and commit the marker, last of all
close     the ledger's row; then delete our own blobs that it no longer names

A worker may die, or sleep and wake up as a zombie, at any of these requests. What that leaves behind:

before *prepare* has ended   the hour as it was, and staged blocks that storage drops after a week
during *fence*               some files gone, and no marker; ``recovery`` completes the recorded plan
during *publish*             some parts there, each row once, and no marker; ``recovery`` completes the plan
during *close*               the whole hour; ``recovery`` finds nothing left to do but to close it

To complete a plan takes no landing data: everything is staged. A zombie's request fails: its condition is an
ETag that the fence has changed, or its blocks are discarded.

The fence of a file discards our own blocks under its name, too. So at most one file that replaces another
may be staged under its own name, and it is not fenced: its commit voids the old content just as well. If
several files change, all are kept whole in the *spool*, a container of our own, and staged after the fence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from exporter.domain.errors import Conflict, ForeignBlocks
from exporter.domain.marker import Part, StagedFile
from exporter.export.attempt import Attempt, Outcome
from exporter.export.commit_plan import Changes, CommitPlan
from exporter.export.inventory import Inventory
from exporter.export.lease import HourLease
from exporter.export.stage import stage_bytes
from exporter.pipeline.formats import format_of
from exporter.pipeline.hashes import md5_base64

MARKER_TYPE = "application/json"


class SpoolNeeded(Exception):
    """Several files that are staged under their own names would change: they have to be spooled instead."""


def commit(attempt: Attempt, lease: HourLease, plan: CommitPlan, inventory: Inventory) -> Outcome:
    """Make a staged hour what readers see; return what came of it.

    ``Conflict``: another worker has the hour, or the container has changed since the inventory.
    ``SpoolNeeded``: nothing has changed; stage the files again, into the spool.
    """
    committer = Committer(attempt, lease, plan, inventory)
    outcome = Outcome.ADOPTED if plan.adopted else Outcome.EXPORTED
    with attempt.worker.timed("commit"):
        committer.prepare()
        committer.fence()
        committer.publish()
    close(attempt, lease, outcome, tidies=committer.changes.leftovers(), **plan.facts)
    return outcome


def commit_if_wanted(attempt: Attempt, lease: HourLease, plan: CommitPlan, inventory: Inventory) -> Outcome:
    """Commit the hour, unless its destination was deleted while it was staged."""
    if attempt.gone():
        lease.release()
        return Outcome.NOT_WANTED
    return commit(attempt, lease, plan, inventory)


def complete(attempt: Attempt, lease: HourLease, inventory: Inventory) -> None:
    """Commit what an earlier attempt has recorded and not finished.

    ``Conflict``: staged blocks are gone, or the container has changed since.
    """
    record = lease.record
    committer = Committer(attempt, lease, CommitPlan(record.content, record.journal.files), inventory)
    committer.fence()
    committer.publish()


def close(attempt: Attempt, lease: HourLease, outcome: Outcome, *, tidies: bool = True, **facts: int) -> None:
    """Close the row of an hour that is whole, log that, and delete what is not needed any more."""
    sliced = lease.record.sliced
    lease.finish()
    attempt.log_outcome(lease, outcome, **facts)
    if sliced is not None:
        attempt.gateways.slices.discard(attempt.task.key, attempt.task.hour, sliced.id)
    if tidies:
        attempt.tidy(lease)


@dataclass(frozen=True)
class Committer:
    """Takes the steps of a commit, each of which may be the last that this process does."""

    attempt: Attempt
    lease: HourLease
    plan: CommitPlan
    inventory: Inventory

    @cached_property
    def changes(self) -> Changes:
        """What has to change, as seen before the plan is recorded."""
        return Changes(self.lease.record, self.plan, self.inventory, self.attempt.container_id)

    def prepare(self) -> None:
        """Record the plan in the ledger."""
        if self.changes.in_place_count() > 1:
            raise SpoolNeeded
        if missing := self.changes.missing():
            raise Conflict(f"{missing} is to stay, and is not there any more")
        plan, doubts = self.plan, tuple(self.changes.doubts())
        self.lease.write(
            lambda record: record.prepared(plan.content, plan.files, doubts, adopted=plan.adopted)
        )

    def fence(self) -> None:
        """Void everything that does not stay: markers first, then parts."""
        if self.changes.in_place_count() > 1 or self.changes.missing():
            raise Conflict(f"{self.lease.record.key} {self.lease.record.hour} is not as it was planned for")
        self._retract_marker()
        for name in self.changes.stale():
            if name not in self.changes.in_place:
                self._fence(name, self._part_etag(name))
        for name in self.changes.to_refresh():
            self.lease.ensure_held()
            self.attempt.container.refresh(name, etag=self.inventory.parts[name].etag)

    def publish(self) -> None:
        """Commit what is not there yet: the part that replaces a file first, the marker last."""
        stale = set(self.changes.stale())
        for file in sorted(self.plan.files, key=lambda file: file.part.name not in stale):
            if not self.inventory.has(file.part):
                self._commit(file, self._part_etag(file.part.name) if file.spool is None else None)
        marker, stays = self.changes.marker(), self.changes.marker_stays()
        if marker is not None and not (stays and self.changes.marker_there() == marker):
            self._commit_marker(self.changes.marker_name or "", marker, stays=stays)

    def _retract_marker(self) -> None:
        """Void every marker that does not stay true until the planned one is committed."""
        markers = self.inventory.markers
        for name in self.changes.markers_to_fence():
            self._fence(name, markers[name].etag if name in markers else None)

    def _fence(self, name: str, etag: str | None) -> None:
        """Remove a file together with every block that was ever staged for it."""
        self.lease.ensure_held()
        self.attempt.container.fence(name, etag=etag)

    def _commit(self, file: StagedFile, etag: str | None) -> None:
        if file.spool is not None:
            spooled = file
            file, etag = self._staged(file.part.name, etag, lambda: self._stage_spooled(spooled))
        self.lease.ensure_held()
        content_type = format_of(file.part.name).content_type
        self.attempt.container.commit(file, etag=etag, content_type=content_type)

    def _commit_marker(self, name: str, body: bytes, *, stays: bool) -> None:
        """Stage and commit the marker: a single request to write it could not be fenced."""
        part = Part(name, 0, len(body), md5_base64(body))
        container, tag = self.attempt.container, f"{self.lease.claim_id}-marker"
        etag = self.inventory.markers[name].etag if stays else None
        file, etag = self._staged(name, etag, lambda: stage_bytes(container, part, body, tag))
        self.lease.ensure_held()
        container.commit(file, etag=etag, content_type=MARKER_TYPE)

    def _staged(
        self, name: str, etag: str | None, stage: Callable[[], StagedFile]
    ) -> tuple[StagedFile, str | None]:
        """Stage a file; if blocks of another program refuse ours, fence its name first.

        Return it with the ETag that its name has then. No file that is staged here has a name whose content
        is to stay.
        """
        try:
            return stage(), etag
        except ForeignBlocks:
            self._fence(name, etag)
            return stage(), None

    def _stage_spooled(self, file: StagedFile) -> StagedFile:
        """Copy a file from the spool into blocks under its own name."""
        pieces = self.attempt.gateways.state.read(file.spool or "")
        if pieces is None:
            raise Conflict(f"the spooled file {file.spool} is gone")
        tag = f"{self.lease.claim_id}-spool"
        with self.attempt.container.upload(file.part.name, attempt=tag) as upload:
            for piece in pieces:
                upload.stage(piece)
            return StagedFile(file.part, tag, upload.arrived())

    def _part_etag(self, name: str) -> str | None:
        there = self.inventory.parts.get(name)
        return there.etag if there else None
