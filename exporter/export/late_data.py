"""Late data: what landed after its hour was exported becomes further parts, and nothing is repeated.

Landing is compared with the fingerprint of what was exported. What is new is staged, without the rows whose
keys the digests of the hour hold; parts that are there are not touched, and the marker is written over. What
was exported stays where it is, whatever names the destination has now. A digest that is gone is made anew
from the files. Merged ids are one file, which is written over: all of the hour from landing, or, where
landing does not hold it all any more, the rows that are in the file and then the new ones.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from exporter.domain.destination import Destination
from exporter.domain.errors import ForeignBlocks, Transient
from exporter.domain.file_names import HourNames, Naming
from exporter.domain.filter_parser import stored_filter
from exporter.domain.hour_record import AppendBase, HourContent, HourRecord
from exporter.domain.own_blobs import attempt_tag
from exporter.domain.slices import Slice, cut
from exporter.domain.streams import LandingBlob, LandingFingerprint
from exporter.domain.versioned import Versioned
from exporter.export.attempt import Attempt, Outcome
from exporter.export.commit import CommitPlan, commit
from exporter.export.foreign_blocks import void_foreign_blocks
from exporter.export.inventory import Inventory
from exporter.export.lease import HourLease
from exporter.export.readback import file_keys, file_rows
from exporter.export.sliced import added_to, fan_out
from exporter.export.stage import RejectedWriter, StagedSlice
from exporter.export.whole_hour import STAGINGS_MAX, write_hour
from exporter.pipeline.key_index import Header, KeyIndex, repeated
from exporter.pipeline.key_set import KeySet, split
from exporter.ports import BlobStore


def is_up_to_date(attempt: Attempt, found: Versioned[HourRecord]) -> bool:
    """Compare landing with what was exported, and write down that this was done if nothing is new.

    Landing that holds less than was exported has been tidied up: the hour lacks nothing for that.
    """
    blobs = tuple(attempt.gateways.landing.blobs(attempt.task.key.stream, attempt.task.hour))
    record = found.value
    exported = record.origin.landing
    if blobs and (exported is None or exported.new(blobs)):
        return False
    now = attempt.worker.clock()
    looked = record.late_checked(now)
    last = now >= attempt.worker.late_ends(record.hour)
    if last:
        looked = replace(looked, origin=replace(looked.origin, digests=()))
    attempt.gateways.ledger.put(looked, found.etag)
    if last:
        for name in record.origin.digests:
            attempt.gateways.state.delete(name)
    return True


def append_late(attempt: Attempt, lease: HourLease, inventory: Inventory, names: HourNames) -> Outcome:
    """Add what landed late to an hour that is done, or that an attempt has begun to add to."""
    record = lease.record
    content = _base(record)
    blobs = tuple(attempt.gateways.landing.blobs(record.key.stream, record.hour))
    exported = content.origin.landing
    if record.previous_status is not None and not (blobs and (exported is None or exported.new(blobs))):
        lease.write(lambda record: record.released().late_checked(attempt.worker.clock()))
        return Outcome.UNCHANGED
    naming = attempt.recorded_naming(record)
    if not content.parts or naming is None:
        # There is nothing to add to; or the files went to another container, and the hour goes to this one
        # if landing holds all of it.
        return write_hour(attempt, lease, inventory, names, replacing=True)
    if not all(map(inventory.has, content.parts)):
        # A part was deleted or changed by others: only a whole export can repair that.
        return write_hour(attempt, lease, inventory, names, replacing=True)
    names = names.wanting(naming)
    if not naming.stream.spec.numbered_parts:
        as_recorded = replace(attempt, destination=_as_recorded(attempt.destination, record, naming, None))
        return _append_merged(as_recorded, lease, inventory, names, content=content, blobs=blobs)
    base = _with_digests(attempt, lease, inventory, content)
    attempt = replace(
        attempt, destination=_as_recorded(attempt.destination, record, naming, base.event_filter)
    )
    late = content.origin.landing.new(blobs) if content.origin.landing else blobs
    first = max((names.number(part.name) for part in content.parts), default=0) + 1
    slices = tuple(cut(late, attempt.destination.output.part_bytes_max, first))
    if len(slices) > 1:
        fan_out(attempt, lease, slices, blobs, spooled=False, base=base.content)
        return Outcome.SPREAD
    for _ in range(STAGINGS_MAX):
        try:
            return _append(attempt, lease, inventory, base, chosen=slices[0], blobs=blobs)
        except ForeignBlocks as blocks:
            if not void_foreign_blocks(attempt.container, blocks):
                raise
    raise Transient("blocks of another program appear in the container again and again")


def _base(record: HourRecord) -> HourContent:
    """Return what stays as it is: all of a done hour, or what an unfinished attempt was about to add to."""
    kept = record.origin.kept if record.committing else None
    parts, digests, rejected = record.parts, record.origin.digests, record.rejected
    if kept is None:
        return HourContent(record.rows, parts, record.filter_sha256, record.output, record.origin, rejected)
    origin = replace(record.origin, digests=digests[: kept.digests], landing=kept.landing)
    return HourContent(
        kept.rows, parts[: kept.parts], record.filter_sha256, record.output, origin, rejected[: kept.rejected]
    )


@dataclass(frozen=True, slots=True)
class Base:
    """What rows are added to: the hour's content, with a digest for all of its rows, and its filter."""

    content: HourContent
    event_filter: str | None


