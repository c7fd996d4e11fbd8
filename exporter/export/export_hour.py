"""Exporting one hour of one stream: whoever asks, however often, the container ends up with each row once.

claim      the hour's record in the ledger, so that nobody else works on it
recover    an attempt that died in the midst of its commit is completed (``recovery``)
inventory  what the customer's container holds of the hour; a whole hour is adopted, not written again
stage      all parts, and the marker, in blocks that no reader sees (``stage``, ``sliced``)
commit     them: small requests in an order in which no reader sees a row twice (``commit``)

A worker may die at any point. Until it has recorded what it is about to commit, nothing has changed; after
that, the next one completes it.

An hour that was done may be asked for again: by a backfill, which replaces it, or because blobs have landed
late, which are added (``late_data``). It is never replaced by less (``completeness``).
"""

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from exporter.domain.backfill import Backfill, HourOutcome, backfill_id
from exporter.domain.breaker import Breaker
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Busy, Conflict, DestinationFault, Fault, NotConfigured, Transient
from exporter.domain.hour import last_closed_hour
from exporter.domain.hour_record import RENEW_EVERY, SCHEDULE, HourRecord, HourTask, put_off
from exporter.domain.versioned import Versioned
from exporter.export.attempt import Attempt, AttemptContext, Outcome
from exporter.export.late_data import append_late, is_up_to_date
from exporter.export.lease import HourLease, acquire
from exporter.export.moved import stays_elsewhere
from exporter.export.recovery import recover
from exporter.export.sliced import fail_run, resume, stage_slice
from exporter.export.whole_hour import write_hour
from exporter.notify import notifications
from exporter.notify.log_events import Event, hour_fields, log_event
from exporter.ports import Gateways


class WriteDisposition(StrEnum):
    """What is to be done about an hour."""

    EXPORT = "export what is not there"
    REPLACE = "export it anew, whatever is there"
    APPEND = "add what landed late"
    SKIP = "nothing"


def export_hour(task: HourTask, gateways: Gateways, worker: AttemptContext) -> Outcome:
    """Do what is due about the hour.

    A customer's fault is recorded with the hour, which is then tried again after a back-off. ``Conflict``
    means that another worker has the hour; ``Transient``, and anything unexpected, that this attempt was
    broken off and the hour given back.
    """
    destination = _wanted(task, gateways)
    if destination is None:
        return Outcome.NOT_WANTED
    now = worker.clock()
    if task.hour > last_closed_hour(now, worker.settle):
        # Some of it has not landed yet; to export it now would be to lose that.
        return Outcome.NOT_DUE
    found = gateways.ledger.get(task.key, task.hour)
    if task.slice_ref is None and found:
        _leave_to_holder(task, found.value, gateways, worker, now)
    breaker = gateways.breakers.get(destination.id)
    backfill = _backfill_of(task, gateways)
    if backfill is not None:
        # Its row is right: the message may be of an earlier round, or a note, which does not keep these.
        task = replace(task, round=backfill.round, allow_loss=backfill.allow_loss)
    here = destination.target
    disposition = _disposition(task, found.value if found else None, backfill, breaker, now, here=here)
    if disposition is WriteDisposition.SKIP or breaker.is_open(now):
        return Outcome.NOT_DUE
    exporting = disposition is WriteDisposition.EXPORT and task.slice_ref is None
    if exporting and stays_elsewhere(gateways, found, here):
        return Outcome.UNCHANGED
    try:
        outcome = _attempt(Attempt(task, destination, gateways, worker), found, disposition)
    except DestinationFault as error:
        _refused(task, destination, gateways, worker, error)
        return Outcome.FAILED
    except Conflict:
        _come_after(task, backfill, gateways)
        raise
    if breaker.faults:
        notifications.healed(gateways, destination, worker.clock())
    _note(gateways, destination, breaker, breaker.record_success(worker.clock()))
    return outcome


