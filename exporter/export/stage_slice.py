"""Staging one slice of an hour: its part is staged, and the keys of its rows are kept for the join.

Rows that the hour or an earlier slice has are left out, as far as their keys are known by then. What is not
known yet is found when the slices are joined.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain

from exporter.domain.errors import Conflict, DestinationFault, ForeignBlocks, Transient
from exporter.domain.hour_record import SlicedExport
from exporter.domain.own_blobs import attempt_tag
from exporter.domain.slices import Slice, SliceRecord, SliceResult
from exporter.domain.versioned import Versioned
from exporter.export.attempt import Attempt
from exporter.export.foreign_blocks import void_foreign_blocks
from exporter.export.lease import acquire_slice
from exporter.export.slice_plan import SlicePlan
from exporter.pipeline.key_index import KeyIndex
from exporter.pipeline.key_set import split

# Keys of earlier slices held in memory, 25 bytes each. Duplicates beyond this are found by the join.
KEYS_BEFORE_MAX = 3_000_000


def stage_slice(  # noqa: PLR0913  what a slice is staged by, each by its name
    attempt: Attempt,
    found: Versioned[SliceRecord] | None,
    sliced: SlicedExport,
    chosen: Slice,
    plan: SlicePlan,
    *,
    attempt_number: int,
) -> None:
    """Claim a slice and stage it; ``Conflict`` if another worker has it."""
    gateways, worker, task = attempt.gateways, attempt.worker, attempt.task
    record = found.value if found else SliceRecord(task.key, task.hour, sliced.id, chosen.first)
    now = worker.clock()
    if record.claim is not None and record.claimed(now):
        if worker.redelivered:
            gateways.queue_of(task).send([task], delay=record.claim.ends_in(now))
        raise Conflict(f"slice {chosen.first} of {task.key} {task.hour} is being staged by another worker")
    etag = found.etag if found else None
    lease = acquire_slice(gateways.slices, record, etag, worker.claim_id, worker.clock)
    with worker.heartbeat(lease.renew):
        try:
            tag = attempt_tag(attempt_number, worker.claim_id)
            lease.finish(_staged(plan.applied_to(attempt), lease.record, chosen, plan, tag))
        except (DestinationFault, Conflict, Transient):
            lease.release()
            raise


def _staged(attempt: Attempt, record: SliceRecord, chosen: Slice, plan: SlicePlan, tag: str) -> SliceResult:
    known = chain(_excluded_keys(attempt, record), _keys_before(attempt, record, plan))
    with ExitStack() as uploads:
        try:
            staged, rejected = attempt.stage(chosen, known, uploads, tag, spooled=plan.spooled)
        except ForeignBlocks as blocks:
            if void_foreign_blocks(attempt.container, blocks):
                raise Transient(f"blocks of another program under {blocks.name} were discarded") from blocks
            raise
        rejected_blobs = rejected.commit()
        digest = attempt.keep_digest(chosen, staged, tag)
    return SliceResult(staged.rows, staged.files, digest, staged.excluded, rejected_blobs)


def _excluded_keys(attempt: Attempt, record: SliceRecord) -> tuple[bytes, ...]:
    """Return the keys that the join has found to repeat rows of earlier slices."""
    if record.excluded_keys is None:
        return ()
    pieces = attempt.gateways.state.read(record.excluded_keys)
    if pieces is None:
        raise Conflict(f"the sliced export {record.sliced_id} has ended")
    return tuple(split(b"".join(pieces)))


def _keys_before(attempt: Attempt, record: SliceRecord, plan: SlicePlan) -> Iterator[bytes]:
    """Yield the keys of what the hour has already, and of earlier slices that are staged by now.

    To leave out their rows now spares staging the slice again. What the slice becomes in the end is the same,
    however much is known now.
    """
    room = KEYS_BEFORE_MAX
    slices = attempt.gateways.slices.all(record.key, record.hour, record.sliced_id)
    before = (each.value.result for each in slices if each.value.number < record.number)
    names = [*plan.base_digests, *(result.digest for result in before if result)]
    for name in names:
        pieces = attempt.gateways.state.read(name) if name else None
        if pieces is not None:
            digest = KeyIndex(pieces)
            room -= sum(digest.header.counts)
            if room < 0:
                return
            for keys in digest.partitions():
                yield from split(keys)
