"""Large hours: several workers stage the slices of one hour, and whoever ends last puts it in place.

spread     the plan is kept, the hour's record left to the run, and a message sent for each slice
stage      a worker claims a slice, sends its part without the rows of slices before it that are staged by
           then, and keeps the keys of its rows
gather     once all slices are staged, one worker claims the hour. Rows that several slices have are exported
           by the first of them: the others are staged again without those. Then all is put in place

Messages may be lost: whoever meets a run that makes no headway sends them again.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from itertools import chain

from exporter.actions.attempt import Attempt, Outcome, folder, target
from exporter.actions.hold import Held, gather
from exporter.actions.ports import Gateways, Ledger, Slices
from exporter.actions.put_in_place import Layout, Placing, record_layout
from exporter.actions.take_stock import take_stock
from exporter.domain.errors import Conflict, DestinationFault, Fault, Transient
from exporter.domain.ledger import LEASE, Claim, HourRecord, HourTask, Origin, RowCounts, Run, Share
from exporter.domain.slices import Slice, SliceRecord, SliceResult
from exporter.domain.stored import Versioned
from exporter.domain.streams import Listing
from exporter.pipeline.digest import Digest, repeated
from exporter.pipeline.plans import Plan, decode, encode
from exporter.pipeline.seen import KEY_BYTES, split

# Of slices before one's own, 25 bytes each in memory. What is beyond them is found when all are compared.
KEYS_BEFORE_MAX = 3_000_000


def spread(attempt: Attempt, held: Held, slices: tuple[Slice, ...]) -> None:
    """Leave the hour to the workers of its slices."""
    task, destination = attempt.task, attempt.destination
    plan = Plan(slices, destination.output, destination.filter_of(task.key.stream))
    name = f"{folder(task.key, task.hour)}{held.claim_id}.plan"
    attempt.gateways.state.put(name, [encode(plan)])
    run = Run(held.claim_id, name, len(slices))
    held.hand_over(run)
    _send(attempt.gateways, task, run, (each.first for each in slices))


def resume(attempt: Attempt, found: Versioned[HourRecord], run: Run) -> Outcome:
    """See to a run that was left alone for a while: gather it, or send the messages of what is not staged."""
    plan = _plan(attempt.gateways, run)
    if plan is None:
        attempt.gateways.ledger.put(found.value.released(), found.etag)
        raise Transient(f"the plan of {attempt.task.key} {attempt.task.hour} is gone: it is cut anew")
    records = attempt.gateways.slices.all(attempt.task.key, attempt.task.hour, run.id)
    if _all_staged(records, run):
        return _gather(attempt, found, run, plan)
    now = attempt.worker.clock()
    attempt.gateways.ledger.put(found.value.spread(run, now), found.etag)
    busy = {each.value.number for each in records if each.value.result or each.value.claimed(now)}
    _send(attempt.gateways, attempt.task, run, (s.first for s in plan.slices if s.first not in busy))
    return Outcome.SPREAD


def stage_share(attempt: Attempt, found: Versioned[HourRecord], share: Share) -> Outcome:
    """Stage one slice; if it was the last one, put the hour in place."""
    gateways, task, run = attempt.gateways, attempt.task, found.value.run
    if run is None or run.id != share.run or (plan := _plan(gateways, run)) is None:
        return Outcome.NOT_WANTED
    if all(each.first != share.number for each in plan.slices):
        return Outcome.NOT_WANTED
    mine = gateways.slices.get(task.key, task.hour, run.id, share.number)
    if mine is None or mine.value.result is None:
        _stage(attempt, mine, run, plan.slice(share.number), plan)
    records = gateways.slices.all(task.key, task.hour, run.id)
    if not _all_staged(records, run):
        return Outcome.STAGED
    found_now = gateways.ledger.get(task.key, task.hour)
    if found_now is None or found_now.value.run != run or _gathering(found_now.value, run, attempt):
        return Outcome.STAGED
    return _gather(attempt, found_now, run, plan)


def _gathering(record: HourRecord, run: Run, attempt: Attempt) -> bool:
    claim = record.claim
    return claim is not None and claim.id != run.id and record.claimed(attempt.worker.clock())


def _stage(
    attempt: Attempt, mine: Versioned[SliceRecord] | None, run: Run, chosen: Slice, plan: Plan
) -> None:
    gateways, worker, task = attempt.gateways, attempt.worker, attempt.task
    now = worker.clock()
    if mine is not None and mine.value.claim is not None and mine.value.claimed(now):
        if worker.redelivered:
            gateways.queue_of(task).send([task], delay=mine.value.claim.until - now)
        raise Conflict(f"slice {chosen.first} of {task.key} {task.hour} is being staged by another worker")
    held = _HeldSlice(gateways.slices, mine, SliceRecord(task.key, task.hour, run.id, chosen.first), attempt)
    with worker.beat(held.renew):
        try:
            held.close(_staged(attempt, held.record, chosen, plan))
        except (DestinationFault, Conflict, Transient):
            held.give_back()
            raise


def _staged(attempt: Attempt, record: SliceRecord, chosen: Slice, plan: Plan) -> SliceResult:
    same = replace(
        attempt,
        destination=replace(attempt.destination, output=plan.output, event_filter=plan.event_filter),
    )
    claim_id = attempt.worker.claim_id
    drops: tuple[bytes, ...] = ()
    if record.drops is not None:
        pieces = attempt.gateways.state.read(record.drops)
        if pieces is None:
            raise Conflict(f"the run {record.run} is over")
        drops = tuple(split(b"".join(pieces)))
    known = chain(drops, _keys_before(attempt, record))
    with ExitStack() as uploads:
        staged, rejected = same.stage(chosen, known, uploads, claim_id)
        rejected.commit()
        digest = same.keep_digest(chosen, staged, claim_id)
    return SliceResult(staged.rows, staged.sent, digest, staged.dropped)


def _keys_before(attempt: Attempt, record: SliceRecord) -> Iterator[bytes]:
    """Yield the keys of slices before this one, as far as these are staged.

    Their rows would have to be left out anyway, and the slice be staged again for that. What it becomes in
    the end is the same, however much is known by now.
    """
    room = KEYS_BEFORE_MAX
    for each in attempt.gateways.slices.all(record.key, record.hour, record.run):
        name = each.value.result.digest if each.value.result else None
        if each.value.number >= record.number:
            return
        pieces = attempt.gateways.state.read(name) if name else None
        if pieces is not None:
            digest = Digest(pieces)
            room -= sum(digest.header.counts)
            if room < 0:
                return
            for keys in digest.partitions():
                yield from split(keys)


class _HeldSlice:
    """A slice that is ours, as ``Held`` is for an hour."""

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


def _gather(attempt: Attempt, found: Versioned[HourRecord], run: Run, plan: Plan) -> Outcome:
    """Put in place what all slices have staged, or have those staged again that repeat rows."""
    held = gather(attempt.gateways.ledger, found, attempt.worker.claim_id, attempt.worker.clock)
    with attempt.worker.beat(held.renew):
        try:
            records = attempt.gateways.slices.all(attempt.task.key, attempt.task.hour, run.id)
            if not _all_staged(records, run):
                held.leave_to_run()
                return Outcome.STAGED
            repeating = () if run.reconciled else _reconcile(attempt, records)
            if repeating:
                held.hand_over(replace(run, reconciled=True))
                _send(attempt.gateways, attempt.task, run, repeating)
                return Outcome.SPREAD
            return _finish(attempt, held, [each.value for each in records], plan)
        except Transient:
            held.leave_to_run()
            raise
        except Conflict:
            # Somebody else has written to the hour: what was staged may be lost, so it is cut anew.
            held.release()
            raise
        except DestinationFault as error:
            held.fail(error.fault)
            raise


def _reconcile(attempt: Attempt, records: list[Versioned[SliceRecord]]) -> tuple[int, ...]:
    """Have each slice leave out the rows that one before it exports; return the slices concerned.

    A digest holds the keys that its slice has left out already, too. So what it shares with those before it
    is all that it must leave out, and if it has left out as many, it has left out just these.
    """
    state, digests = attempt.gateways.state, []
    for each in records:
        name = each.value.result.digest if each.value.result else None
        pieces = state.read(name) if name else None
        if pieces is None:
            raise Conflict(f"a digest of the run {each.value.run} is gone")
        digests.append(Digest(pieces))
    repeating = []
    for each, keys in zip(records, repeated(digests), strict=True):
        if each.value.result is not None and len(keys) // KEY_BYTES > each.value.result.dropped:
            name = f"{folder(attempt.task.key, attempt.task.hour)}{each.value.run}-{each.value.number}.drops"
            state.put(name, [keys])
            attempt.gateways.slices.put(replace(each.value, result=None, drops=name), each.etag)
            repeating.append(each.value.number)
    return tuple(repeating)


def _finish(attempt: Attempt, held: Held, records: list[SliceRecord], plan: Plan) -> Outcome:
    destination = replace(attempt.destination, output=plan.output, event_filter=plan.event_filter)
    naming = destination.naming(attempt.task.key.stream)
    results = [each.result for each in records if each.result is not None]
    sent = tuple(each for result in results for each in result.sent)
    asked = destination.filter_of(attempt.task.key.stream)
    keeps = attempt.late_blobs_count()
    layout = Layout(
        rows=_sum(result.rows for result in results),
        parts=tuple(each.part for each in sent),
        sent=sent,
        filter_sha256=asked.sha256 if asked else None,
        output=plan.output,
        origin=Origin(
            target=target(destination),
            marker=naming.marker(held.record.hour) if plan.output.completion_marker else None,
            landing=Listing.of(blob for each in plan.slices for blob in each.blobs),
            digests=tuple(result.digest for result in results if result.digest and keeps),
        ),
    )
    if attempt.gone():
        held.release()
        return Outcome.NOT_WANTED
    with attempt.worker.timed("look"):
        found = take_stock(attempt.container, naming, held)
    run = held.record.run
    marker = record_layout(layout, destination, naming, attempt.container, held)
    attempt.gateways.rejected.keep(
        attempt.task.key, attempt.task.hour, frozenset(each.number for each in records)
    )
    with attempt.worker.timed("place"):
        Placing(layout, marker, found, naming, attempt.container, held)()
    held.finish()
    attempt.tell(held, Outcome.EXPORTED, slices=len(records))
    if run is not None:
        attempt.gateways.slices.discard(attempt.task.key, attempt.task.hour, run.id)
    attempt.tidy(held)
    return Outcome.EXPORTED


def fail_run(ledger: Ledger, task: HourTask, fault: Fault, now: datetime) -> None:
    """Give up a run whose customer's storage refuses a slice: the hour has failed."""
    found = ledger.get(task.key, task.hour)
    run = found.value.run if found else None
    if found is not None and run is not None and task.share is not None and run.id == task.share.run:
        with suppress(Conflict):
            ledger.put(found.value.failed(fault, now), found.etag)


def _plan(gateways: Gateways, run: Run) -> Plan | None:
    pieces = gateways.state.read(run.plan)
    return None if pieces is None else decode(pieces)


def _send(gateways: Gateways, task: HourTask, run: Run, numbers: Iterable[int]) -> None:
    gateways.queue_of(task).send(replace(task, late=False, share=Share(run.id, number)) for number in numbers)


def _all_staged(records: list[Versioned[SliceRecord]], run: Run) -> bool:
    return sum(each.value.result is not None for each in records) == run.slices


def _sum(counts: Iterable[RowCounts]) -> RowCounts:
    total = RowCounts()
    for each in counts:
        total = total + each
    return total
