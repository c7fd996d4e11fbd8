"""The whole hour: adopted as it is there, or staged and committed by one worker, or fanned out to several."""

from contextlib import ExitStack

from exporter.domain.errors import ForeignBlocks, Transient
from exporter.domain.file_names import HourNames
from exporter.domain.own_blobs import attempt_tag
from exporter.domain.slices import Slice, cut
from exporter.domain.streams import LandingBlob
from exporter.export.adoption import adopt, adoptable, as_found
from exporter.export.attempt import Attempt, Outcome
from exporter.export.commit import SpoolNeeded, commit_if_wanted
from exporter.export.commit_plan import CommitPlan, needs_spool
from exporter.export.completeness import missing_rows, rejected_before
from exporter.export.contents import whole_content
from exporter.export.foreign_blocks import STAGINGS_MAX, void_foreign_blocks
from exporter.export.inventory import Inventory
from exporter.export.lease import HourLease
from exporter.export.moved import is_whole_elsewhere, leave_elsewhere
from exporter.export.sliced import fan_out
from exporter.export.stage import drop_nothing


def export_whole_hour(
    attempt: Attempt, lease: HourLease, inventory: Inventory, names: HourNames, *, replacing: bool
) -> Outcome:
    """Export the hour. Unless it is to be replaced, an hour that is there already is adopted as it is.

    An hour that holds rows is replaced only if landing holds all of them still; a request that would lose
    some is refused, and the hour stays as it is. ``allow_loss`` accepts the loss.
    """
    there = None if replacing else adoptable(attempt, lease, inventory)
    if there is not None:
        return adopt(attempt, lease, inventory, there)
    blobs = attempt.landed()
    loss = None if attempt.task.allow_loss else missing_rows(attempt, lease.record, inventory, blobs)
    if loss is not None and replacing:
        # A check for late data that cannot have the hour has checked all the same: it is not due again.
        lease.refuse(loss, late_checked_at=attempt.worker.clock() if attempt.task.late else None)
        return Outcome.REFUSED
    if loss is not None and not inventory.parts:
        if is_whole_elsewhere(attempt, lease.record):
            leave_elsewhere(lease, attempt.destination.target, attempt.worker.clock())
        else:
            lease.fail(loss)
        return Outcome.REFUSED
    if loss is not None:
        return adopt(attempt, lease, inventory, as_found(attempt, lease, inventory, names))
    slices = _slices(attempt, blobs)
    if len(slices) > 1:
        journal = lease.record.journal
        spooled = bool(inventory.parts) or bool(journal.in_doubt) or journal.committing
        fan_out(attempt, lease, slices, blobs, spooled=spooled)
        return Outcome.SLICED
    return _export_one_slice(attempt, lease, inventory, names, slices[0])


def _slices(attempt: Attempt, blobs: tuple[LandingBlob, ...]) -> tuple[Slice, ...]:
    if not attempt.task.key.stream.spec.numbered_parts:
        return (Slice(1, None, blobs),)
    return tuple(cut(blobs, attempt.destination.output.part_bytes_max))


def _export_one_slice(
    attempt: Attempt, lease: HourLease, inventory: Inventory, names: HourNames, chosen: Slice
) -> Outcome:
    """Stage and commit the hour, in place or by the spool, until nothing is in the way of its commit."""
    spooled = needs_spool(lease.record, inventory, names, attempt.container_id)
    for _ in range(STAGINGS_MAX):
        try:
            return _stage_and_commit(attempt, lease, inventory, chosen, spooled=spooled)
        except SpoolNeeded:
            spooled = True
        except ForeignBlocks as blocks:
            spooled |= not void_foreign_blocks(attempt.container, blocks)
    raise Transient("blocks of another program appear in the container again and again")


def _stage_and_commit(
    attempt: Attempt, lease: HourLease, inventory: Inventory, chosen: Slice, *, spooled: bool
) -> Outcome:
    tag = attempt_tag(lease.record.work.attempts, lease.claim_id)
    kept_rejected = rejected_before(attempt, lease.record, inventory, chosen.blobs)
    with ExitStack() as uploads:
        staged, rejected = attempt.stage(chosen, drop_nothing, uploads, tag, spooled=spooled)
        digest = attempt.keep_digest(chosen, staged, tag) if attempt.late_blobs_count() else None
        result = staged.result(digest, rejected.commit())
        content = whole_content(attempt, chosen.blobs, [result], kept_rejected, keeps_digests=True)
        return commit_if_wanted(attempt, lease, CommitPlan(content, staged.files), inventory)
