"""Late data: what landed after its hour was exported becomes further parts, and nothing is repeated.

Landing is compared with the fingerprint of what was exported. What is new is staged, without the rows whose
keys the digests of the hour hold; parts that are there are not touched, and the marker is written over. What
was exported stays where it is, even if the destination has other names now. Merged ids are one file, which is
written over (``late_merged_ids``).
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

from exporter.domain.errors import ForeignBlocks, Transient
from exporter.domain.file_names import HourNames
from exporter.domain.hour_content import HourContent
from exporter.domain.hour_record import HourRecord
from exporter.domain.own_blobs import attempt_tag
from exporter.domain.slices import Slice, cut
from exporter.domain.streams import DataType, LandingBlob, LandingFingerprint
from exporter.domain.versioned import Versioned
from exporter.export.attempt import Attempt, Outcome
from exporter.export.commit import commit
from exporter.export.commit_plan import CommitPlan
from exporter.export.fan_out import fan_out
from exporter.export.foreign_blocks import STAGINGS_MAX, void_foreign_blocks
from exporter.export.inventory import Inventory
from exporter.export.late_content import appendable_base, appended, as_recorded, with_digests
from exporter.export.late_merged_ids import append_merged_ids
from exporter.export.lease import HourLease
from exporter.export.stage import RejectedWriter, StagedSlice
from exporter.export.whole_hour import export_whole_hour
from exporter.pipeline.key_index import KeyIndex, repeated
from exporter.pipeline.key_set import split
from exporter.ports import State


def is_up_to_date(attempt: Attempt, found: Versioned[HourRecord]) -> bool:
    """Compare landing with what was exported; if nothing is new, record that this was checked.

    Landing that holds less than was exported has been tidied up: the hour lacks nothing for that.
    """
    record = found.value
    blobs = tuple(attempt.gateways.landing.blobs(attempt.task.key.stream, attempt.task.hour))
    if _has_new(record.content, blobs):
        return False
    now, origin = attempt.worker.clock(), record.content.origin
    checked = record.late_checked(now)
    last = now >= attempt.worker.late_ends(record.hour)
    if last:
        without_digests = replace(record.content, origin=replace(origin, digests=()))
        checked = replace(checked, content=without_digests)
    attempt.gateways.ledger.put(checked, found.etag)
    if last:
        for name in origin.digests:
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
    if naming.stream.data_type is DataType.MERGED_IDS:
        attempt = as_recorded(attempt, record, naming, None)
        if content.origin.landing and LandingFingerprint.of(blobs).holds(content.origin.landing):
            return export_whole_hour(attempt, lease, inventory, names, replacing=True)
        return append_merged_ids(attempt, lease, inventory, content, blobs)
    base = with_digests(attempt, lease, inventory, content)
    attempt = as_recorded(attempt, record, naming, base.event_filter)
    late = content.origin.landing.new(blobs) if content.origin.landing else blobs
    first = max((names.number(part.name) for part in content.parts), default=0) + 1
    slices = tuple(cut(late, attempt.destination.output.part_bytes_max, first))
    if len(slices) > 1:
        fan_out(attempt, lease, slices, blobs, spooled=False, base=base.content)
        return Outcome.SLICED
    for _ in range(STAGINGS_MAX):
        try:
            return _append_slice(attempt, lease, inventory, base.content, chosen=slices[0], blobs=blobs)
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
        origin = appended(base, blobs)
        if staged.excluded == base.rows.exported and origin.landing is not None:
            # Every row of the files is in these blobs, too: landing holds all that they were made of.
            origin = replace(origin, landing=LandingFingerprint.of(blobs))
        # After the last check, no keys are needed for another one.
        digests = (*origin.digests, *filter(None, [digest])) if attempt.late_blobs_count() else ()
        content = replace(
            base,
            rows=base.rows + staged.rows,
            parts=(*base.parts, *(file.part for file in staged.files)),
            origin=replace(origin, digests=digests),
            rejected=(*base.rejected, *rejected.commit()),
        )
        if attempt.gone():
            lease.release()
            return Outcome.NOT_WANTED
        facts = {"late_rows": staged.rows.exported}
        return commit(attempt, lease, CommitPlan(content, staged.files, facts=facts), inventory)


def _staged(
    attempt: Attempt, lease: HourLease, base: HourContent, chosen: Slice, uploads: ExitStack
) -> tuple[StagedSlice, RejectedWriter, str | None]:
    """Stage the late rows; if some of them are exported already, once more without those."""
    tag = attempt_tag(lease.record.work.attempts, lease.claim_id)
    staged, rejected = attempt.stage(chosen, (), uploads, tag)
    digest = attempt.keep_digest(chosen, staged, tag)
    excluded_keys = tuple(_repeated(attempt.gateways.state, base, digest)) if digest else ()
    if excluded_keys:
        staged, rejected = attempt.stage(chosen, excluded_keys, uploads, f"{tag}-again")
        digest = attempt.keep_digest(chosen, staged, f"{tag}-again")
    return staged, rejected, digest


def _repeated(state: State, base: HourContent, digest: str) -> Iterator[bytes]:
    """Yield the keys of a digest that the hour has already."""
    indexes = []
    for name in (*base.origin.digests, digest):
        pieces = state.read(name)
        if pieces is None:
            raise Transient(f"the digest {name} is gone")
        indexes.append(KeyIndex(pieces))
    return split(repeated(indexes)[-1])
