"""Backfills as people ask for them: begun, looked at, cancelled, tried again.

To ask is cheap however long the range is: it is checked and written down. The rest is ``run_backfill``'s.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from exporter.backfill.hour_list import encode_hours
from exporter.backfill.progress import progress_of
from exporter.destinations.edit import find_destination, find_history
from exporter.domain.backfill import HOURS_LOST, Backfill, BackfillStatus
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict, Invalid, NotFound, NotPossible, Problem, Transient
from exporter.domain.hour import Hour, count_between, last_closed_hour
from exporter.domain.streams import DataType, Stream, StreamKey
from exporter.domain.versioned import Versioned
from exporter.notify.notifications import backfill_ended
from exporter.ports import Gateways
from exporter.schedule.ledger_view import AsOf
from exporter.verify.range import Repair

# How often a change is tried again that met another one: the steps of a backfill change it every few seconds.
CHANGES_MAX = 20


@dataclass(frozen=True, slots=True)
class BackfillRequest:
    """A range as it was asked for, both ends included; all that the destination gets, without data types.

    With ``allow_loss`` hours may be replaced by less than they hold.
    """

    start: str
    end: str
    first: Hour
    last: Hour
    data_types: tuple[DataType, ...] | None = None
    allow_loss: bool = False


def create(
    gateways: Gateways, destination_id: str, asked: BackfillRequest, *, as_of: AsOf, new_id: str
) -> Backfill:
    """Begin a backfill. ``Invalid`` with all that is wrong; of a draft, ``NotPossible``.

    Hours that are not closed yet are left out, and so are those of a data type before anything of it is in
    landing or in the ledger; of a range without any other hour there is nothing to do. A backfill of a paused
    destination waits until that is resumed.
    """
    destination = find_destination(gateways, destination_id).value
    closed = last_closed_hour(as_of.now, as_of.settle)
    streams, problems = _streams(destination, asked.data_types)
    if asked.first > closed:
        problems.append(
            Problem("start", f"is not closed yet: the last hour that can be exported by now is {closed}")
        )
    if problems:
        raise Invalid(*problems)
    if destination.status is Status.DRAFT:
        raise NotPossible(
            "destination_not_active",
            f"The destination {destination.id} is a draft: test and activate it first.",
        )
    last = min(asked.last, closed)
    found = [_begin(gateways, StreamKey(destination.id, stream), (asked.first, last)) for stream in streams]
    begins = tuple(begin or last.plus(1) for begin in found)
    begun = replace(
        _begun(
            new_id,
            destination,
            streams,
            (min(begins), last),
            total=sum(count_between(begin, last) for begin in begins),
            now=as_of.now,
        ),
        start=asked.start,
        end=asked.end,
        begins=begins,
        clamped=asked.last > closed,
        clamped_start=any(found) and min(begins) > asked.first,
        allow_loss=asked.allow_loss,
    )
    if begun.total == 0:
        ended = begun.moved(as_of.now).end_as(BackfillStatus.SUCCEEDED, as_of.now)
        gateways.backfills.put(ended, None)
        backfill_ended(gateways, ended, as_of.now)
        return ended
    gateways.backfills.put(begun, None)
    _send(gateways, begun)
    return begun


def _begin(gateways: Gateways, key: StreamKey, span: tuple[Hour, Hour]) -> Hour | None:
    """Return the first hour of a span of which anything of a stream may be known; None if nothing is.

    It may lie behind the span. What was exported from blobs that are not in landing any more counts, too:
    such hours are not to be passed over in silence.
    """
    first, last = span
    landed = gateways.landing.earliest_hour(key.stream)
    if landed is not None and landed <= first:
        return first
    recorded = next(iter(gateways.ledger.states(key, first, last)), None)
    return min([*([landed] if landed else []), *([recorded.hour] if recorded else [])], default=None)


def _send(gateways: Gateways, backfill: Backfill) -> None:
    """Send a backfill's next step. It is written down already: if that fails in passing, a tick does it."""
    with suppress(Transient):
        gateways.backfill_steps.send([backfill.next_step])


def repairer(gateways: Gateways, clock: Callable[[], datetime]) -> Repair:
    """Return what begins a backfill of the hours that a verification found to be wrong."""
    return lambda destination, hours, request_id: create_repair(
        gateways, destination, hours, request_id, clock()
    )


def create_repair(
    gateways: Gateways,
    destination: Destination,
    hours: Sequence[tuple[DataType, Hour]],
    request_id: str,
    now: datetime,
) -> str:
    """Begin a backfill of single hours, and return its id; of a request made before, that of then."""
    streams = {key.stream.data_type: key.stream for key in destination.streams}
    chosen = sorted({(hour, streams[data_type]) for data_type, hour in hours})
    begun = _begun(
        request_id,
        destination,
        tuple(sorted({stream for _, stream in chosen})),
        (chosen[0][0], chosen[-1][0]),
        total=len(chosen),
        now=now,
    )
    begun = replace(begun, hour_list=f"{destination.id}/backfills/{request_id}/hours")
    if gateways.backfills.get(destination.id, request_id) is None:
        gateways.state.put(begun.hour_list or "", encode_hours((stream, hour) for hour, stream in chosen))
        gateways.backfills.put(begun, None)
    _send(gateways, begun)
    return request_id


