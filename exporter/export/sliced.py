"""Large hours: several workers stage the slices of one hour, and the last one commits it.

fan out    the plan is kept, the hour's record left to the run, and a message sent for each slice
stage      a worker claims a slice, stages its part without the rows of slices before it that are staged by
           then, and keeps the keys of its rows
join       once all slices are staged, one worker claims the hour. Rows that several slices have are exported
           by the first of them: the others are staged again without those. Then the hour is committed

Late data of several slices is staged in the same way, beside the parts that are there. Messages may be lost:
a worker that meets a run without progress sends them again. A plan that does not fit landing any more ends:
the hour is given back, and cut anew.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from itertools import chain

from exporter.domain.allowed_hosts import same_container
from exporter.domain.destination import Destination
from exporter.domain.errors import (
    Conflict,
    DestinationFault,
    Fault,
    ForeignBlocks,
    LandingChanged,
    Transient,
)
from exporter.domain.hour_record import (
    LEASE,
    AppendBase,
    Claim,
    HourContent,
    HourRecord,
    HourTask,
    Provenance,
    RowCounts,
    SlicedExport,
    SliceRef,
    put_off,
)
from exporter.domain.own_blobs import attempt_tag, folder
from exporter.domain.slices import Slice, SliceRecord, SliceResult
from exporter.domain.streams import LandingBlob, LandingFingerprint
from exporter.domain.versioned import Versioned
from exporter.export.attempt import Attempt, Outcome
from exporter.export.commit import CommitPlan, SpoolNeeded, commit
from exporter.export.completeness import rejected_before
from exporter.export.foreign_blocks import void_foreign_blocks
from exporter.export.lease import HourLease, acquire_joined
from exporter.export.recovery import recover
from exporter.export.slice_plan import Plan, decode, encode
from exporter.pipeline.key_index import KeyIndex, repeated
from exporter.pipeline.key_set import KEY_BYTES, split
from exporter.ports import Gateways, Ledger, Slices

# Of slices before one's own, 25 bytes each in memory. What is beyond them is found when all are compared.
KEYS_BEFORE_MAX = 3_000_000


def fan_out(  # noqa: PLR0913  what a run is made of, each by its name
    attempt: Attempt,
    lease: HourLease,
    slices: tuple[Slice, ...],
    blobs: tuple[LandingBlob, ...],
    *,
    spooled: bool,
    base: HourContent | None = None,
) -> None:
    """Leave the hour to the workers of its slices."""
    task, destination = attempt.task, attempt.destination
    plan = Plan(
        slices=slices,
        output=destination.output,
        event_filter=destination.filter_of(task.key.stream),
        container=destination.container_id,
        prefix=destination.storage.prefix,
        blobs=blobs,
        spooled=spooled,
        base=base,
    )
    name = f"{folder(task.key, task.hour)}{attempt_tag(lease.record.attempts, lease.claim_id)}.plan"
    attempt.gateways.state.put(name, [encode(plan)])
    run = SlicedExport(lease.claim_id, name, len(slices))
    lease.release_to_slices(run)
    _send(attempt.gateways, task, run, (each.first for each in slices))


def resume(attempt: Attempt, found: Versioned[HourRecord], run: SlicedExport) -> Outcome:
    """See to a run that was left alone for a while: join it, or send messages of slices again.

    Of slices whose worker has died; and if nobody is staging any, of those that nobody has begun with, whose
    messages may be lost. While some are being staged, the others are taken to be waiting for their turn.
    """
    plan = _plan(attempt.gateways, run)
    if plan is None or not same_container(plan.container, attempt.container_id) or not _fits(attempt, plan):
        why = "what it was planned by has changed: it is cut anew"
        attempt.gateways.ledger.put(found.value.broken_off(why), found.etag)
        raise Transient(f"{attempt.task.key} {attempt.task.hour}: {why}")
    records = attempt.gateways.slices.all(attempt.task.key, attempt.task.hour, run.id)
    if _all_staged(records, run):
        return _join(attempt, found, run, plan)
    now = attempt.worker.clock()
    attempt.gateways.ledger.put(found.value.released_to_slices(run, now), found.etag)
    _send(attempt.gateways, attempt.task, run, _left_alone(plan, [each.value for each in records], now))
    return Outcome.SPREAD


def _left_alone(plan: Plan, records: list[SliceRecord], now: datetime) -> list[int]:
    """Return the slices that nobody is staging, nor will, as far as can be told."""
    begun = {each.number: each for each in records}
    working = any(each.result is None and each.claimed(now) for each in records)

    def alone(number: int) -> bool:
        record = begun.get(number)
        return not working if record is None else record.result is None and not record.claimed(now)

    return [each.first for each in plan.slices if alone(each.first)]


def _fits(attempt: Attempt, plan: Plan) -> bool:
    """Whether every landing blob that the plan reads is there as it was listed."""
    there = set(attempt.gateways.landing.blobs(attempt.task.key.stream, attempt.task.hour))
    return all(blob in there for each in plan.slices for blob in each.blobs)


def stage_slice(attempt: Attempt, found: Versioned[HourRecord], slice_ref: SliceRef) -> Outcome:
    """Stage one slice; if it was the last one, commit the hour."""
    gateways, task, run = attempt.gateways, attempt.task, found.value.run
    if run is None or run.id != slice_ref.run or (plan := _plan(gateways, run)) is None:
        return Outcome.NOT_WANTED
    if all(each.first != slice_ref.number for each in plan.slices):
        return Outcome.NOT_WANTED
    mine = gateways.slices.get(task.key, task.hour, run.id, slice_ref.number)
    if mine is None or mine.value.result is None:
        try:
            _stage(
                attempt, mine, run, plan.slice(slice_ref.number), plan, attempt_number=found.value.attempts
            )
        except LandingChanged as error:
            # What is planned cannot be staged any more, by anybody.
            _give_up(attempt, run, str(error))
            raise
    records = gateways.slices.all(task.key, task.hour, run.id)
    if not _all_staged(records, run):
        return Outcome.STAGED
    found_now = gateways.ledger.get(task.key, task.hour)
    if found_now is None or found_now.value.run != run or _gathering(found_now.value, run, attempt):
        return Outcome.STAGED
    return _join(attempt, found_now, run, plan)


def _give_up(attempt: Attempt, run: SlicedExport, why: str) -> None:
    """End a run whose plan does not fit landing any more: the hour is cut anew."""
    found = attempt.gateways.ledger.get(attempt.task.key, attempt.task.hour)
    if found is not None and found.value.run is not None and found.value.run.id == run.id:
        with suppress(Conflict, Transient):
            attempt.gateways.ledger.put(found.value.broken_off(why), found.etag)


def _gathering(record: HourRecord, run: SlicedExport, attempt: Attempt) -> bool:
    claim = record.claim
    return claim is not None and claim.id != run.id and record.claimed(attempt.worker.clock())


def _stage(  # noqa: PLR0913  what a slice is staged by, each by its name
    attempt: Attempt,
    mine: Versioned[SliceRecord] | None,
    run: SlicedExport,
    chosen: Slice,
    plan: Plan,
    *,
    attempt_number: int,
) -> None:
    gateways, worker, task = attempt.gateways, attempt.worker, attempt.task
    now = worker.clock()
    if mine is not None and mine.value.claim is not None and mine.value.claimed(now):
        if worker.redelivered:
            gateways.queue_of(task).send([task], delay=put_off(mine.value.claim, now))
        raise Conflict(f"slice {chosen.first} of {task.key} {task.hour} is being staged by another worker")
    lease = _HeldSlice(gateways.slices, mine, SliceRecord(task.key, task.hour, run.id, chosen.first), attempt)
    with worker.beat(lease.renew):
        try:
            lease.close(_staged(attempt, lease.record, chosen, plan, attempt_number))
        except (DestinationFault, Conflict, Transient):
            lease.give_back()
            raise


def _staged(attempt: Attempt, record: SliceRecord, chosen: Slice, plan: Plan, number: int) -> SliceResult:
    same = replace(attempt, destination=_as_planned(attempt, plan))
    tag = attempt_tag(number, attempt.worker.claim_id)
    drops: tuple[bytes, ...] = ()
    if record.drops is not None:
        pieces = attempt.gateways.state.read(record.drops)
        if pieces is None:
            raise Conflict(f"the run {record.run} is over")
        drops = tuple(split(b"".join(pieces)))
    known = chain(drops, _keys_before(attempt, record, plan))
    with ExitStack() as uploads:
        try:
            staged, rejected = same.stage(chosen, known, uploads, tag, spooled=plan.spooled)
        except ForeignBlocks as blocks:
            if void_foreign_blocks(attempt.container, blocks):
                raise Transient(f"blocks of another program under {blocks.name} were discarded") from blocks
            raise
        kept = rejected.commit()
        digest = same.keep_digest(chosen, staged, tag)
    return SliceResult(staged.rows, staged.sent, digest, staged.dropped, kept)


def _as_planned(attempt: Attempt, plan: Plan) -> Destination:
    """Return the destination with the names and settings that the run was begun with."""
    storage = replace(attempt.destination.storage, prefix=plan.prefix)
    return replace(attempt.destination, storage=storage, output=plan.output, event_filter=plan.event_filter)


def _keys_before(attempt: Attempt, record: SliceRecord, plan: Plan) -> Iterator[bytes]:
    """Yield the keys of what the hour has already, and of slices before this one, as far as these are staged.

    Their rows would have to be left out anyway, and the slice be staged again for that. What it becomes in
    the end is the same, however much is known by now.
    """
    room = KEYS_BEFORE_MAX
    slices = attempt.gateways.slices.all(record.key, record.hour, record.run)
    before = (each.value.result for each in slices if each.value.number < record.number)
    names = [*_base_digests(plan), *(result.digest for result in before if result)]
    for name in names:
        pieces = attempt.gateways.state.read(name) if name else None
        if pieces is not None:
            digest = KeyIndex(pieces)
            room -= sum(digest.header.counts)
            if room < 0:
                return
            for keys in digest.partitions():
                yield from split(keys)


class _HeldSlice:
    """A slice that is ours, as ``HourLease`` is for an hour."""

    def __init__(
        self, slices: Slices, mine: Versioned[SliceRecord] | None, new: SliceRecord, attempt: Attempt
    ) -> None:
        self._slices = slices
        self._worker = attempt.worker
        self.record = replace(mine.value if mine else new, claim=self._claim())
        self._etag = slices.put(self.record, mine.etag if mine else None)

    def _claim(self) -> Claim:
        return Claim(self._worker.claim_id, self._worker.clock() + LEASE)

    def _put(self, record: SliceRecord) -> None:
        self._etag = self._slices.put(record, self._etag)
        self.record = record

    def renew(self) -> None:
        """Extend the lease; if that fails, closing the slice will tell."""
        with suppress(Conflict, Transient):
            self._put(replace(self.record, claim=self._claim()))

    def close(self, result: SliceResult) -> None:
        """Record what was staged."""
        self._put(replace(self.record, claim=None, result=result))

    def give_back(self) -> None:
        """Let somebody else begin at once."""
        with suppress(Conflict, Transient):
            self._put(replace(self.record, claim=None))


def _base_digests(plan: Plan) -> tuple[str, ...]:
    return plan.base.origin.digests if plan.base else ()


def _join(attempt: Attempt, found: Versioned[HourRecord], run: SlicedExport, plan: Plan) -> Outcome:
    """Commit what all slices have staged, or have those staged again that repeat rows."""
    lease = acquire_joined(attempt.gateways.ledger, found, attempt.worker.claim_id, attempt.worker.clock)
    with attempt.worker.beat(lease.renew):
        try:
            records = attempt.gateways.slices.all(attempt.task.key, attempt.task.hour, run.id)
            if not _all_staged(records, run):
                lease.return_to_slices()
                return Outcome.STAGED
            repeating = _reconcile(attempt, records, plan)
            if repeating:
                lease.release_to_slices(run)
                _send(attempt.gateways, attempt.task, run, repeating)
                return Outcome.SPREAD
            return _finish(attempt, lease, [each.value for each in records], plan)
        except LandingChanged as error:
            lease.release_after(str(error))
            raise
        except Transient:
            lease.return_to_slices()
            raise
        except SpoolNeeded:
            # Files have appeared under its names since it was cut: it is cut anew, and spooled.
            lease.release_after("files have appeared in the container meanwhile")
            raise Transient(f"{attempt.task.key} {attempt.task.hour} is cut anew") from None
        except Conflict:
            # Somebody else has written to the hour: what was staged may be lost, so it is cut anew.
            lease.release()
            raise
        except DestinationFault as error:
            lease.fail(error.fault)
            raise


def _reconcile(attempt: Attempt, records: list[Versioned[SliceRecord]], plan: Plan) -> tuple[int, ...]:
    """Have each slice leave out the rows that the hour or a slice before it has; return the slices concerned.

    A digest holds the keys that its slice has left out already, too. So what it shares with those before it
    is all that it must leave out, and if it has left out as many, it has left out just these.
    """
    state, digests = attempt.gateways.state, []
    base = _base_digests(plan)
    for name in (*base, *(each.value.result.digest if each.value.result else None for each in records)):
        pieces = state.read(name) if name else None
        if pieces is None:
            raise Conflict(f"a digest of {attempt.task.key} {attempt.task.hour} is gone")
        digests.append(KeyIndex(pieces))
    repeating = []
    found = attempt.gateways.ledger.get(attempt.task.key, attempt.task.hour)
    tag = attempt_tag(found.value.attempts if found else 0, attempt.worker.claim_id)
    for each, keys in zip(records, repeated(digests)[len(base) :], strict=True):
        if each.value.result is not None and len(keys) // KEY_BYTES > each.value.result.dropped:
            name = f"{folder(attempt.task.key, attempt.task.hour)}{tag}-{each.value.number}.drops"
            state.put(name, [keys])
            attempt.gateways.slices.put(replace(each.value, result=None, drops=name), each.etag)
            repeating.append(each.value.number)
    return tuple(repeating)


def _finish(attempt: Attempt, lease: HourLease, records: list[SliceRecord], plan: Plan) -> Outcome:
    run = lease.record.run
    same = replace(attempt, destination=_as_planned(attempt, plan))
    names = same.names(lease.record)
    results = [each.result for each in records if each.result is not None]
    if attempt.gone():
        lease.release()
        return Outcome.NOT_WANTED
    with attempt.worker.timed("inventory"):
        inventory, _ = recover(same, lease, names)
    content = _content(same, results, plan)
    if plan.base is None:
        rejected_then = rejected_before(same, lease.record, inventory, plan.blobs)
        origin = replace(content.origin, rejected_before=len(rejected_then))
        content = replace(content, origin=origin, rejected=(*rejected_then, *content.rejected))
    sent = tuple(each for result in results for each in result.sent)
    with attempt.worker.timed("commit"):
        commit(same, lease, CommitPlan(content, sent), inventory)
    attempt.log_outcome(lease, Outcome.EXPORTED, slices=len(records))
    if run is not None:
        attempt.gateways.slices.discard(attempt.task.key, attempt.task.hour, run.id)
    attempt.tidy(lease)
    return Outcome.EXPORTED


def _content(attempt: Attempt, results: list[SliceResult], plan: Plan) -> HourContent:
    """Return what the hour is to be: what its slices have staged, beside what is there already."""
    keeps = attempt.late_blobs_count()
    digests = tuple(result.digest for result in results if result.digest and keeps)
    rows = _sum(result.rows for result in results)
    parts = tuple(sent.part for result in results for sent in result.sent)
    rejected = tuple(name for result in results for name in result.rejected)
    if (base := plan.base) is not None:
        origin = added_to(base, plan.blobs)
        return replace(
            base,
            rows=base.rows + rows,
            parts=(*base.parts, *parts),
            origin=replace(origin, digests=(*origin.digests, *digests) if keeps else ()),
            rejected=(*base.rejected, *rejected),
        )
    naming = attempt.destination.naming(attempt.task.key.stream)
    asked = attempt.destination.filter_of(attempt.task.key.stream)
    return HourContent(
        rows=rows,
        parts=parts,
        filter_sha256=asked.sha256 if asked else None,
        output=plan.output,
        origin=Provenance(
            target=attempt.destination.target,
            marker=naming.marker(attempt.task.hour) if plan.output.completion_marker else None,
            landing=LandingFingerprint.of(plan.blobs),
            digests=digests,
        ),
        rejected=rejected,
    )


def added_to(base: HourContent, blobs: tuple[LandingBlob, ...]) -> Provenance:
    """Return where an hour comes from to which all that is new among these landing blobs was added."""
    before = base.origin.landing
    landing = before.plus(blobs) if before else replace(LandingFingerprint.of(blobs), partial=True)
    kept = AppendBase(len(base.parts), len(base.origin.digests), base.rows, len(base.rejected), before)
    return replace(base.origin, landing=landing, kept=kept)


def fail_run(ledger: Ledger, task: HourTask, fault: Fault, now: datetime) -> None:
    """Give up a run whose customer's storage refuses a slice: the hour has failed."""
    found = ledger.get(task.key, task.hour)
    run = found.value.run if found else None
    if found is not None and run is not None and task.slice_ref is not None and run.id == task.slice_ref.run:
        with suppress(Conflict):
            ledger.put(found.value.failed(fault, now), found.etag)


def _plan(gateways: Gateways, run: SlicedExport) -> Plan | None:
    pieces = gateways.state.read(run.plan)
    return None if pieces is None else decode(pieces)


def _send(gateways: Gateways, task: HourTask, run: SlicedExport, numbers: Iterable[int]) -> None:
    gateways.queue_of(task).send(
        replace(task, late=False, slice_ref=SliceRef(run.id, number)) for number in numbers
    )


def _all_staged(records: list[Versioned[SliceRecord]], run: SlicedExport) -> bool:
    return sum(each.value.result is not None for each in records) == run.slices


def _sum(counts: Iterable[RowCounts]) -> RowCounts:
    total = RowCounts()
    for each in counts:
        total = total + each
    return total
