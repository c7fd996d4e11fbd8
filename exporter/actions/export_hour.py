"""Exporting one hour of one stream: whoever asks, however often, the container ends up with each row once.

claim   the hour's record in the ledger, so that nobody else works on it
look    what the customer's container holds of it; a whole hour is adopted, not written again
stage   all parts, and the marker, in blocks that no reader sees (``stage``, ``run_slices``)
place   them: small requests in an order in which no reader sees a row twice (``put_in_place``)
close   the record

A worker may die at any point. Until it has recorded what it is about to commit, nothing has changed; after
that, whoever comes next puts the hour in place, and leaves nothing that the dead one could still do.

What was done may be asked for again: by a backfill, which writes the hour anew, or because blobs have landed
late, which are added (``look_for_late``).
"""

from contextlib import suppress
from datetime import datetime
from enum import StrEnum

from exporter.actions import notices
from exporter.actions.attempt import Attempt, Outcome, Worker, target
from exporter.actions.hold import claim
from exporter.actions.look_for_late import add_late, base_of, nothing_late
from exporter.actions.moved import stays_elsewhere
from exporter.actions.ports import Gateways
from exporter.actions.run_slices import fail_run, resume, stage_share
from exporter.actions.telling import Event, of_hour, tell
from exporter.actions.write_hour import write_hour
from exporter.domain.backfills import Backfill, backfill_id
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict, DestinationFault, Fault, Transient
from exporter.domain.hours import last_closed_hour
from exporter.domain.ledger import SCHEDULE, HourRecord, HourTask
from exporter.domain.standing import Standing
from exporter.domain.stored import Versioned
from exporter.domain.streams import DataType


class Wish(StrEnum):
    """What is to be done about an hour."""

    WRITE = "write what is not there"
    WRITE_ANEW = "write it anew, whatever is there"
    ADD_LATE = "add what landed late"
    LET_BE = "nothing"


def export_hour(task: HourTask, gateways: Gateways, worker: Worker) -> Outcome:
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
    if task.share is None and found and found.value.claim and found.value.claimed(now):
        if worker.redelivered or task.requested_by != SCHEDULE:
            # Its holder may be the worker that died with this very request: look again when its lease ends,
            # sooner than the next tick may. A backfill waits for whoever has the hour, and comes after.
            gateways.queue_of(task).send([task], delay=found.value.claim.until - now)
        raise Conflict(f"{task.key} {task.hour} is being exported by another worker")
    standing = gateways.standings.get(destination.id)
    here = target(destination)
    wish = _wish(task, found.value if found else None, gateways, standing, now, here=here)
    if wish is Wish.LET_BE or standing.waits(now):
        return Outcome.NOT_DUE
    if wish is Wish.WRITE and task.share is None and stays_elsewhere(gateways, found, here):
        return Outcome.UNCHANGED
    try:
        outcome = _attempt(Attempt(task, destination, gateways, worker), found, wish)
    except DestinationFault as error:
        _refused(task, destination, gateways, worker, error)
        return Outcome.FAILED
    if standing.faults:
        notices.healed(gateways, destination, worker.clock())
    _note(gateways, destination, standing, standing.accepted(worker.clock()))
    return outcome


def _wanted(task: HourTask, gateways: Gateways) -> Destination | None:
    """Return the destination if it still asks for this stream: messages outlive what they were sent for."""
    found = gateways.destinations.get(task.key.destination_id)
    if found is None or found.value.status is not Status.ACTIVE or task.key not in found.value.streams:
        return None
    return found.value


def _wish(  # noqa: PLR0913  what the tables say, each by its name
    task: HourTask,
    record: HourRecord | None,
    gateways: Gateways,
    standing: Standing,
    now: datetime,
    *,
    here: str,
) -> Wish:
    """Return what is to be done about the hour, by what the tables say of it.

    An hour is done if its files are in the container of the target ``here``.
    """
    if task.share is not None:
        return Wish.WRITE
    due = record is None or record.due(now, standing.healed_at, target=here)
    done = record is not None and record.done_for(here)
    if (number := backfill_id(task.requested_by)) is not None:
        backfill = gateways.backfills.get(task.key.destination_id, number)
        if backfill is not None and not backfill.value.ended:
            return _wish_of(backfill.value, record, due=due, done=done)
        if record is None:
            return Wish.LET_BE
        # It was cancelled: an hour that it has begun is brought to an end, and no other.
    if done:
        return Wish.ADD_LATE if task.late else Wish.LET_BE
    if not due:
        return Wish.LET_BE
    adding = record is not None and record.committing and record.origin.kept is not None
    return Wish.ADD_LATE if adding else Wish.WRITE


