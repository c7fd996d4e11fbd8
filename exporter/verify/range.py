"""Verifying a range of hours: at once if it is short, else in the background (``runner``)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from heapq import merge
from itertools import takewhile
from typing import Protocol

from exporter.domain.data_types import DataType
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict, DestinationFault, Invalid, NotPossible, Problem, Scope
from exporter.domain.hour import Hour, count_between
from exporter.domain.hour_record import HourRecord
from exporter.domain.streams import StreamKey
from exporter.domain.verification import Code, Counts, Finding, HourCheck, Span, Verdict
from exporter.ports import Clock, Gateways
from exporter.schedule.ledger_view import AsOf, list_hours
from exporter.schedule.review import first_progress
from exporter.verify.hour import verify_hour

# A week of one data type. Each hour costs three calls to storage.
AT_ONCE_MAX = 7 * 24
# The host's load balancer closes a request after 230 seconds: a longer verification runs in the background.
AT_ONCE_TIME = timedelta(seconds=100)

type Hours = Sequence[tuple[DataType, Hour]]


class Repair(Protocol):
    """A function that creates a backfill of single hours."""

    def __call__(self, destination: Destination, hours: Hours, request_id: str, /) -> str:
        """Return the backfill's id; the same backfill if the request was made before.

        ``Rejected`` if it cannot be created.
        """
        ...


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """The result of a verification; ``lost`` says that some of its findings are lost."""

    span: Span
    counts: Counts
    wrong: tuple[HourCheck, ...]
    backfill_id: str | None = None
    lost: bool = False


def _keys(destination: Destination, data_types: tuple[DataType, ...]) -> tuple[StreamKey, ...]:
    """Return the destination's streams of these data types."""
    return tuple(key for key in destination.streams if key.stream.data_type in data_types)


def span_of(
    gateways: Gateways,
    destination: Destination,
    requested: tuple[Hour, Hour],
    data_types: tuple[DataType, ...] | None,
    as_of: AsOf,
) -> Span:
    """Return the hours of a request that can be verified: from the first known one to the last closed one.

    An hour is known if it is owed or in the ledger.
    """
    received = tuple(key.stream.data_type for key in destination.streams)
    unknown = [each for each in data_types or () if each not in received]
    if unknown:
        raise Invalid(Problem("data_types", f"the destination does not receive {' and '.join(unknown)}"))
    keys = _keys(destination, data_types or received)
    closed = min(as_of.closing(key.stream).last for key in keys)
    first, last = requested[0], min(requested[1], closed)
    begins = [begin for key in keys if (begin := _begin(gateways, destination, key, (first, last), as_of))]
    return Span(
        # A range without a known hour is empty: it begins after its end.
        first=max(first, min(begins, default=last.plus(1))),
        last=last,
        data_types=tuple(key.stream.data_type for key in keys),
        open=count_between(max(first, closed.plus(1)), requested[1]) * len(keys),
    )


def _begin(
    gateways: Gateways, destination: Destination, key: StreamKey, span: tuple[Hour, Hour], as_of: AsOf
) -> Hour | None:
    """Return the first known hour of a stream; None if there is none."""
    progress = gateways.schedule.get(key)
    if progress is None and destination.status is not Status.DRAFT:
        progress = first_progress(gateways.ledger, gateways.landing, destination, key, as_of.now)
    recorded = next(iter(gateways.ledger.states(key, *span)), None)
    owed = [progress.first] if progress is not None else []
    return min([*owed, *([recorded.hour] if recorded else [])], default=None)


def check_hours(
    gateways: Gateways, destination: Destination, span: Span, clock: Clock, as_of: AsOf
) -> Iterator[HourCheck]:
    """Verify the hours that are owed or in the ledger, oldest first.

    A file that cannot be read is a finding of its hour. ``DestinationFault`` if the customer's storage
    refuses altogether.
    """
    container = gateways.containers.open(destination)
    records = merge(
        *(
            list_hours(gateways, destination, key, (span.first, span.last), as_of=as_of)
            for key in _keys(destination, span.data_types)
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
            yield _unreadable(record, "A file of the hour was changed by another program while it was read.")


def _unreadable(record: HourRecord, detail: str) -> HourCheck:
    """Return the check of an hour with a file that cannot be read: it is not known to be whole."""
    finding = Finding(Code.UNREADABLE, record.hour.key, detail)
    return HourCheck(record.hour, record.key.stream.data_type, Verdict.WRONG, (finding,))


def fits_at_once(span: Span) -> bool:
    """Whether a span is short enough to be answered at once."""
    return count_between(span.first, span.last) * len(span.data_types) <= AT_ONCE_MAX


def verify_at_once(  # noqa: PLR0913  what a verification is made of
    gateways: Gateways,
    destination: Destination,
    span: Span,
    *,
    clock: Clock,
    as_of: AsOf,
    repair: Repair | None,
    request_id: str,
) -> VerifyResult | None:
    """Verify a short span, and repair the wrong hours if ``repair`` is given; None if it takes too long."""
    deadline = clock() + AT_ONCE_TIME
    checks = list(
        takewhile(lambda _: clock() < deadline, check_hours(gateways, destination, span, clock, as_of))
    )
    if clock() >= deadline:
        return None
    wrong = tuple(each for each in checks if each.findings)
    hours = repairable_hours(wrong)
    backfill_id = repair(destination, hours, request_id) if repair is not None and hours else None
    return VerifyResult(span, Counts().plus(checks), wrong, backfill_id)


def repairable_hours(checks: Iterable[HourCheck]) -> list[tuple[DataType, Hour]]:
    """Return the hours that a repair exports again."""
    return [(each.data_type, each.hour) for each in checks if each.repairable]


def repairing(destination: Destination, repair: Repair) -> Repair:
    """Return ``repair``, or raise ``NotPossible`` if hours of the destination cannot be exported now."""
    if destination.status is not Status.ACTIVE:
        raise NotPossible(
            "destination_not_active",
            f"The destination {destination.id} is not active: its hours cannot be exported again.",
        )
    return repair
