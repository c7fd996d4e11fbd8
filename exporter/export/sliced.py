"""Sliced exports: the way of one hour through fan-out, staging and joining, whatever messages are lost.

A worker that meets a sliced export without progress sends the messages of its slices again. A plan that does
not fit landing any more ends: the hour is released, and cut again.
"""

from contextlib import suppress
from datetime import datetime

from exporter.domain.allowed_hosts import same_container
from exporter.domain.errors import Conflict, Fault, LandingChanged, Transient
from exporter.domain.hour_record import HourRecord, SlicedExport
from exporter.domain.hour_task import HourTask, SliceRef
from exporter.domain.slices import SliceRecord
from exporter.domain.versioned import Versioned
from exporter.export.attempt import Attempt, Outcome
from exporter.export.fan_out import send_slices
from exporter.export.join_slices import all_staged, join_slices
from exporter.export.slice_plan import SlicePlan, read_plan
from exporter.export.stage_slice import stage_slice
from exporter.ports import Ledger


def export_slice(attempt: Attempt, found: Versioned[HourRecord], slice_ref: SliceRef) -> Outcome:
    """Stage one slice; if it was the last one, join the slices and commit the hour."""
    gateways, task, sliced = attempt.gateways, attempt.task, found.value.sliced
    if sliced is None or sliced.id != slice_ref.sliced_id:
        return Outcome.NOT_WANTED
    plan = read_plan(gateways.state, sliced)
    chosen = plan.slice(slice_ref.number) if plan else None
    if plan is None or chosen is None:
        return Outcome.NOT_WANTED
    record = gateways.slices.get(task.key, task.hour, sliced.id, slice_ref.number)
    if record is None or record.value.result is None:
        try:
            stage_slice(attempt, record, sliced, chosen, plan, attempt_number=found.value.work.attempts)
        except LandingChanged as error:
            # No worker can stage what is planned any more.
            _end(attempt, sliced, str(error))
            raise
    if not all_staged(gateways.slices.all(task.key, task.hour, sliced.id), sliced):
        return Outcome.STAGED
    found_now = gateways.ledger.get(task.key, task.hour)
    if found_now is None or found_now.value.sliced != sliced or _joining(found_now.value, sliced, attempt):
        return Outcome.STAGED
    return join_slices(attempt, found_now, sliced, plan)


def _joining(record: HourRecord, sliced: SlicedExport, attempt: Attempt) -> bool:
    """Whether another worker joins the slices."""
    return record.holder != sliced.id and record.claimed(attempt.worker.clock())


def _end(attempt: Attempt, sliced: SlicedExport, why: str) -> None:
    """End a sliced export whose plan does not fit landing any more: the hour is cut again."""
    found = attempt.gateways.ledger.get(attempt.task.key, attempt.task.hour)
    if found is not None and found.value.sliced is not None and found.value.sliced.id == sliced.id:
        with suppress(Conflict, Transient):
            attempt.gateways.ledger.put(found.value.broken_off(why), found.etag)


def resume(attempt: Attempt, found: Versioned[HourRecord], sliced: SlicedExport) -> Outcome:
    """Go on with a sliced export without progress: join it, or send the messages of slices again."""
    plan = read_plan(attempt.gateways.state, sliced)
    if plan is None or not same_container(plan.container, attempt.container_id) or not _fits(attempt, plan):
        why = "what it was planned by has changed: it is cut again"
        attempt.gateways.ledger.put(found.value.broken_off(why), found.etag)
        raise Transient(f"{attempt.task.key} {attempt.task.hour}: {why}")
    records = attempt.gateways.slices.all(attempt.task.key, attempt.task.hour, sliced.id)
    if all_staged(records, sliced):
        return join_slices(attempt, found, sliced, plan)
    now = attempt.worker.clock()
    attempt.gateways.ledger.put(found.value.released_to_slices(sliced, now), found.etag)
    abandoned = _abandoned(plan, [each.value for each in records], now)
    send_slices(attempt.gateways, attempt.task, sliced, abandoned)
    return Outcome.SLICED


def _fits(attempt: Attempt, plan: SlicePlan) -> bool:
    """Whether every landing blob that the plan reads is there as it was listed."""
    there = set(attempt.gateways.landing.blobs(attempt.task.key.stream, attempt.task.hour))
    return all(blob in there for each in plan.slices for blob in each.blobs)


def _abandoned(plan: SlicePlan, records: list[SliceRecord], now: datetime) -> list[int]:
    """Return the slices that no worker stages, nor will, as far as that can be known.

    These are slices whose worker has died. Slices that were never claimed may have lost their messages: they
    are among them if no slice is being staged; otherwise they are assumed to wait for their turn.
    """
    begun = {each.number: each for each in records}
    working = any(each.result is None and each.claimed(now) for each in records)

    def abandoned(number: int) -> bool:
        record = begun.get(number)
        return not working if record is None else record.result is None and not record.claimed(now)

    return [each.first for each in plan.slices if abandoned(each.first)]


def fail_sliced(ledger: Ledger, task: HourTask, fault: Fault, now: datetime) -> None:
    """Fail the hour of a slice that the customer's storage refuses."""
    found = ledger.get(task.key, task.hour)
    sliced = found.value.sliced if found else None
    if found is None or sliced is None or task.slice_ref is None:
        return
    if sliced.id == task.slice_ref.sliced_id:
        with suppress(Conflict):
            ledger.put(found.value.failed(fault, now), found.etag)
