"""The whole hour: adopted as it is there, or staged anew, by one worker or as many as it has slices."""

from contextlib import ExitStack
from dataclasses import replace

from exporter.domain.errors import ForeignBlocks, Transient
from exporter.domain.file_names import HourNames
from exporter.domain.hour_record import HourContent, HourRecord, Provenance, RowCounts
from exporter.domain.marker import Marker, Part
from exporter.domain.own_blobs import attempt_tag
from exporter.domain.slices import Slice, cut
from exporter.domain.streams import LandingBlob, LandingFingerprint
from exporter.export.attempt import Attempt, Outcome
from exporter.export.commit import CommitPlan, SpoolNeeded, commit, needs_spool
from exporter.export.completeness import missing_rows, rejected_before, rejected_ever
from exporter.export.foreign_blocks import void_foreign_blocks
from exporter.export.inventory import Inventory
from exporter.export.lease import HourLease
from exporter.export.moved import leave_elsewhere
from exporter.export.readback import file_keys
from exporter.export.recovery import content_of
from exporter.export.sliced import fan_out
from exporter.pipeline.key_set import KeySet

# Each time, the blocks of other programs under one more name are discarded.
STAGINGS_MAX = 5


def write_hour(
    attempt: Attempt, lease: HourLease, inventory: Inventory, names: HourNames, *, replacing: bool
) -> Outcome:
    """Export the hour. Unless it is to be replaced, one that is there already is adopted as it is.

    An hour that went to another container since is not: what it has left here is older than its record.

    An hour that holds rows is replaced only if landing holds all of them still; a request that would lose
    some is refused, and the hour stays as it is. ``allow_loss`` accepts the loss.
    """
    returns = _is_whole_elsewhere(attempt, lease.record)
    there = None if replacing or returns else _what_is_there(attempt, lease, inventory)
    if there is not None:
        return _adopt(attempt, lease, inventory, there)
    blobs = tuple(attempt.gateways.landing.blobs(attempt.task.key.stream, attempt.task.hour))
    loss = None if attempt.task.allow_loss else missing_rows(attempt, lease.record, inventory, blobs)
    if loss is not None and replacing:
        # A look for late blobs that cannot have the hour has looked all the same: it is not due again.
        lease.refuse(loss, looked_at=attempt.worker.clock() if attempt.task.late else None)
        return Outcome.REFUSED
    if loss is not None and not inventory.parts:
        if _is_whole_elsewhere(attempt, lease.record):
            leave_elsewhere(lease, attempt.destination.target, attempt.worker.clock())
        else:
            lease.fail(loss)
        return Outcome.REFUSED
    if loss is not None:
        return _adopt(attempt, lease, inventory, _what_stands(attempt, lease, inventory, names))
    slices = _slices(attempt, blobs)
    if len(slices) > 1:
        spooled = bool(inventory.parts) or bool(lease.record.in_doubt) or lease.record.committing
        fan_out(attempt, lease, slices, blobs, spooled=spooled)
        return Outcome.SPREAD
    return _write_one_slice(attempt, lease, inventory, names, slices[0])


def _is_whole_elsewhere(attempt: Attempt, record: HourRecord) -> bool:
    """Whether the hour's files went to another container, and nothing of their commit is left to do."""
    return bool(record.origin.target) and not attempt.holds(record) and not record.committing


def _write_one_slice(
    attempt: Attempt, lease: HourLease, inventory: Inventory, names: HourNames, chosen: Slice
) -> Outcome:
    """Stage the hour, in place or into the spool, until nothing is in the way of its commit."""
    spooled = needs_spool(lease.record, inventory, names, attempt.container_id)
    for _ in range(STAGINGS_MAX):
        try:
            return _write(attempt, lease, inventory, chosen, spooled=spooled)
        except SpoolNeeded:
            spooled = True
        except ForeignBlocks as blocks:
            spooled |= not void_foreign_blocks(attempt.container, blocks)
    raise Transient("blocks of another program appear in the container again and again")


def _slices(attempt: Attempt, blobs: tuple[LandingBlob, ...]) -> tuple[Slice, ...]:
    if not attempt.task.key.stream.spec.numbered_parts:
        return (Slice(1, None, blobs),)
    return tuple(cut(blobs, attempt.destination.output.part_bytes_max))


