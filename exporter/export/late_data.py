"""Late data: what landed after its hour was exported becomes further parts, and nothing is repeated.

Landing is compared with the fingerprint of what was exported. What is new is staged, without the rows whose
keys the digests of the hour hold; parts that are there are not touched, and the marker is written over. What
was exported stays where it is, even if the destination has other names now. Merged ids are one file, which is
written over, with its own rows and then the new ones.
"""

from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from exporter.domain.errors import ForeignBlocks, Transient
from exporter.domain.file_names import HourNames
from exporter.domain.hour_content import AppendBase, HourContent
from exporter.domain.hour_record import HourRecord
from exporter.domain.own_blobs import attempt_tag
from exporter.domain.slices import Slice, cut
from exporter.domain.streams import LandingBlob, LandingFingerprint
from exporter.domain.versioned import Versioned
from exporter.export.attempt import Attempt, Outcome
from exporter.export.commit import commit_if_wanted
from exporter.export.commit_plan import CommitPlan
from exporter.export.completeness import rejected_of_gone_blobs
from exporter.export.contents import appendable_base, appended, appended_content, as_recorded, with_digests
from exporter.export.digests import side_by_side
from exporter.export.foreign_blocks import STAGINGS_MAX, void_foreign_blocks
from exporter.export.inventory import Inventory
from exporter.export.lease import HourLease
from exporter.export.readback import file_keys, file_rows
from exporter.export.sliced import fan_out
from exporter.export.stage import RejectedWriter, StagedSlice, drop_nothing
from exporter.export.whole_hour import export_whole_hour
from exporter.pipeline.key_index import repeated
from exporter.pipeline.key_set import KeySet
from exporter.ports import BlobStore


def is_up_to_date(attempt: Attempt, found: Versioned[HourRecord]) -> bool:
    """Compare landing with what was exported; if nothing is new, record that this was checked.

    Landing that holds less than was exported has been tidied up: the hour lacks nothing for that.
    """
    record = found.value
    blobs = tuple(attempt.gateways.landing.blobs(attempt.task.key.stream, attempt.task.hour))
    if _has_new(record.content, blobs):
        return False
    now, origin = attempt.worker.clock(), record.content.origin
    # After the last check, no keys are needed for another one.
    unneeded = origin.digests if now >= attempt.worker.late_ends(record.hour) else ()
    content = replace(record.content, origin=replace(origin, digests=() if unneeded else origin.digests))
    attempt.gateways.ledger.put(replace(record.late_checked(now), content=content), found.etag)
    for name in unneeded:
        attempt.gateways.state.delete(name)
    return True


def _has_new(content: HourContent, blobs: tuple[LandingBlob, ...]) -> bool:
    """Whether landing blobs hold what the content was not made of, as far as is known."""
    exported = content.origin.landing
    return bool(blobs and (exported is None or exported.new(blobs)))


def append_late(attempt: Attempt, lease: HourLease, inventory: Inventory, names: HourNames) -> Outcome:
    """Append late data to an hour that is done, or that an attempt has begun to append to."""
    record = lease.record
    content = appendable_base(record)
    blobs = tuple(attempt.gateways.landing.blobs(record.key.stream, record.hour))
    if record.previous_status is not None and not _has_new(content, blobs):
        lease.write(lambda record: record.released().late_checked(attempt.worker.clock()))
        return Outcome.UNCHANGED
    naming = attempt.recorded_naming(record)
    if not content.parts or naming is None or not all(map(inventory.has, content.parts)):
        # There is nothing to append to; or the files went to another container, and the hour goes to this one
        # if landing holds all of it; or another program has deleted or changed a part.
        return export_whole_hour(attempt, lease, inventory, names, replacing=True)
    names = names.wanting(naming)
    if not naming.stream.spec.numbered_parts:
        attempt = as_recorded(attempt, record, naming, None)
        if content.origin.landing and LandingFingerprint.of(blobs).holds(content.origin.landing):
            return export_whole_hour(attempt, lease, inventory, names, replacing=True)
        return _append_merged_ids(attempt, lease, inventory, content, blobs)
    content, event_filter = with_digests(attempt, lease, inventory, content)
    attempt = as_recorded(attempt, record, naming, event_filter)
    late = content.origin.landing.new(blobs) if content.origin.landing else blobs
    first = max((names.number(part.name) for part in content.parts), default=0) + 1
    slices = tuple(cut(late, attempt.destination.output.part_bytes_max, first))
    if len(slices) > 1:
        fan_out(attempt, lease, slices, blobs, spooled=False, base=content)
        return Outcome.SLICED
    for _ in range(STAGINGS_MAX):
        try:
            return _append_slice(attempt, lease, inventory, content, chosen=slices[0], blobs=blobs)
        except ForeignBlocks as blocks:
            if not void_foreign_blocks(attempt.container, blocks):
                raise
    raise Transient("blocks of another program appear in the container again and again")


