"""Verifying a range of hours: at once if it is short, else in the background (``verify_in_steps``)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from heapq import merge
from itertools import takewhile
from typing import Protocol

from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict, DestinationFault, Invalid, NotPossible, Problem, Scope
from exporter.domain.hour import Hour, count_between, last_closed_hour
from exporter.domain.hour_record import HourRecord
from exporter.domain.streams import DataType, StreamKey
from exporter.domain.verification import Code, Counts, Finding, HourCheck, Span, Verdict
from exporter.ports import Clock, Gateways
from exporter.schedule.ledger_view import AsOf, list_hours
from exporter.schedule.review import first_progress
from exporter.verify.hour import verify_hour

# A week of one data type. Each is looked at with three calls to storage.
AT_ONCE_MAX = 7 * 24
# The host's front gives up on an answer after 230 seconds: what takes longer is left to the background.
AT_ONCE_TIME = timedelta(seconds=100)

type Hours = Sequence[tuple[DataType, Hour]]


class Repair(Protocol):
    """Asks for a backfill of single hours."""

    def __call__(self, destination: Destination, hours: Hours, request_id: str, /) -> str:
        """Return the backfill's id; for a request that was made before, that of the same backfill.

        ``Rejected`` if it cannot be asked for.
        """
        ...


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What came of a verification; ``lost`` says that some of what was found is not known any more."""

    span: Span
    counts: Counts
    wrong: tuple[HourCheck, ...]
    backfill_id: str | None = None
    lost: bool = False


def chosen_keys(destination: Destination, data_types: tuple[DataType, ...]) -> tuple[StreamKey, ...]:
    """Return the streams of a destination that a verification is about."""
    return tuple(key for key in destination.streams if key.stream.data_type in data_types)


def span_of(
    gateways: Gateways,
    destination: Destination,
    asked: tuple[Hour, Hour],
    data_types: tuple[DataType, ...] | None,
    as_of: AsOf,
) -> Span:
    """Return what there is to verify of the hours that were asked for: up to the last that is closed.

    It begins with the first that is owed or in the ledger: before it there is nothing to say.
    """
    taken = tuple(key.stream.data_type for key in destination.streams)
    unknown = [each for each in data_types or () if each not in taken]
    if unknown:
        raise Invalid(Problem("data_types", f"the destination does not get {' and '.join(unknown)}"))
    keys = chosen_keys(destination, data_types or taken)
    closed = last_closed_hour(as_of.now, as_of.settle)
    first, last = asked[0], min(asked[1], closed)
    begins = [each for key in keys if (each := _begins(gateways, destination, key, (first, last), as_of))]
    return Span(
        # A range without any such hour is empty: it begins after its end.
        first=max(first, min(begins, default=last.plus(1))),
        last=last,
        data_types=tuple(key.stream.data_type for key in keys),
        open=count_between(max(first, closed.plus(1)), asked[1]) * len(keys),
    )


def _begins(
    gateways: Gateways, destination: Destination, key: StreamKey, asked: tuple[Hour, Hour], as_of: AsOf
) -> Hour | None:
    progress = gateways.schedule.get(key)
    if progress is None and destination.status is not Status.DRAFT:
        progress = first_progress(destination, key, gateways, as_of.now)
    owed = [progress.first] if progress is not None else []
    recorded = next(iter(gateways.ledger.states(key, *asked)), None)
    return min([*owed, *([recorded.hour] if recorded else [])], default=None)


def check_hours(
    gateways: Gateways, destination: Destination, span: Span, clock: Clock, as_of: AsOf
) -> Iterator[HourCheck]:
    """Look at the hours that are owed or in the ledger, oldest first.

    What cannot be read of an hour is told of that hour. ``DestinationFault`` if the customer's storage does
    not let us look at all.
    """
    container = gateways.containers.open(destination)
    records = merge(
        *(
            list_hours(gateways, destination, key, (span.first, span.last), as_of=as_of)
            for key in chosen_keys(destination, span.data_types)
        ),
        key=lambda record: record.hour,
    )
    for record in records:
        try:
            yield verify_hour(gateways, destination, container, record, clock)
        except DestinationFault as error:
            if error.fault.scope is not Scope.BLOB:
                raise
            yield _unreadable(record, error.fault.message)
        except Conflict:
            yield _unreadable(record, "A file of the hour was changed by somebody else while it was read.")


def _unreadable(record: HourRecord, why: str) -> HourCheck:
    """Return what is said of an hour of which something cannot be read: nobody knows whether it is whole."""
    finding = Finding(Code.UNREADABLE, record.hour.key, why)
    return HourCheck(record.hour, record.key.stream.data_type, Verdict.WRONG, (finding,))


def fits_at_once(span: Span) -> bool:
    """Whether a span is short enough to be answered at once."""
    return count_between(span.first, span.last) * len(span.data_types) <= AT_ONCE_MAX


def verify_at_once(  # noqa: PLR0913  what a verification is made of, each by its name
    gateways: Gateways,
    destination: Destination,
    span: Span,
    *,
    clock: Clock,
    as_of: AsOf,
    repair: Repair | None,
    request_id: str,
) -> VerifyResult | None:
    """Verify a short span; None if it takes too long. What is wrong is exported again with ``repair``."""
    deadline = clock() + AT_ONCE_TIME
    checks = list(
        takewhile(lambda _: clock() < deadline, check_hours(gateways, destination, span, clock, as_of))
    )
    if clock() >= deadline:
        return None
    wrong = tuple(each for each in checks if each.findings)
    hours = repairs(wrong)
    verified = VerifyResult(span, Counts().plus(checks), wrong)
    if repair is None or not hours:
        return verified
    return replace(verified, backfill_id=repair(destination, hours, request_id))


def repairs(checks: Sequence[HourCheck]) -> list[tuple[DataType, Hour]]:
    """Return the hours that are to be exported again."""
    return [(each.data_type, each.hour) for each in checks if each.repairable]


def repairing(destination: Destination, repair: Repair) -> Repair:
    """Return what repairs, or raise ``NotPossible`` if the destination's hours cannot be exported again."""
    if destination.status is not Status.ACTIVE:
        raise NotPossible(
            "destination_not_active",
            f"The destination {destination.id} is not active, so no hour of it can be exported again.",
        )
    return repair