def _write(
    attempt: Attempt, lease: HourLease, inventory: Inventory, chosen: Slice, *, spooled: bool
) -> Outcome:
    """Stage the hour and commit it."""
    naming = attempt.destination.naming(attempt.task.key.stream)
    tag = attempt_tag(lease.record.attempts, lease.claim_id)
    before = lease.record.attempts > 1 or bool(inventory.parts)
    rejected_then = rejected_before(attempt, lease.record, inventory, chosen.blobs)
    with ExitStack() as uploads:
        staged, rejected = attempt.stage(chosen, (), uploads, tag, spooled=spooled)
        digests: tuple[str, ...] = ()
        if attempt.late_blobs_count():
            digests = tuple(filter(None, [attempt.keep_digest(chosen, staged, tag)]))
        asked = attempt.destination.filter_of(naming.stream)
        output = attempt.destination.output
        content = HourContent(
            rows=staged.rows,
            parts=tuple(sent.part for sent in staged.sent),
            filter_sha256=asked.sha256 if asked else None,
            output=output,
            origin=Provenance(
                target=attempt.destination.target,
                marker=naming.marker(lease.record.hour) if output.completion_marker else None,
                landing=LandingFingerprint.of(chosen.blobs),
                digests=digests,
                rejected_before=len(rejected_then),
            ),
            rejected=(*rejected_then, *rejected.commit()),
        )
        if attempt.gone():
            lease.release()
            return Outcome.NOT_WANTED
        with attempt.worker.timed("commit"):
            commit(attempt, lease, CommitPlan(content, staged.sent), inventory)
    attempt.log_outcome(lease, Outcome.EXPORTED)
    if before or spooled:
        attempt.tidy(lease)
    return Outcome.EXPORTED


def _what_is_there(attempt: Attempt, lease: HourLease, inventory: Inventory) -> HourContent | None:
    """Return the content of an hour that is whole in the container, and as it is wanted; None if it is not.

    Either its record says so, because it was done before; or its marker is true, and names the filter that
    the destination has.
    """
    record = lease.record
    known = bool(record.origin.target) and attempt.holds(record)
    if known and not (record.committing or record.in_doubt) and inventory.holds_just(record.parts):
        return content_of(record)
    marked = inventory.true_marker()
    if marked is None or not _as_wanted(attempt, marked[1]):
        return None
    return _content_of_marker(attempt, *marked)


def _what_stands(attempt: Attempt, lease: HourLease, inventory: Inventory, names: HourNames) -> HourContent:
    """Return the content of an hour that has to stay as it is found: as its marker says, or counted."""
    marked = inventory.true_marker()
    return (
        _counted(attempt, lease, inventory, names) if marked is None else _content_of_marker(attempt, *marked)
    )


def _as_wanted(attempt: Attempt, marker: Marker) -> bool:
    """Whether a marker names what the destination asks for: the same filter."""
    asked = attempt.destination.filter_of(attempt.task.key.stream)
    return marker.filter_sha256 == (asked.sha256 if asked else None)


def _content_of_marker(attempt: Attempt, name: str, marker: Marker) -> HourContent:
    """Return the content of an hour that only its marker tells of: how many rows landed is not known."""
    return HourContent(
        rows=RowCounts(exported=marker.rows),
        parts=marker.parts,
        filter_sha256=marker.filter_sha256,
        output=None,
        origin=Provenance(target=attempt.destination.target, marker=name),
        rejected=rejected_ever(attempt),
    )


def _counted(attempt: Attempt, lease: HourLease, inventory: Inventory, names: HourNames) -> HourContent:
    """Return the content of an hour whose files nothing tells of: they are counted.

    Files of which every row is in files before them are left out, and so voided: readers would see their
    rows twice.
    """
    stream = attempt.task.key.stream
    tag = attempt_tag(lease.record.attempts, lease.claim_id)
    parts: list[Part] = []
    digests: list[str] = []
    before = KeySet()
    for name in sorted(inventory.parts, key=lambda name: (names.number(name), name)):
        blob = inventory.parts[name]
        mine = KeySet()
        rows = new = 0
        for key in file_keys(attempt.container, blob, stream.data_type):
            rows += 1
            mine.add(key)
            new += before.add(key)
        if rows == 0 or (new == 0 and stream.spec.row_keys):
            continue
        parts.append(Part(name, rows, blob.size, blob.md5 or ""))
        if stream.spec.row_keys and attempt.late_blobs_count():
            digests.append(attempt.keep_found_digest(len(parts), mine, tag))
    wants_marker = attempt.destination.output.completion_marker
    return HourContent(
        rows=RowCounts(exported=sum(part.rows for part in parts)),
        parts=tuple(parts),
        filter_sha256=None,
        output=None,
        origin=Provenance(
            target=attempt.destination.target,
            marker=names.marker if wants_marker else None,
            digests=tuple(digests),
        ),
        rejected=rejected_ever(attempt),
    )


def _adopt(attempt: Attempt, lease: HourLease, inventory: Inventory, content: HourContent) -> Outcome:
    """Close the record of an hour that is there already."""
    record = lease.record
    if record.committing and attempt.holds(record) and record.parts == content.parts:
        content = content_of(record)
    content = replace(content, origin=replace(content.origin, kept=None))
    commit(attempt, lease, CommitPlan(content, (), adopted=True), inventory)
    attempt.log_outcome(lease, Outcome.ADOPTED)
    attempt.tidy(lease)
    return Outcome.ADOPTED
