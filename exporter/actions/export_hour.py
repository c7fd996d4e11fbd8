"""Exporting one hour of one stream: whoever asks, however often, the container ends up with each row once.

claim   the hour's record in the ledger, so that nobody else works on it
look    what the customer's container holds of it; a whole hour is adopted, not written again
stage   all parts, in blocks that no reader sees
commit  each part; then delete surplus parts, write the marker, and close the record, in this order

A worker may die at any point. Until the first commit nothing is visible; after it, the next attempt commits
the same bytes under the same names over it. The record names what is about to be committed beforehand, so an
attempt that finds the marker knows the counts as well.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from exporter.actions.hold import Beat, Held, claim
from exporter.actions.look import Found, look
from exporter.actions.ports import Clock, Container, Gateways, Landing
from exporter.actions.stage import RejectedWriter, StagedPart, Stager
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict, DestinationFault, Fault, Transient
from exporter.domain.hours import last_closed_hour
from exporter.domain.ledger import SCHEDULE, HourTask, RowCounts
from exporter.domain.marker import Marker
from exporter.domain.names import Naming
from exporter.domain.standing import Standing
from exporter.domain.streams import DataType
from exporter.pipeline.events import EventCodec
from exporter.pipeline.filtering import filtering
from exporter.pipeline.merged_ids import MergedIdCodec
from exporter.pipeline.rows import RowChain, Tally, keep_all

_log = logging.getLogger(__name__)

MARKER_TYPE = "application/json"


class Outcome(StrEnum):
    """What came of a request to export an hour."""

    EXPORTED = "exported"
    ADOPTED = "adopted"
    FAILED = "failed"
    NOT_DUE = "not due"
    NOT_WANTED = "not wanted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Who works: its clock, what renews its lease, how long after its end an hour is closed.

    ``claim_id`` is unique to this attempt. ``redelivered`` says that the request came to some worker before,
    which did not see it through.
    """

    clock: Clock
    claim_id: str
    beat: Beat
    settle: timedelta
    redelivered: bool = False