def _with_digests(attempt: Attempt, lease: HourLease, inventory: Inventory, content: HourContent) -> Base:
    """Return the content with digests that are there; if one is gone, all are made anew from the files."""
    headers = _headers(attempt.gateways.state, content.origin.digests)
    if headers:
        return Base(content, headers[0].event_filter)
    asked = attempt.destination.filter_of(lease.record.key.stream)
    tag = attempt_tag(lease.record.attempts, lease.claim_id)
    names = []
    for number, part in enumerate(content.parts, start=1):
        keys = KeySet(file_keys(attempt.container, inventory.parts[part.name], inventory.data_type))
        names.append(attempt.keep_found_digest(number, keys, tag))
    found = replace(content, origin=replace(content.origin, digests=tuple(names)))
    return Base(found, asked.text if asked else None)


def _headers(state: BlobStore, digests: tuple[str, ...]) -> tuple[Header, ...] | None:
    headers = []
    for name in digests:
        pieces = state.read(name)
        if pieces is None:
            return None
        headers.append(KeyIndex(pieces).header)
    return tuple(headers)


def _as_recorded(
    destination: Destination, record: HourRecord, naming: Naming, event_filter: str | None
) -> Destination:
    """Return the destination with the names and settings that the hour was exported with."""
    output = record.output or destination.output
    return replace(
        destination,
        storage=replace(destination.storage, prefix=naming.prefix),
        output=replace(output, name_style=naming.style, path_layout=naming.layout),
        event_filter=stored_filter(event_filter) if event_filter else None,
    )


def _append(  # noqa: PLR0913  what is added, to what, and by whom
    attempt: Attempt,
    lease: HourLease,
    inventory: Inventory,
    base: Base,
    *,
    chosen: Slice,
    blobs: tuple[LandingBlob, ...],
) -> Outcome:
    """Stage the late rows and commit them."""
    content = base.content
    with ExitStack() as uploads:
        staged, rejected, name = _staged(attempt, lease, content, chosen, uploads)
        origin = added_to(content, blobs)
        if staged.dropped == content.rows.exported and origin.landing is not None:
            # Every row of the files is in these blobs, too: whatever they were made of, landing holds it.
            # That is not so for rejected rows, if a blob is gone: those that are kept already stay.
            now, before = LandingFingerprint.of(blobs), content.origin.landing
            whole = before is not None and now.holds(before)
            rejected_then = origin.rejected_before if whole else len(content.rejected)
            origin = replace(origin, landing=now, rejected_before=rejected_then)
        # The last look needs no keys for another one.
        looks_again = attempt.late_blobs_count()
        digests = (*origin.digests, *filter(None, [name])) if looks_again else ()
        added = HourContent(
            rows=content.rows + staged.rows,
            parts=(*content.parts, *(sent.part for sent in staged.sent)),
            filter_sha256=content.filter_sha256,
            output=content.output,
            origin=replace(origin, digests=digests),
            rejected=(*content.rejected, *rejected.commit()),
        )
        if attempt.gone():
            lease.release()
            return Outcome.NOT_WANTED
        with attempt.worker.timed("commit"):
            commit(attempt, lease, CommitPlan(added, staged.sent), inventory)
    attempt.log_outcome(lease, Outcome.EXPORTED, late_rows=staged.rows.exported)
    attempt.tidy(lease)
    return Outcome.EXPORTED