def _wish_of(backfill: Backfill, record: HourRecord | None, *, due: bool, done: bool) -> Wish:
    """Return what a backfill wants of an hour: that it is written by an attempt that began after it."""
    if record is None:
        return Wish.WRITE_ANEW
    if done:
        return Wish.LET_BE if record.satisfies(backfill.since) else Wish.WRITE_ANEW
    # A failure from before it was begun, or begun again, says nothing about now.
    before = record.started_at is None or record.started_at < backfill.tried_since
    return Wish.WRITE_ANEW if due or before else Wish.LET_BE


def _attempt(attempt: Attempt, found: Versioned[HourRecord] | None, wish: Wish) -> Outcome:
    """Do it."""
    task, gateways = attempt.task, attempt.gateways
    if task.share is not None:
        return Outcome.NOT_WANTED if found is None else stage_share(attempt, found, task.share)
    if found is not None and found.value.run is not None:
        return resume(attempt, found, found.value.run)
    record = found.value if found else None
    if wish is Wish.ADD_LATE and found is not None and found.value.done and nothing_late(attempt, found):
        return Outcome.UNCHANGED
    # Before it is taken: from now on the tick sees to it that the hour is done again.
    again = wish is Wish.WRITE_ANEW or (record is not None and record.done)
    note = gateways.reopened.note(task) if again else None
    held = claim(gateways.ledger, found, task, attempt.worker.claim_id, attempt.worker.clock)
    with attempt.worker.beat(held.renew):
        try:
            base = base_of(attempt, held.record) if wish is Wish.ADD_LATE and _adds(task) else None
            if base is not None:
                outcome = add_late(attempt, held, base)
            else:
                outcome = write_hour(attempt, held, anew=wish is not Wish.WRITE)
        except DestinationFault as error:
            held.fail(error.fault)
            raise
        except (Conflict, Transient):
            held.release()
            raise
        except Exception:
            held.fail(_unexpected(attempt.worker.claim_id))
            _tell_failed(task, attempt.worker, "internal_error", held.record.attempts)
            raise
    if note is not None and outcome in {Outcome.EXPORTED, Outcome.ADOPTED}:
        with suppress(Transient):
            gateways.reopened.forget(task.key, task.hour, note)
    return outcome


def _adds(task: HourTask) -> bool:
    """Whether rows can be added to an hour: merged ids are one file."""
    return task.key.stream.data_type is DataType.EVENTS


def _refused(
    task: HourTask, destination: Destination, gateways: Gateways, worker: Worker, error: DestinationFault
) -> None:
    """Record that the customer's storage has refused us, with the hour and with the destination."""
    now = worker.clock()
    if task.share is not None:
        fail_run(gateways.ledger, task, error.fault, now)
    # Read now: others of its hours may have met the same in the meantime.
    standing = gateways.standings.get(destination.id)
    refused = standing.refused(error.fault, now)
    if refused.faults and not standing.faults:
        notices.failing(gateways, destination, error.fault, now)
    _note(gateways, destination, standing, refused)
    _tell_failed(task, worker, error.fault.code)


def _tell_failed(task: HourTask, worker: Worker, code: str, attempts: int | None = None) -> None:
    facts = of_hour(task.key, task.hour)
    tell(Event.HOUR_FAILED, **facts, run=worker.claim_id, code=code, attempts=attempts)


def _note(gateways: Gateways, destination: Destination, was: Standing, now: Standing) -> None:
    """Remember how the destination fares; not to remember it costs an attempt, no more."""
    if now != was:
        with suppress(Transient):
            gateways.standings.put(destination.id, now)


def _unexpected(claim_id: str) -> Fault:
    return Fault(
        code="internal_error",
        message="An unexpected error stopped the export of this hour; it is tried again by itself.",
        fix=f"If it stays, ask the operator of this exporter to look into the logs for {claim_id}.",
    )
