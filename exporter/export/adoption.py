"""Adoption: an hour that the container holds already is recorded as it is there, and not written again."""

from dataclasses import replace

from exporter.domain.file_names import HourNames
from exporter.domain.hour_content import HourContent, Provenance, RowCounts
from exporter.domain.marker import Marker, Part
from exporter.domain.own_blobs import attempt_tag
from exporter.export.attempt import Attempt, Outcome
from exporter.export.commit import commit
from exporter.export.commit_plan import CommitPlan
from exporter.export.completeness import rejected_ever
from exporter.export.inventory import Inventory
from exporter.export.lease import HourLease
from exporter.export.moved import is_whole_elsewhere
from exporter.export.readback import file_keys
from exporter.pipeline.key_set import KeySet


def adopt(attempt: Attempt, lease: HourLease, inventory: Inventory, content: HourContent) -> Outcome:
    """Close the record of an hour whose files are there already."""
    record = lease.record
    if record.journal.committing and attempt.holds(record) and record.content.parts == content.parts:
        content = record.content
    content = replace(content, origin=replace(content.origin, kept=None))
    return commit(attempt, lease, CommitPlan(content, (), adopted=True), inventory)


def adoptable(attempt: Attempt, lease: HourLease, inventory: Inventory) -> HourContent | None:
    """Return the content of an hour that is whole in the container, and as it is wanted; None if it is not.

    Either its record says so, because it was done before; or its marker is true, and names the filter that
    the destination has. If the hour went to another container since, a marker here may be older than the
    record: it counts only if it names the same files.
    """
    record = lease.record
    known = bool(record.content.origin.target) and attempt.holds(record)
    settled = not (record.journal.committing or record.journal.in_doubt)
    if known and settled and inventory.holds_just(record.content.parts):
        return record.content
    marked, wanted = inventory.true_marker(), attempt.destination.filter_of(attempt.task.key.stream)
    if marked is None or marked[1].filter_sha256 != (wanted.sha256 if wanted else None):
        return None
    if is_whole_elsewhere(attempt, record) and marked[1].parts != record.content.parts:
        return None
    return _content_of_marker(attempt, *marked)


def as_found(attempt: Attempt, lease: HourLease, inventory: Inventory, names: HourNames) -> HourContent:
    """Return the content of an hour that has to stay as it is found: as its marker says, or counted."""
    if marked := inventory.true_marker():
        return _content_of_marker(attempt, *marked)
    return _counted(attempt, lease, inventory, names)


def _content_of_marker(attempt: Attempt, name: str, marker: Marker) -> HourContent:
    """Return the content of an hour of which only its marker is known: how many rows landed is not."""
    return HourContent(
        rows=RowCounts(exported=marker.rows),
        parts=marker.parts,
        filter_sha256=marker.filter_sha256,
        origin=Provenance(target=attempt.destination.target, marker=name),
        rejected=rejected_ever(attempt),
    )


def _counted(attempt: Attempt, lease: HourLease, inventory: Inventory, names: HourNames) -> HourContent:
    """Return the content of an hour whose files nothing describes: their rows are counted.

    Files of which every row is in files before them are left out, and so fenced: readers would see their
    rows twice.
    """
    stream = attempt.task.key.stream
    tag = attempt_tag(lease.record.work.attempts, lease.claim_id)
    parts: list[Part] = []
    digests: list[str] = []
    before = KeySet()
    # Asked once: digests of some of the parts would be taken for digests of all.
    keeps_digests = stream.spec.row_keys and attempt.late_blobs_count()
    for name in sorted(inventory.parts, key=lambda name: (names.number(name), name)):
        blob = inventory.parts[name]
        own = KeySet()
        rows = new = 0
        for key in file_keys(attempt.container, blob, stream.data_type):
            rows += 1
            own.add(key)
            new += before.add(key)
        if rows == 0 or (new == 0 and stream.spec.row_keys):
            continue
        parts.append(Part(name, rows, blob.size, blob.md5 or ""))
        if keeps_digests:
            digests.append(attempt.keep_found_digest(len(parts), own, tag))
    wants_marker = attempt.destination.output.completion_marker
    return HourContent(
        rows=RowCounts(exported=sum(part.rows for part in parts)),
        parts=tuple(parts),
        origin=Provenance(
            target=attempt.destination.target,
            marker=names.marker if wants_marker else None,
            digests=tuple(digests),
        ),
        rejected=rejected_ever(attempt),
    )