def _leave_to_holder(
    task: HourTask, record: HourRecord, gateways: Gateways, worker: AttemptContext, now: datetime
) -> None:
    """Raise ``Conflict`` if another worker has the hour."""
    if record.claim is None or not record.claimed(now):
        return
    if worker.redelivered or task.requested_by != SCHEDULE:
        # Its holder may be the worker that died with this very request: look again when its lease ends,
        # sooner than the next tick may. A backfill waits for whoever has the hour, and comes after.
        gateways.queue_of(task).send([task], delay=put_off(record.claim, now))
    raise Conflict(f"{task.key} {task.hour} is being exported by another worker")


def _come_after(task: HourTask, backfill: Backfill | None, gateways: Gateways) -> None:
    """Let a backfill look again at an hour that another worker was faster to take."""
    if backfill is not None:
        gateways.queue_of(task).send([task], delay=RENEW_EVERY)


def _wanted(task: HourTask, gateways: Gateways) -> Destination | None:
    """Return the destination if it still asks for this stream: messages outlive what they were sent for."""
    found = gateways.destinations.get(task.key.destination_id)
    if found is None or found.value.status is not Status.ACTIVE or task.key not in found.value.streams:
        return None
    return found.value


def _backfill_of(task: HourTask, gateways: Gateways) -> Backfill | None:
    """Return the backfill that asks for an hour; None for the schedule's hours, and for slices."""
    number = None if task.slice_ref is not None else backfill_id(task.requested_by)
    found = gateways.backfills.get(task.key.destination_id, number) if number is not None else None
    return found.value if found else None


def _disposition(  # noqa: PLR0913  what the tables say, each by its name
    task: HourTask,
    record: HourRecord | None,
    backfill: Backfill | None,
    breaker: Breaker,
    now: datetime,
    *,
    here: str,
) -> WriteDisposition:
    """Return what is to be done about the hour, by what the tables say of it.

    An hour is done if its files are in the container of the target ``here``.
    """
    if task.slice_ref is not None:
        return WriteDisposition.EXPORT
    if record is not None and record.abandoned_as_done and not record.claimed(now):
        # Its worker is gone and has committed nothing: the hour is done as before. This attempt says so.
        disposition = _disposition(task, record.released(), backfill, breaker, now, here=here)
        return WriteDisposition.APPEND if disposition is WriteDisposition.SKIP else disposition
    due = record is None or record.due(now, breaker.healed_at, target=here)
    if backfill_id(task.requested_by) is not None:
        if backfill is not None and not backfill.ended:
            return _disposition_of(backfill, record, breaker, now, due=due, here=here)
        if record is None:
            return WriteDisposition.SKIP
        # It was cancelled: an hour that it has begun is brought to an end, and no other.
    if record is not None and record.done_for(here):
        return WriteDisposition.APPEND if task.late else WriteDisposition.SKIP
    return WriteDisposition.EXPORT if due else WriteDisposition.SKIP


def _disposition_of(  # noqa: PLR0913  what the tables say, each by its name
    backfill: Backfill, record: HourRecord | None, breaker: Breaker, now: datetime, *, due: bool, here: str
) -> WriteDisposition:
    """Return what a backfill wants of an hour: that it is written anew, unless that was done or has failed.

    One that failed is tried again once its back-off is over.
    """
    outcome = backfill.outcome(record, breaker, now, target=here)
    failed = outcome is HourOutcome.FAILED and record is not None and not record.done and due
    wanted = outcome is HourOutcome.LEFT or failed
    return WriteDisposition.REPLACE if wanted else WriteDisposition.SKIP


