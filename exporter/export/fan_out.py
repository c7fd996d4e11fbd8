"""Fan-out: a large hour is cut into slices, for several workers to stage at the same time.

fan out     store the plan, leave the hour's record to the slices, and send a message for each (here)
stage       a worker claims a slice, and stages its part without rows of earlier slices (``stage_slice``)
join        once all slices are staged, one worker claims the hour and commits it (``join_slices``)

Late data of several slices is staged in the same way, beside the parts that are there.
"""

from collections.abc import Iterable
from dataclasses import replace

from exporter.domain.hour_content import HourContent
from exporter.domain.hour_record import SlicedExport
from exporter.domain.hour_task import HourTask, SliceRef
from exporter.domain.own_blobs import attempt_tag, folder
from exporter.domain.slices import Slice
from exporter.domain.streams import LandingBlob
from exporter.export.attempt import Attempt
from exporter.export.lease import HourLease
from exporter.export.slice_plan import SlicePlan, encode
from exporter.ports import Gateways


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
        event_filter=destination.filter_of(task.key.stream),
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


def send_slices(gateways: Gateways, task: HourTask, sliced: SlicedExport, numbers: Iterable[int]) -> None:
    """Send a message for each of these slices."""
    gateways.queue_of(task).send(
        replace(task, late=False, slice_ref=SliceRef(sliced.id, number)) for number in numbers
    )
