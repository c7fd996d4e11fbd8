"""Requesting a backfill: of a range of hours, or of single hours that a verification found wrong.

A request costs the same however long its range is: it is checked and stored. ``runner`` does the rest.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from exporter.backfill.hour_list import encode_hours
from exporter.backfill.runner import steps_of
from exporter.destinations.find import find_destination
from exporter.domain.backfill import Backfill, BackfillStatus
from exporter.domain.data_types import DataType
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict, Invalid, NotPossible, Problem
from exporter.domain.hour import Hour, count_between, last_closed_hour
from exporter.domain.streams import Stream, StreamKey
from exporter.ports import Clock, Gateways, Landing, Ledger
from exporter.schedule.ledger_view import AsOf
from exporter.verify.range import Repair

# Azure ends a request after 230 s; people wait less. Ten years of hours take ten seconds.
PLAN_TIME_MAX = timedelta(seconds=30)
# As of all ids of backfills.
ID_CHARACTERS = 32
# The clock is asked once a page of the ledger.
_HOURS_A_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class BackfillRequest:
    """A requested range, both ends included; without ``data_types``, of all that the destination receives.

    ``start`` and ``end`` are as the caller wrote them. With ``allow_loss`` an hour may be replaced by fewer
    rows than it holds.
    """

    start: str
    end: str
    first: Hour
    last: Hour
    data_types: tuple[DataType, ...] | None = None
    allow_loss: bool = False


def id_of_key(destination_id: str, key: str) -> str:
    """Return the id of the backfill of an idempotency key: the same one for each request with it."""
    return hashlib.sha256(f"{destination_id}|{key}".encode()).hexdigest()[:ID_CHARACTERS]


def create_once(
    gateways: Gateways, destination_id: str, request: BackfillRequest, *, as_of: AsOf, key: str
) -> Backfill:
    """Create the backfill of an idempotency key, or return the one that an earlier request has created.

    Raise ``Invalid`` (``idempotency_key_used``) if the key was used for another request.
    """
    new_id = id_of_key(destination_id, key)
    if (found := gateways.backfills.get(destination_id, new_id)) is None:
        try:
            return create(gateways, destination_id, request, as_of=as_of, new_id=new_id)
        except Conflict:
            # The same request, sent twice at the same time.
            found = gateways.backfills.get(destination_id, new_id)
            if found is None:
                raise
    if not _is_of(found.value, request):
        wrong = "was used for another backfill: send another key, or the same request"
        raise Invalid(Problem("Idempotency-Key", wrong), code="idempotency_key_used")
    return found.value


def _is_of(backfill: Backfill, request: BackfillRequest) -> bool:
    """Whether a backfill was created by a request like this one."""
    data_types = {stream.data_type for stream in backfill.streams}
    same_range = (backfill.start, backfill.end) == (request.start, request.end)
    same_types = request.data_types is None or set(request.data_types) == data_types
    return same_range and same_types and backfill.allow_loss == request.allow_loss


def create(
    gateways: Gateways, destination_id: str, request: BackfillRequest, *, as_of: AsOf, new_id: str
) -> Backfill:
    """Create a backfill. ``Invalid`` names all problems of the request; ``NotPossible`` for a draft.

    Hours that are not closed yet are left out, and so are hours of a stream before its first one in landing
    or in the ledger; a backfill without any hour has ended at once. The backfill of a paused destination
    waits until the destination is resumed.
    """
    backfill = _checked(gateways, destination_id, request, as_of, new_id)
    if backfill.total == 0:
        backfill = backfill.moved(as_of.now).end_as(BackfillStatus.SUCCEEDED, as_of.now)
    gateways.backfills.put(backfill, None)
    steps = steps_of(gateways, as_of.now)
    (steps.finish if backfill.ended else steps.start)(backfill)
    return backfill


@dataclass(frozen=True, slots=True)
class PlannedBackfill:
    """A backfill that is not created, and what is exported of its hours: a number, ``rows`` and ``bytes``.

    ``complete`` is false if the time was not enough to look at all hours.
    """

    backfill: Backfill
    exported: int
    rows: int
    bytes: int
    complete: bool


def plan(  # noqa: PLR0913  as for the creation, and the clock
    gateways: Gateways,
    destination_id: str,
    request: BackfillRequest,
    *,
    as_of: AsOf,
    new_id: str,
    clock: Clock,
) -> PlannedBackfill:
    """Return what ``create`` would create, and what the ledger knows of its hours; nothing is written."""
    until = clock() + PLAN_TIME_MAX
    backfill = _checked(gateways, destination_id, request, as_of, new_id)
    exported = rows = size = 0
    for stream, begin in zip(backfill.streams, backfill.begins, strict=True):
        known = gateways.ledger.figures(StreamKey(destination_id, stream), begin, backfill.last)
        for number, (record, figures) in enumerate(known):
            if number % _HOURS_A_PAGE == 0 and clock() >= until:
                return PlannedBackfill(backfill, exported, rows, size, complete=False)
            exported += record.done
            rows += figures.rows if record.done else 0
            size += figures.bytes if record.done else 0
    return PlannedBackfill(backfill, exported, rows, size, complete=True)


def _checked(
    gateways: Gateways, destination_id: str, request: BackfillRequest, as_of: AsOf, new_id: str
) -> Backfill:
    """Return the backfill of a request that is in order; raises otherwise."""
    destination = find_destination(gateways.destinations, destination_id).value
    by_clock = last_closed_hour(as_of.now, as_of.settle)
    streams = _checked_streams(destination, request, by_clock)
    closed = min((as_of.closing(stream).last for stream in streams), default=by_clock)
    last = min(request.last, closed)
    keys = [StreamKey(destination.id, stream) for stream in streams]
    known = [first_known(gateways.landing, gateways.ledger, key, (request.first, last)) for key in keys]
    begins = tuple(first or last.plus(1) for first in known)
    return replace(
        _new(new_id, destination, streams, (min(begins), last), as_of.now),
        start=request.start,
        end=request.end,
        total=sum(count_between(first, last) for first in begins),
        begins=begins,
        clamped=request.last > closed,
        clamped_start=any(known) and min(begins) > request.first,
        allow_loss=request.allow_loss,
    )


def _checked_streams(destination: Destination, request: BackfillRequest, closed: Hour) -> tuple[Stream, ...]:
    """Return the streams of a request that is in order; raises otherwise."""
    received = [key.stream for key in destination.streams]
    wanted = request.data_types or tuple(stream.data_type for stream in received)
    streams = tuple(stream for stream in received if stream.data_type in wanted)
    problems = []
    if unknown := [each for each in wanted if each not in {stream.data_type for stream in streams}]:
        problems.append(Problem("data_types", f"the destination does not receive {' and '.join(unknown)}"))
    if request.first > closed:
        problems.append(
            Problem("start", f"is not closed yet: the last hour that can be exported is {closed}")
        )
    if problems:
        raise Invalid(*problems)
    if destination.status is Status.DRAFT:
        raise NotPossible(
            "destination_not_active",
            f"The destination {destination.id} is a draft: test and activate it first.",
        )
    return streams


def first_known(landing: Landing, ledger: Ledger, key: StreamKey, span: tuple[Hour, Hour]) -> Hour | None:
    """Return the first hour of a range that a stream may have rows in; None if there is none.

    The result may be after ``last``. Hours that were exported count, also if landing does not hold them any
    more: a backfill has to say that they cannot be exported again.
    """
    first, last = span
    landed = landing.earliest_hour(key.stream)
    if landed is not None and landed <= first:
        return first
    recorded = next(iter(ledger.states(key, first, last)), None)
    return min([*([landed] if landed else []), *([recorded.hour] if recorded else [])], default=None)


def repairer(gateways: Gateways, clock: Callable[[], datetime]) -> Repair:
    """Return a function that creates a backfill of the hours that a verification found wrong."""
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
    """Create a backfill of single hours, unless there is one of this id; return the id."""
    streams = {key.stream.data_type: key.stream for key in destination.streams}
    listed = sorted({(hour, streams[data_type]) for data_type, hour in hours})
    concerned = tuple(sorted({stream for _, stream in listed}))
    name = f"{destination.id}/backfills/{request_id}/hours"
    backfill = _new(request_id, destination, concerned, (listed[0][0], listed[-1][0]), now)
    backfill = replace(backfill, total=len(listed), hour_list=name)
    if gateways.backfills.get(destination.id, request_id) is None:
        gateways.state.put(name, encode_hours((stream, hour) for hour, stream in listed))
        gateways.backfills.put(backfill, None)
    steps_of(gateways, now).start(backfill)
    return request_id


def _new(
    backfill_id: str,
    destination: Destination,
    streams: tuple[Stream, ...],
    span: tuple[Hour, Hour],
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
        total=0,
        created_at=now,
        since=now,
        retry_since=now,
        moved_at=now,
        done_before=first,
        queued_before=first,
    )
