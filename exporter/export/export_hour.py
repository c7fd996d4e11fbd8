"""The export of one hour of one stream: for all requests and attempts, the container has each row once.

decide     what is to be done about the hour (``disposition``)
lease      claim the hour's record in the ledger, so that no other worker has it (``lease``)
recover    complete the commit of an attempt that died (``recovery``), and take inventory (``inventory``)
export     one of three ways, each of which stages what is not there and ends in ``commit``:
           the whole hour (``whole_hour``), its slices (``sliced``), or what landed late (``late_data``)
outcome    record failures; close or open the destination's breaker

A worker may die at any point. Until it has recorded what it is about to commit, nothing has changed; after
that, the next attempt completes it. An hour is never replaced by less than it holds (``completeness``).
"""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from exporter.domain.backfill import Backfill, backfill_id
from exporter.domain.breaker import Breaker
from exporter.domain.claims import RENEW_EVERY
from exporter.domain.destination import Destination
from exporter.domain.errors import Busy, Conflict, DestinationFault, Fault, NotConfigured, Scope, Transient
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import SCHEDULE, HourTask
from exporter.domain.versioned import Versioned
from exporter.export.attempt import Attempt, AttemptContext, Outcome
from exporter.export.commit import close
from exporter.export.disposition import WriteDisposition, disposition_of
from exporter.export.late_data import append_late, is_up_to_date
from exporter.export.lease import HourLease, acquire
from exporter.export.moved import stays_elsewhere
from exporter.export.reads import Reads
from exporter.export.recovery import recover
from exporter.export.sliced import export_slice, fail_sliced, resume
from exporter.export.whole_hour import export_whole_hour
from exporter.notify import notifications
from exporter.notify.log_events import Event, hour_fields, log_event
from exporter.ports import Gateways

DONE = frozenset({Outcome.EXPORTED, Outcome.ADOPTED, Outcome.REFUSED, Outcome.UNCHANGED})


def export_hour(task: HourTask, gateways: Gateways, worker: AttemptContext) -> Outcome:
    """Do what is due about the hour.

    A customer's fault is recorded with the hour, which is tried again after a back-off. ``Conflict`` means
    that another worker has the hour. ``Transient``, and any unexpected error, means that this attempt was
    broken off and the hour released.
    """
    if not worker.redelivered and task.slice_ref is None:
        with suppress(ReadAnew):
            return _export_as_read(Reads(task, gateways, worker, worker.clock(), shared=True))
    return _export_as_read(Reads(task, gateways, worker, worker.clock(), shared=False))


class ReadAnew(Exception):
    """What was read for other hours, too, does not let this one begin: it has to be read for this one."""


def _export_as_read(reads: Reads) -> Outcome:
    """Do what is due about an hour by what the tables say; ``ReadAnew`` if nothing is due by shared reads."""
    decided = _decide(reads)
    if isinstance(decided, Outcome):
        if reads.shared:
            raise ReadAnew
        return decided
    attempt, disposition = decided
    task, gateways, worker, destination = attempt.task, attempt.gateways, attempt.worker, attempt.destination
    exporting = disposition is WriteDisposition.EXPORT and task.slice_ref is None
    try:
        if exporting and stays_elsewhere(attempt, reads.record):
            return Outcome.UNCHANGED
        outcome = _attempt(attempt, reads.record, disposition)
    except DestinationFault as error:
        _record_fault(task, destination, gateways, worker, error.fault)
        return Outcome.FAILED
    except Conflict:
        _come_after(task, reads.backfill, gateways)
        raise
    breaker = reads.breaker
    if breaker.faults:
        notifications.healed(gateways, destination, worker.clock())
    _save(gateways, destination, breaker, breaker.record_success(worker.clock()))
    return outcome


