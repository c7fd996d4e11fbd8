"""Sliced exports: a large hour is cut into slices, for several workers to stage at the same time.

fan out   store the plan, leave the hour's record to the slices, and send a message for each
stage     a worker claims a slice, and stages its part without rows of earlier slices (``stage_slice``)
join      once all slices are staged, one worker claims the hour and commits it (``join_slices``)

Late data of several slices is staged in the same way, beside the parts that are there. Messages may be lost:
a worker that meets a sliced export without progress sends them again. A plan that does not fit landing any
more ends: the hour is released, and cut again.
"""

from contextlib import suppress
from datetime import datetime

from exporter.domain.allowed_hosts import same_container
from exporter.domain.errors import Conflict, Fault, LandingChanged, Transient
from exporter.domain.hour_content import HourContent
from exporter.domain.hour_record import HourRecord, SlicedExport
from exporter.domain.hour_task import HourTask, SliceRef
from exporter.domain.own_blobs import attempt_tag, folder
from exporter.domain.slices import Slice, SliceRecord
from exporter.domain.streams import LandingBlob
from exporter.domain.versioned import Versioned
from exporter.export.attempt import Attempt, Outcome
from exporter.export.join_slices import all_staged, join_slices, send_slices
from exporter.export.lease import HourLease
from exporter.export.slice_plan import SlicePlan, encode, read_plan
from exporter.export.stage_slice import stage_slice
from exporter.ports import Ledger


def fan_out(  # noqa: PLR0913  what a sliced export is made of, each by its name
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
    plan = SlicePlan(
        slices=slices,
        output=destination.output,
        event_filter=asked.text if (asked := destination.filter_of(task.key.stream)) else None,
        container=destination.container_id,
        prefix=destination.storage.prefix,
        blobs=blobs,
        spooled=spooled,
        base=base,
    )
    tag = attempt_tag(lease.record.work.attempts, lease.claim_id)
    name = f"{folder(task.key, task.hour)}{tag}.plan"
    attempt.gateways.state.put(name, [encode(plan)])
    sliced = SlicedExport(lease.claim_id, name, len(slices))
    lease.release_to_slices(sliced)
    send_slices(attempt.gateways, task, sliced, (each.first for each in slices))


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
    if found and sliced and task.slice_ref and sliced.id == task.slice_ref.sliced_id:
        with suppress(Conflict):
            ledger.put(found.value.failed(fault, now), found.etag)