def _streams(
    destination: Destination, data_types: tuple[DataType, ...] | None
) -> tuple[tuple[Stream, ...], list[Problem]]:
    """Return the streams of those data types, and what is wrong with asking for them."""
    taken = [key.stream for key in destination.streams]
    missing = [each for each in data_types or () if each not in {stream.data_type for stream in taken}]
    problems = (
        [Problem("data_types", f"the destination does not get {' and '.join(missing)}")] if missing else []
    )
    return tuple(each for each in taken if data_types is None or each.data_type in data_types), problems


def _begun(  # noqa: PLR0913  what a backfill is made of, each by its name
    backfill_id: str,
    destination: Destination,
    streams: tuple[Stream, ...],
    span: tuple[Hour, Hour],
    *,
    total: int,
    now: datetime,
) -> Backfill:
    first, last = span
    return Backfill(
        id=backfill_id,
        destination_id=destination.id,
        start=first.key,
        end=last.key,
        first=first,
        last=last,
        streams=streams,
        total=total,
        created_at=now,
        since=now,
        retry_since=now,
        moved_at=now,
        done_before=first,
        queued_before=first,
    )


def find_backfill(gateways: Gateways, destination_id: str, backfill_id: str) -> Backfill:
    """Return a backfill, even of a deleted destination, or raise ``NotFound``."""
    find_history(gateways, destination_id)
    return _found(gateways, destination_id, backfill_id).value


def list_backfills(gateways: Gateways, destination_id: str) -> list[Backfill]:
    """Return the backfills of a destination, even of a deleted one, the newest first."""
    find_history(gateways, destination_id)
    found = gateways.backfills.of(destination_id)
    return sorted(found, key=lambda backfill: (backfill.created_at, backfill.id), reverse=True)


def cancel(gateways: Gateways, destination_id: str, backfill_id: str, *, now: datetime) -> Backfill:
    """Queue no further hour, and begin none that is queued; hours that are being exported are finished.

    To cancel twice is to cancel once. ``NotPossible`` if it has ended otherwise.
    """
    for _ in range(CHANGES_MAX):
        found = _found(gateways, destination_id, backfill_id)
        if found.value.status is BackfillStatus.CANCELLED:
            return found.value
        if found.value.ended:
            raise NotPossible("backfill_ended", f"The backfill has ended already: {found.value.status}.")
        # How far it is, for good: the hours of a range go on living in the ledger.
        progress = progress_of(gateways, found.value, now)
        stopped = replace(found.value, tally=progress.tally, failed=progress.failed)
        cancelled = stopped.moved(now).end_as(BackfillStatus.CANCELLED, now)
        if _put(gateways, cancelled, found.etag):
            backfill_ended(gateways, cancelled, now)
            return cancelled
    raise Transient("the backfill is being changed all the time")


def retry(gateways: Gateways, destination_id: str, backfill_id: str, *, now: datetime) -> Backfill:
    """Try what has failed again, and what was left when it ended; hours that are done are not exported again.

    ``NotPossible`` if it has not ended, if nothing of it failed or is left, or if its hours are not known
    any more.
    """
    for _ in range(CHANGES_MAX):
        find_destination(gateways, destination_id)
        found = _found(gateways, destination_id, backfill_id)
        if not found.value.ended:
            raise NotPossible(
                "backfill_not_ended",
                "The backfill has not ended. Cancel it, or wait until its other hours are done.",
            )
        if found.value.status is BackfillStatus.SUCCEEDED:
            raise NotPossible("nothing_to_retry", "Every hour of the backfill is done.")
        if found.value.error is not None and found.value.error.code == HOURS_LOST.code:
            raise NotPossible(HOURS_LOST.code, f"{HOURS_LOST.message} {HOURS_LOST.fix}")
        again = found.value.begun_again(now)
        if _put(gateways, again, found.etag):
            _send(gateways, again)
            return again
    raise Transient("the backfill is being changed all the time")


def _found(gateways: Gateways, destination_id: str, backfill_id: str) -> Versioned[Backfill]:
    found = gateways.backfills.get(destination_id, backfill_id)
    if found is None:
        raise NotFound("backfill_not_found", "This destination has no such backfill.")
    return found


def _put(gateways: Gateways, backfill: Backfill, etag: str) -> bool:
    """Write a backfill; False if it was changed meanwhile."""
    try:
        gateways.backfills.put(backfill, etag)
    except Conflict:
        return False
    return True