def _decide(reads: Reads) -> Outcome | tuple[Attempt, WriteDisposition]:
    """Return the attempt to make at an hour, and how; or why there is none to be made."""
    task, gateways, worker, now = reads.task, reads.gateways, reads.worker, reads.now
    destination = reads.destination
    if destination is None:
        return Outcome.NOT_WANTED
    closing, found = reads.closing, reads.record
    if not closing.closed(task.hour) and (found is None or not found.value.done):
        # Some of it has not landed yet, and would be lost.
        refused = task.hour in closing.open and backfill_id(task.requested_by) is not None
        return _refuse_open(reads) if refused and not reads.shared else Outcome.NOT_DUE
    if task.slice_ref is None and found:
        _leave_to_holder(task, found.value, gateways, worker, now)
    breaker, backfill = reads.breaker, reads.backfill
    if backfill is not None:
        # The backfill decides: the message may be of an earlier round, or a note, which lacks these fields.
        task = replace(task, round=backfill.round, allow_loss=backfill.allow_loss)
    here, record = destination.target, found.value if found else None
    disposition = disposition_of(task, record, backfill, breaker, now, here=here)
    if disposition is WriteDisposition.SKIP or breaker.is_open(now):
        return Outcome.NOT_DUE
    return Attempt(task, destination, gateways, worker, by_day=reads.by_day), disposition


def _refuse_open(reads: Reads) -> Outcome:
    """Record that a backfill cannot have an hour which its source could not pull."""
    task, worker, found = reads.task, reads.worker, reads.record
    now, record = worker.clock(), found.value if found else HourRecord(task.key, task.hour)
    if record.claimed(now):
        return Outcome.NOT_DUE
    claimed = record.claimed_by(worker.claim_id, task.requested_by, now, round_=task.round)
    with suppress(Conflict):
        reads.gateways.ledger.put(claimed.failed(_OPEN, now), found.etag if found else None)
    return Outcome.FAILED


_OPEN = Fault(
    code="source_hour_failed",
    message="The source of this project could not pull this hour: landing does not hold all of it.",
    fix="Repair the error that GET /api/sources/{id}/hours shows for it, then pull it again and retry.",
    scope=Scope.BLOB,
)


def _leave_to_holder(
    task: HourTask, record: HourRecord, gateways: Gateways, worker: AttemptContext, now: datetime
) -> None:
    """Raise ``Conflict`` if another worker has the hour."""
    if record.work.claim is None or not record.claimed(now):
        return
    if worker.redelivered or task.requested_by != SCHEDULE:
        # The holder may be the worker that died with this very request: it comes back when the lease ends,
        # sooner than the next tick may. A backfill waits for the holder, and comes after it.
        gateways.queue_of(task).send([task], delay=record.work.claim.ends_in(now))
    raise Conflict(f"{task.key} {task.hour} is being exported by another worker")


def _come_after(task: HourTask, backfill: Backfill | None, gateways: Gateways) -> None:
    """Let a backfill come back to an hour that another worker was faster to claim."""
    if backfill is not None:
        gateways.queue_of(task).send([task], delay=RENEW_EVERY)


def _attempt(attempt: Attempt, found: Versioned[HourRecord] | None, disposition: WriteDisposition) -> Outcome:
    """Claim the hour and export it; release it if that does not succeed."""
    task, gateways = attempt.task, attempt.gateways
    if task.slice_ref is not None:
        return Outcome.NOT_WANTED if found is None else export_slice(attempt, found, task.slice_ref)
    if found is not None and found.value.sliced is not None:
        return resume(attempt, found, found.value.sliced)
    done = found is not None and found.value.done
    appending = disposition is WriteDisposition.APPEND
    if appending and found is not None and done and is_up_to_date(attempt, found):
        return Outcome.UNCHANGED
    replacing = disposition is WriteDisposition.REPLACE and found is not None
    again = replacing or done or (found is not None and found.value.abandoned_as_done)
    # Before the claim: from now on the tick sees to it that the hour is done again.
    note = gateways.reopened.remember(task) if again else None
    lease = _claim(attempt, found)
    with attempt.worker.heartbeat(lease.renew):
        try:
            outcome = _export(attempt, lease, disposition)
        except DestinationFault as error:
            if attempt.is_outdated():
                # It may be repaired by now.
                lease.release()
                raise Transient(f"{task.key} was changed during the attempt") from error
            lease.fail(error.fault)
            raise
        except (Busy, Conflict):
            # No failure of the hour: this process has no room for it now, or another worker has it.
            lease.release()
            raise
        except (Transient, NotConfigured) as passing:
            lease.release_after(str(passing))
            raise
        except Exception:
            lease.fail(_unexpected(attempt.worker.claim_id))
            _log_failed(task, attempt.worker, "internal_error", lease.record.work.attempts)
            raise
    if note is not None and outcome in DONE:
        with suppress(Transient):
            gateways.reopened.forget(task.key, task.hour, note)
    return outcome