def _append_slice(  # noqa: PLR0913  what is appended, to what, and by whom
    attempt: Attempt,
    lease: HourLease,
    inventory: Inventory,
    base: HourContent,
    *,
    chosen: Slice,
    blobs: tuple[LandingBlob, ...],
) -> Outcome:
    """Stage the late rows and commit them."""
    with ExitStack() as uploads:
        staged, rejected, digest = _staged(attempt, lease, base, chosen, uploads)
        keeps = attempt.late_blobs_count()
        result = staged.result(digest, rejected.commit())
        content = appended_content(base, blobs, [result], keeps_digests=keeps)
        if result.excluded == base.rows.exported and content.origin.landing is not None:
            # Every row of the files is in these blobs, too: landing holds all that they were made of. That is
            # not so for rejected rows, if a blob is gone: those that are stored already stay.
            kept = len(rejected_of_gone_blobs(base, blobs))
            origin = replace(content.origin, landing=LandingFingerprint.of(blobs), rejected_before=kept)
            content = replace(content, origin=origin)
        facts = {"late_rows": staged.rows.exported}
        return commit_if_wanted(attempt, lease, CommitPlan(content, staged.files, facts=facts), inventory)


def _staged(
    attempt: Attempt, lease: HourLease, base: HourContent, chosen: Slice, uploads: ExitStack
) -> tuple[StagedSlice, RejectedWriter, str | None]:
    """Stage the late rows; if some of them are exported already, once more without those."""
    tag = attempt_tag(lease.record.work.attempts, lease.claim_id)
    staged, rejected = attempt.stage(chosen, drop_nothing, uploads, tag)
    digest = attempt.keep_digest(chosen, staged, tag)
    excluded = _repeated(attempt.gateways.state, base, digest) if digest else None
    if excluded is None:
        return staged, rejected, digest
    del staged  # its keys take as much memory as those of the second staging
    again, rejected = attempt.stage(chosen, lambda: excluded, uploads, f"{tag}-again")
    return again, rejected, attempt.keep_digest(chosen, again, f"{tag}-again")


def _repeated(state: BlobStore, base: HourContent, digest: str) -> KeySet | None:
    """Return the keys of a digest that the hour has already; None if it has none of them."""
    digests = side_by_side(state, (*base.origin.digests, digest))
    if digests is None:
        raise Transient("a digest of the hour is gone")
    found, some = KeySet(), False
    for *_, keys in repeated(digests):
        found.add_joined(keys)
        some |= bool(keys)
    return found if some else None


def _append_merged_ids(
    attempt: Attempt,
    lease: HourLease,
    inventory: Inventory,
    base: HourContent,
    blobs: tuple[LandingBlob, ...],
) -> Outcome:
    """Append what landed late, where landing does not hold all that the file was made of."""
    before = base.origin.landing
    new = before.new(blobs) if before is not None and not before.partial else blobs
    known = None
    if before is None or before.partial or any(blob.md5 is None for blob in new):
        # It is not known which blobs the file was made of, or whether some of these were only put again: the
        # rows of the file are compared with those in landing.
        file = inventory.parts[base.parts[0].name]
        known = Counter(file_keys(attempt.container, file, inventory.data_type))
    write_over = partial(
        _write_over, attempt, lease, inventory, base, blobs=blobs, chosen=Slice(1, None, new), known=known
    )
    try:
        return write_over(spooled=False)
    except ForeignBlocks:
        # They are under the name of the file, whose rows are needed: it is staged beside it, in the spool.
        return write_over(spooled=True)


def _write_over(  # noqa: PLR0913  what is appended, to what, and by whom
    attempt: Attempt,
    lease: HourLease,
    inventory: Inventory,
    base: HourContent,
    *,
    blobs: tuple[LandingBlob, ...],
    chosen: Slice,
    known: Counter[bytes] | None,
    spooled: bool,
) -> Outcome:
    """Stage the file again, its own rows first and then those that are not known, and commit it."""
    tag = attempt_tag(lease.record.work.attempts, lease.claim_id)
    known = None if known is None else known.copy()
    with ExitStack() as uploads:
        there = file_rows(attempt.container, inventory.parts[base.parts[0].name])
        staged, rejected = attempt.stage(
            chosen, drop_nothing, uploads, tag, spooled=spooled, before=there, known=known
        )
        part = staged.files[0].part
        late = part.rows - base.parts[0].rows
        content = replace(
            base,
            rows=base.rows + replace(staged.rows, exported=late, filtered=0),
            parts=(part,),
            origin=replace(appended(base, blobs), kept=AppendBase(0, 0, base.rows, 0, base.origin.landing)),
            rejected=(*base.rejected, *rejected.commit()),
        )
        plan = CommitPlan(content, staged.files, facts={"late_rows": late})
        return commit_if_wanted(attempt, lease, plan, inventory)
