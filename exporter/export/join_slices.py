"""Joining: once all slices are staged, one worker claims the hour and commits what they have staged.

Rows that several slices have are exported by the first of them: the others are staged again without those.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace

from exporter.domain.errors import Conflict, DestinationFault, LandingChanged, Transient
from exporter.domain.hour_record import HourRecord, SlicedExport
from exporter.domain.hour_task import HourTask, SliceRef
from exporter.domain.own_blobs import attempt_tag, folder
from exporter.domain.slices import SliceRecord
from exporter.domain.versioned import Versioned
from exporter.export.attempt import Attempt, Outcome
from exporter.export.commit import SpoolNeeded, commit
from exporter.export.commit_plan import CommitPlan
from exporter.export.completeness import rejected_before
from exporter.export.contents import appended_content, whole_content
from exporter.export.digests import KeyWriter, side_by_side
from exporter.export.lease import HourLease, acquire_joined
from exporter.export.recovery import recover
from exporter.export.slice_plan import SlicePlan
from exporter.pipeline.key_index import KeysHash, repeated
from exporter.ports import Gateways


def all_staged(records: list[Versioned[SliceRecord]], sliced: SlicedExport) -> bool:
    """Whether every slice is staged."""
    return sum(each.value.result is not None for each in records) == sliced.slices


def join_slices(
    attempt: Attempt, found: Versioned[HourRecord], sliced: SlicedExport, plan: SlicePlan
) -> Outcome:
    """Commit what all slices have staged, or send those again that repeat rows of earlier slices."""
    lease = acquire_joined(attempt.gateways.ledger, found, attempt.worker.claim_id, attempt.worker.clock)
    with attempt.worker.heartbeat(lease.renew):
        try:
            return _join(attempt, lease, sliced, plan)
        except LandingChanged as error:
            lease.release_after(str(error))
            raise
        except Transient:
            lease.return_to_slices()
            raise
        except SpoolNeeded:
            # Files have appeared under its names since it was cut: it is cut again, and spooled.
            lease.release_after("files have appeared in the container meanwhile")
            raise Transient(f"{attempt.task.key} {attempt.task.hour} is cut again") from None
        except Conflict:
            # Another worker has written to the hour: staged blocks may be lost, so it is cut again.
            lease.release()
            raise
        except DestinationFault as error:
            lease.fail(error.fault)
            raise


def _join(attempt: Attempt, lease: HourLease, sliced: SlicedExport, plan: SlicePlan) -> Outcome:
    records = attempt.gateways.slices.all(attempt.task.key, attempt.task.hour, sliced.id)
    if not all_staged(records, sliced):
        lease.return_to_slices()
        return Outcome.STAGED
    repeating = _reconcile(attempt, records, plan)
    if repeating:
        lease.release_to_slices(sliced)
        send_slices(attempt.gateways, attempt.task, sliced, repeating)
        return Outcome.SLICED
    if attempt.gone():
        lease.release()
        return Outcome.NOT_WANTED
    attempt = plan.applied_to(attempt)
    inventory, _ = recover(attempt, lease, attempt.names(lease.record))
    results = [each.value.result for each in records if each.value.result is not None]
    keeps = attempt.late_blobs_count()
    if plan.base is None:
        kept_rejected = rejected_before(attempt, lease.record, inventory, plan.blobs)
        content = whole_content(attempt, plan.blobs, results, kept_rejected, keeps_digests=keeps)
    else:
        content = appended_content(plan.base, plan.blobs, results, keeps_digests=keeps)
    files = tuple(file for result in results for file in result.files)
    return commit(attempt, lease, CommitPlan(content, files, facts={"slices": len(records)}), inventory)


def _reconcile(attempt: Attempt, records: list[Versioned[SliceRecord]], plan: SlicePlan) -> tuple[int, ...]:
    """Have each slice leave out the rows that the hour or an earlier slice has; return the slices concerned.

    A digest also holds the keys that its slice has left out already, so what it shares with those before it
    is what the slice must leave out. A slice that has left out others, or fewer, or more, which only seemed
    to be there, is staged again without exactly these.
    """
    wanted = [KeysHash() for _ in records]
    for parts in _repeated(attempt, records, plan):
        for each, keys in zip(wanted, parts, strict=True):
            each.add(keys)
    wrong = [
        place
        for place, (each, must) in enumerate(zip(records, wanted, strict=True))
        if each.value.result is not None and not each.value.result.excludes(must.count, must.sha256)
    ]
    if not wrong:
        return ()
    names = _keep_excluded(attempt, records, plan, wrong)
    for place, name in zip(wrong, names, strict=True):
        attempt.gateways.slices.put(records[place].value.to_stage_without(name), records[place].etag)
    return tuple(records[place].value.number for place in wrong)


def _repeated(
    attempt: Attempt, records: list[Versioned[SliceRecord]], plan: SlicePlan
) -> Iterator[list[bytes]]:
    """Yield, for each partition, the keys of each slice that the hour or an earlier slice has."""
    base = plan.base_digests
    names = (*base, *(each.value.result.digest if each.value.result else None for each in records))
    digests = side_by_side(attempt.gateways.state, names)
    if digests is None:
        raise Conflict(f"a digest of {attempt.task.key} {attempt.task.hour} is gone")
    for parts in repeated(digests):
        yield parts[len(base) :]


def _keep_excluded(
    attempt: Attempt, records: list[Versioned[SliceRecord]], plan: SlicePlan, wrong: list[int]
) -> list[str]:
    """Store the keys that these slices must leave out; return the names of the blobs.

    The digests are read once more for that: an hour in which every row landed twice has as many such keys as
    rows.
    """
    found = attempt.gateways.ledger.get(attempt.task.key, attempt.task.hour)
    tag = attempt_tag(found.value.work.attempts if found else 0, attempt.worker.claim_id)
    stem = f"{folder(attempt.task.key, attempt.task.hour)}{tag}"
    names = [f"{stem}-{records[place].value.number}.excluded" for place in wrong]
    with ExitStack() as uploads:
        writers = [KeyWriter(attempt.gateways.state, name, uploads) for name in names]
        for parts in _repeated(attempt, records, plan):
            for place, writer in zip(wrong, writers, strict=True):
                writer.add(parts[place])
        for writer in writers:
            writer.commit()
    return names


def send_slices(gateways: Gateways, task: HourTask, sliced: SlicedExport, numbers: Iterable[int]) -> None:
    """Send a message for each of these slices."""
    gateways.queue_of(task).send(
        replace(task, late=False, slice_ref=SliceRef(sliced.id, number)) for number in numbers
    )