def export_hour(task: HourTask, gateways: Gateways, worker: Worker) -> Outcome:
    """Export the hour if it is due.

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
    if found and found.value.claim and found.value.claimed(now):
        if worker.redelivered:
            # Its holder may be the worker that died with this very request: look again when its lease ends,
            # sooner than the next tick may.
            gateways.hours.send([task], delay=found.value.claim.until - now)
        raise Conflict(f"{task.key} {task.hour} is being exported by another worker")
    standing = gateways.standings.get(destination.id)
    if standing.waits(now) or (found and not found.value.due(now, standing.healed_at)):
        return Outcome.NOT_DUE
    held = claim(gateways.ledger, found, task, worker.claim_id, worker.clock)
    with worker.beat(held.renew):
        try:
            outcome = _export(task, destination, held, gateways)
            _note(gateways, destination, standing, standing.accepted(worker.clock()))
            return outcome  # noqa: TRY300  what comes above may raise, too
        except DestinationFault as error:
            held.fail(error.fault)
            # Read again: others of its hours may have met the same in the meantime.
            standing = gateways.standings.get(destination.id)
            _note(gateways, destination, standing, standing.refused(error.fault, worker.clock()))
            _log.warning("%s %s: %s", task.key, task.hour, error)
            return Outcome.FAILED
        except (Conflict, Transient):
            held.release()
            raise
        except Exception:
            held.fail(_unexpected(worker.claim_id))
            raise


def _note(gateways: Gateways, destination: Destination, was: Standing, now: Standing) -> None:
    """Remember how the destination fares; not to remember it costs an attempt, no more."""
    if now != was:
        with suppress(Transient):
            gateways.standings.put(destination.id, now)


def _wanted(task: HourTask, gateways: Gateways) -> Destination | None:
    """Return the destination if it still asks for this stream: messages outlive what they were sent for."""
    found = gateways.destinations.get(task.key.destination_id)
    if found is None or found.value.status is not Status.ACTIVE or task.key not in found.value.streams:
        return None
    return found.value


def _gone(destination: Destination, gateways: Gateways) -> bool:
    """Whether it was deleted meanwhile, and perhaps made anew: nothing more goes to that container."""
    found = gateways.destinations.get(destination.id)
    return (
        found is None
        or found.value.status is Status.DELETED
        or found.value.created_at != destination.created_at
    )


def _unexpected(claim_id: str) -> Fault:
    return Fault(
        code="internal_error",
        message="An unexpected error stopped the export of this hour; it is tried again by itself.",
        fix=f"If it stays, ask the operator of this exporter to look into the logs for {claim_id}.",
    )


def _export(task: HourTask, destination: Destination, held: Held, gateways: Gateways) -> Outcome:
    stream, hour = task.key.stream, task.hour
    naming = destination.naming(stream)
    container = gateways.containers.open(destination)
    found = look(container, naming, hour)
    if task.requested_by == SCHEDULE and (marker := found.whole(naming, hour)):
        _adopt(marker, held)
        return Outcome.ADOPTED
    with ExitStack() as uploads:
        rejected = RejectedWriter(gateways.rejected, task.key, hour, held.claim_id, uploads)
        tally = Tally()
        lines = _lines(task, destination, gateways.landing, rejected, tally)
        stager = Stager(container, destination, hour, held.claim_id, uploads)
        staged = stager.stage(lines, naming)
        parts = tuple(each.part for each in staged)
        if _gone(destination, gateways):
            held.release()
            return Outcome.NOT_WANTED
        asked = destination.filter_of(stream)
        sha256 = asked.sha256 if asked else None
        held.write(lambda record: record.staged(tally.counts(), parts, sha256, destination.output))
        rejected.commit(replaces=held.record.attempts > 1)
        _commit(staged, found, naming, container, held)
        _mark(naming, destination, container, held)
    held.finish()
    return Outcome.EXPORTED


def _lines(
    task: HourTask, destination: Destination, landing: Landing, rejected: RejectedWriter, tally: Tally
) -> Iterator[bytes]:
    """Return the hour's lines as they are exported, to be read once."""
    stream, hour = task.key.stream, task.hour
    blobs = landing.blobs(stream, hour)
    if stream.data_type is DataType.EVENTS:
        codec = EventCodec(stream.source_id, hour, destination.output)
        keep = filtering(destination.event_filter) if destination.event_filter else keep_all
        return RowChain(codec, rejected, keep, tally=tally).exported(blobs, landing.read)
    return RowChain(MergedIdCodec(hour), rejected, tally=tally).exported(blobs, landing.read)


def _adopt(marker: Marker, held: Held) -> None:
    """Close the record of an hour that is there already.

    If an earlier attempt wrote it, its record tells what became of all rows; otherwise only the exported
    ones are known.
    """
    known = held.record.parts == marker.parts and held.record.rows.exported == marker.rows
    rows = held.record.rows if known else RowCounts(exported=marker.rows)
    output = held.record.output if known else None
    held.write(lambda record: record.staged(rows, marker.parts, marker.filter_sha256, output))
    held.finish()


def _commit(staged: list[StagedPart], found: Found, naming: Naming, container: Container, held: Held) -> None:
    """Make the staged parts the hour's only ones. A marker that no longer holds is taken down first."""
    if found.marker is not None:
        held.check()
        container.delete(naming.marker(held.record.hour), etag=found.marker.etag)
    for each in staged:
        held.check()
        there = found.parts.get(each.part.name)
        each.upload.commit(md5=each.part.md5, etag=there.etag if there else None)
    for name in found.parts.keys() - {each.part.name for each in staged}:
        held.check()
        container.delete(name, etag=found.parts[name].etag)


def _mark(naming: Naming, destination: Destination, container: Container, held: Held) -> None:
    """Write the completion marker, if the destination wants one."""
    if not destination.output.completion_marker:
        return
    record = held.record
    marker = Marker(record.hour, naming.stream.data_type, record.parts, record.filter_sha256)
    held.check()
    container.put(naming.marker(record.hour), marker.to_json(), content_type=MARKER_TYPE, etag=None)