def _claim(attempt: Attempt, found: Versioned[HourRecord] | None) -> HourLease:
    """Claim an hour; ``ReadAnew`` if the ledger has a row of it that was not there for its day."""
    task, worker = attempt.task, attempt.worker
    try:
        return acquire(attempt.gateways.ledger, found, task, worker.claim_id, worker.clock)
    except Conflict as taken:
        if attempt.by_day:
            raise ReadAnew from taken
        raise


def _export(attempt: Attempt, lease: HourLease, disposition: WriteDisposition) -> Outcome:
    """Complete what an earlier attempt has left unfinished, then do what is requested."""
    record = lease.record
    kept = record.content.origin.kept if record.journal.committing else None
    names = attempt.names(record)
    inventory, completed = recover(attempt, lease, names)
    if disposition is WriteDisposition.EXPORT and completed:
        close(attempt, lease, Outcome.EXPORTED)
        return Outcome.EXPORTED
    was_appending = not completed and kept is not None and kept.parts > 0
    if disposition is WriteDisposition.APPEND or (disposition is WriteDisposition.EXPORT and was_appending):
        return append_late(attempt, lease, inventory, names)
    replacing = disposition is WriteDisposition.REPLACE
    return export_whole_hour(attempt, lease, inventory, names, replacing=replacing)


def _record_fault(
    task: HourTask, destination: Destination, gateways: Gateways, worker: AttemptContext, fault: Fault
) -> None:
    """Record, with the hour and with the destination, that the customer's storage has failed."""
    now = worker.clock()
    if task.slice_ref is not None:
        fail_sliced(gateways.ledger, task, fault, now)
    # Read now: other hours of the destination may have met the same fault in the meantime.
    breaker = gateways.breakers.get(destination.id)
    failed = breaker.record_failure(fault, now)
    if failed.faults and not breaker.faults:
        notifications.failing(gateways, destination, fault, now)
    _save(gateways, destination, breaker, failed)
    # This process does not try its other hours first.
    worker.recent.forget("breaker", destination.id)
    _log_failed(task, worker, fault.code)


def _save(gateways: Gateways, destination: Destination, before: Breaker, now: Breaker) -> None:
    """Save a breaker that has changed; one that is not saved costs an attempt, no more.

    Hours that begin with a breaker without faults may find another one within seconds: they are tried.
    """
    if now != before:
        with suppress(Transient):
            gateways.breakers.put(destination.id, now)


def _log_failed(task: HourTask, worker: AttemptContext, code: str, attempts: int | None = None) -> None:
    facts = hour_fields(task.key, task.hour)
    log_event(Event.HOUR_FAILED, **facts, attempt_id=worker.claim_id, code=code, attempts=attempts)


def _unexpected(claim_id: str) -> Fault:
    return Fault(
        code="internal_error",
        message="An unexpected error stopped the export of this hour; it is tried again automatically.",
        fix=f"If this stays, ask the operator of this exporter to look for {claim_id} in the log.",
    )