def _attempt(attempt: Attempt, found: Versioned[HourRecord] | None, disposition: WriteDisposition) -> Outcome:
    """Do it."""
    task, gateways = attempt.task, attempt.gateways
    if task.slice_ref is not None:
        return Outcome.NOT_WANTED if found is None else stage_slice(attempt, found, task.slice_ref)
    if found is not None and found.value.run is not None:
        return resume(attempt, found, found.value.run)
    record = found.value if found else None
    if (
        disposition is WriteDisposition.APPEND
        and found is not None
        and found.value.done
        and is_up_to_date(attempt, found)
    ):
        return Outcome.UNCHANGED
    # Before it is taken: from now on the tick sees to it that the hour is done again.
    again = disposition is WriteDisposition.REPLACE or (
        record is not None and (record.done or record.abandoned_as_done)
    )
    note = gateways.reopened.remember(task) if again else None
    lease = acquire(gateways.ledger, found, task, attempt.worker.claim_id, attempt.worker.clock)
    with attempt.worker.beat(lease.renew):
        try:
            outcome = _carry_out(attempt, lease, disposition)
        except DestinationFault as error:
            lease.fail(error.fault)
            raise
        except Busy:
            # No trouble of the hour: it finds no turn in this process for now.
            lease.release()
            raise
        except (Transient, NotConfigured) as passing:
            lease.release_after(str(passing))
            raise
        except Conflict:
            lease.release()
            raise
        except Exception:
            lease.fail(_unexpected(attempt.worker.claim_id))
            _tell_failed(task, attempt.worker, "internal_error", lease.record.attempts)
            raise
    if note is not None and outcome in {
        Outcome.EXPORTED,
        Outcome.ADOPTED,
        Outcome.REFUSED,
        Outcome.UNCHANGED,
    }:
        with suppress(Transient):
            gateways.reopened.forget(task.key, task.hour, note)
    return outcome


def _carry_out(attempt: Attempt, lease: HourLease, disposition: WriteDisposition) -> Outcome:
    """Complete what an earlier attempt has left unfinished, then do what is asked for."""
    names = attempt.names(lease.record)
    kept = lease.record.origin.kept if lease.record.committing else None
    with attempt.worker.timed("inventory"):
        inventory, completed = recover(attempt, lease, names)
    if disposition is WriteDisposition.EXPORT and completed:
        lease.finish()
        attempt.log_outcome(lease, Outcome.EXPORTED)
        attempt.tidy(lease)
        return Outcome.EXPORTED
    adding = not completed and kept is not None and kept.parts > 0
    if disposition is WriteDisposition.APPEND or (disposition is WriteDisposition.EXPORT and adding):
        return append_late(attempt, lease, inventory, names)
    replacing = disposition is WriteDisposition.REPLACE
    return write_hour(attempt, lease, inventory, names, replacing=replacing)


def _refused(
    task: HourTask,
    destination: Destination,
    gateways: Gateways,
    worker: AttemptContext,
    error: DestinationFault,
) -> None:
    """Record that the customer's storage has refused us, with the hour and with the destination."""
    now = worker.clock()
    if task.slice_ref is not None:
        fail_run(gateways.ledger, task, error.fault, now)
    # Read now: others of its hours may have met the same in the meantime.
    breaker = gateways.breakers.get(destination.id)
    refused = breaker.record_failure(error.fault, now)
    if refused.faults and not breaker.faults:
        notifications.failing(gateways, destination, error.fault, now)
    _note(gateways, destination, breaker, refused)
    _tell_failed(task, worker, error.fault.code)


def _tell_failed(task: HourTask, worker: AttemptContext, code: str, attempts: int | None = None) -> None:
    facts = hour_fields(task.key, task.hour)
    log_event(Event.HOUR_FAILED, **facts, attempt_id=worker.claim_id, code=code, attempts=attempts)


def _note(gateways: Gateways, destination: Destination, was: Breaker, now: Breaker) -> None:
    """Remember how the destination fares; not to remember it costs an attempt, no more."""
    if now != was:
        with suppress(Transient):
            gateways.breakers.put(destination.id, now)


def _unexpected(claim_id: str) -> Fault:
    return Fault(
        code="internal_error",
        message="An unexpected error stopped the export of this hour; it is tried again by itself.",
        fix=f"If it stays, ask the operator of this exporter to look into the logs for {claim_id}.",
    )
