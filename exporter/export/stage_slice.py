"""Staging one slice of an hour: its part is staged, and the keys of its rows are kept for the join.

Rows that the hour or an earlier slice has are left out, as far as their keys are known by then. What is not
known yet is found when the slices are joined.
"""

from contextlib import ExitStack

from exporter.domain.errors import Conflict, DestinationFault, ForeignBlocks, Transient
from exporter.domain.hour_record import SlicedExport
from exporter.domain.own_blobs import attempt_tag
from exporter.domain.slices import Slice, SliceRecord, SliceResult
from exporter.domain.versioned import Versioned
from exporter.export.attempt import Attempt
from exporter.export.foreign_blocks import void_foreign_blocks
from exporter.export.lease import acquire_slice
from exporter.export.slice_plan import SlicePlan
from exporter.export.work_slots import WorkSlot
from exporter.pipeline.key_index import KeyIndex
from exporter.pipeline.key_set import KEY_BYTES, ApproximateKeySet, KeySet

# Keys of earlier slices that a slice reads, 16 bytes each, and holds in memory, 7 to 10 bytes each, however
# many slices there are. Duplicates beyond this are found by the join.
KEYS_BEFORE_MAX = 1_500_000


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
            planned = plan.applied_to(attempt)
            # Until it is recorded: the next slice in this process reads the keys of this one.
            with planned.slot(chosen) as slot:
                lease.finish(_staged(planned, lease.record, chosen, plan, tag, slot=slot))
        except (DestinationFault, Conflict, Transient):
            lease.release()
            raise


def _staged(  # noqa: PLR0913  what a slice is staged by
    attempt: Attempt, record: SliceRecord, chosen: Slice, plan: SlicePlan, tag: str, *, slot: WorkSlot
) -> SliceResult:
    def drops() -> KeySet | ApproximateKeySet | None:
        if record.excluded_keys is None:
            return _keys_before(attempt, record, plan)
        return _excluded_keys(attempt, record, record.excluded_keys)

    with ExitStack() as uploads:
        try:
            staged, rejected = attempt.stage(chosen, drops, uploads, tag, spooled=plan.spooled, slot=slot)
        except ForeignBlocks as blocks:
            if void_foreign_blocks(attempt.container, blocks):
                raise Transient(f"blocks of another program under {blocks.name} were discarded") from blocks
            raise
        rejected_blobs = rejected.commit()
        digest = attempt.keep_digest(chosen, staged, tag)
    return staged.result(digest, rejected_blobs)


def _excluded_keys(attempt: Attempt, record: SliceRecord, name: str) -> KeySet:
    """Return the keys that the join has found to repeat rows of earlier slices, and no others."""
    pieces = attempt.gateways.state.read(name)
    if pieces is None:
        raise Conflict(f"the sliced export {record.sliced_id} has ended")
    found, rest = KeySet(), b""
    for piece in pieces:
        rest += piece
        whole = len(rest) - len(rest) % KEY_BYTES
        found.add_joined(rest[:whole])
        rest = rest[whole:]
    return found


def _keys_before(attempt: Attempt, record: SliceRecord, plan: SlicePlan) -> ApproximateKeySet | None:
    """Return the keys of what the hour has, and of earlier slices that are staged by now; None if none.

    To leave out their rows now spares staging the slice again. What the slice becomes in the end is the same,
    however much is known now, and whatever seems to be known: the join compares the keys of all slices, and
    has a slice staged again that has left out others than it must.
    """
    known, room = None, KEYS_BEFORE_MAX
    slices = attempt.gateways.slices.all(record.key, record.hour, record.sliced_id)
    before = [each.value.result for each in slices if each.value.number < record.number]
    # Repeated rows land soon after the first ones, as a rule, so the last slices come first.
    for name in (*plan.base_digests, *(result.digest for result in reversed(before) if result)):
        pieces = attempt.gateways.state.read(name) if name else None
        if pieces is not None:
            digest = KeyIndex(pieces)
            room -= sum(digest.header.counts)
            if room < 0:
                break
            known = known or ApproximateKeySet()
            for keys in digest.partitions():
                known.add_joined(keys)
    return known