def _staged(
    attempt: Attempt, lease: HourLease, base: HourContent, chosen: Slice, uploads: ExitStack
) -> tuple[StagedSlice, RejectedWriter, str | None]:
    """Stage the late rows; if some of them are exported already, once more without those."""
    tag = attempt_tag(lease.record.attempts, lease.claim_id)
    staged, rejected = attempt.stage(chosen, (), uploads, tag)
    name = attempt.keep_digest(chosen, staged, tag)
    drops = tuple(_repeated(attempt.gateways.state, base, name)) if name else ()
    if drops:
        staged, rejected = attempt.stage(chosen, drops, uploads, f"{tag}-again")
        name = attempt.keep_digest(chosen, staged, f"{tag}-again")
    return staged, rejected, name


def _repeated(state: BlobStore, base: HourContent, name: str) -> Iterator[bytes]:
    """Yield the keys of a digest that the hour has already."""
    readers = []
    for each in (*base.origin.digests, name):
        pieces = state.read(each)
        if pieces is None:
            raise Transient(f"the digest {each} is gone")
        readers.append(KeyIndex(pieces))
    return split(repeated(readers)[-1])


def _append_merged(  # noqa: PLR0913  what is added, to what, and by whom
    attempt: Attempt,
    lease: HourLease,
    inventory: Inventory,
    names: HourNames,
    *,
    content: HourContent,
    blobs: tuple[LandingBlob, ...],
) -> Outcome:
    """Write the file of an hour of merged ids over, with what landed late."""
    before = content.origin.landing
    if before is not None and LandingFingerprint.of(blobs).holds(before):
        return write_hour(attempt, lease, inventory, names, replacing=True)
    file = inventory.parts[content.parts[0].name]
    new = before.new(blobs) if before is not None and not before.partial else blobs
    chosen, known = Slice(1, None, new), None
    if before is None or before.partial or any(blob.md5 is None for blob in new):
        # Which blobs the file was made of is not known, or whether these are some of them that were put
        # again: the rows of the file are compared with those in landing.
        known = Counter(file_keys(attempt.container, file, inventory.data_type))
    try:
        return _write_over(attempt, lease, inventory, content, chosen=chosen, blobs=blobs, known=known)
    except ForeignBlocks:
        # They are under the name of the file, whose rows are needed: it is staged beside it, in the spool.
        return _write_over(
            attempt, lease, inventory, content, chosen=chosen, blobs=blobs, known=known, spooled=True
        )


def _write_over(  # noqa: PLR0913  what is added, to what, and by whom
    attempt: Attempt,
    lease: HourLease,
    inventory: Inventory,
    content: HourContent,
    *,
    chosen: Slice,
    blobs: tuple[LandingBlob, ...],
    known: Counter[bytes] | None,
    spooled: bool = False,
) -> Outcome:
    """Write the file of merged ids over: its rows, and then those of the chosen blobs."""
    before = content.origin.landing
    file = inventory.parts[content.parts[0].name]
    with ExitStack() as uploads:
        tag = attempt_tag(lease.record.attempts, lease.claim_id)
        there = file_rows(attempt.container, file)
        known = None if known is None else known.copy()
        staged, rejected = attempt.stage(chosen, (), uploads, tag, spooled=spooled, before=there, known=known)
        part = staged.sent[0].part
        late = part.rows - content.parts[0].rows
        origin = replace(added_to(content, blobs), kept=AppendBase(0, 0, content.rows, 0, before))
        added = replace(
            content,
            rows=content.rows + replace(staged.rows, exported=late, filtered=0),
            parts=(part,),
            origin=origin,
            rejected=(*content.rejected, *rejected.commit()),
        )
        if attempt.gone():
            lease.release()
            return Outcome.NOT_WANTED
        with attempt.worker.timed("commit"):
            commit(attempt, lease, CommitPlan(added, staged.sent), inventory)
    attempt.log_outcome(lease, Outcome.EXPORTED, late_rows=late)
    attempt.tidy(lease)
    return Outcome.EXPORTED
