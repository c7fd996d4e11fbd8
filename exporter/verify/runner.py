"""Verifying a long range in the background: step by step, each a message of its own.

A step looks at some hours, keeps what it found in a blob, and moves the verification's row on by
compare-and-swap; then it sends the next step. Whoever repeats a step that was done changes nothing. If a step
took effect and its sender was broken off before it sent the next one, its message comes again, and then sends
that; if a step or its message is lost, a tick sends it again (``send_again``).
"""

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, islice

from exporter.domain.clocks import stands_still
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import (
    Conflict,
    DestinationFault,
    ExportError,
    Fault,
    NotFound,
    Rejected,
    Transient,
)
from exporter.domain.hour import Hour
from exporter.domain.streams import DataType
from exporter.domain.verification import (
    HourCheck,
    Span,
    Verification,
    VerificationStatus,
    VerifyStep,
)
from exporter.notify.log_events import log_unreadable
from exporter.ports import Clock, Gateways
from exporter.schedule.ledger_view import AsOf
from exporter.verify.findings import decode_findings, encode_findings
from exporter.verify.range import Repair, VerifyResult, check_hours, repairing, repairs

# Of all data types together. A step is what is done again if its worker dies.
STEP_HOURS = 200
# A step looks at no further hour after this time.
STEP_TIME = timedelta(minutes=1)
# A step takes hardly longer than that; one that has not ended by then is taken for lost.
STALLED = timedelta(minutes=5)
# In one answer. The backfill of a repair has all of them.
SHOWN_MAX = 1000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """Who takes a step. ``step_id`` is unique to this attempt at it.

    ``redelivered`` says that the step's message came before.
    """

    clock: Clock
    step_id: str
    settle: timedelta
    repair: Repair
    redelivered: bool = False


class FindingsLostError(Exception):
    """A blob with what a step found is gone, or is not what was written."""


def begin(  # noqa: PLR0913  what a verification is made of, each by its name
    gateways: Gateways, destination: Destination, span: Span, *, repair: bool, now: datetime, new_id: str
) -> Verification:
    """Begin a verification in the background."""
    begun = Verification(
        id=new_id,
        destination_id=destination.id,
        span=span,
        repair=repair,
        created_at=now,
        moved_at=now,
        next=span.first,
    )
    gateways.verifications.put(begun, None)
    with suppress(Transient):
        # It is written down already: if that fails, a tick sends the step.
        gateways.verify_steps.send([begun.step])
    return begun


def find_verification(gateways: Gateways, destination_id: str, verification_id: str) -> Verification:
    """Return a verification, or raise ``NotFound``."""
    found = gateways.verifications.get(destination_id, verification_id)
    if found is None:
        raise NotFound("verification_not_found", "This destination has no such verification.")
    return found.value


def result(gateways: Gateways, verification: Verification) -> VerifyResult:
    """Return what was found so far; of the hours that are wrong, the first ``SHOWN_MAX``."""
    wrong: list[HourCheck] = []
    lost = False
    try:
        for each in islice(_wrong(gateways, verification), SHOWN_MAX):
            wrong.append(each)  # noqa: PERF402  what comes before the loss is kept
    except FindingsLostError:
        lost = True
    found = (verification.span, verification.counts, tuple(wrong), verification.backfill_id)
    return VerifyResult(*found, lost=lost)


def take_step(step: VerifyStep, gateways: Gateways, stepper: StepContext) -> None:
    """Take a step of a verification, and send the next one.

    ``Transient`` if the storage was out of reach for the moment: the step is to be tried again.
    """
    found = gateways.verifications.get(step.destination_id, step.verification_id)
    if found is None or found.value.ended or found.value.step != step:
        if found is not None and stepper.redelivered and not found.value.ended:
            # Who took this step may not have come to sending the next one.
            gateways.verify_steps.send([found.value.step])
        return
    try:
        moved = _moved_or_failed(found.value, gateways, stepper)
    except Transient as reason:
        with suppress(Conflict, Transient):
            gateways.verifications.put(found.value.set_back(str(reason), stepper.clock()), found.etag)
        raise
    try:
        gateways.verifications.put(moved, found.etag)
    except Conflict:
        # Somebody else took the same step, and sees to the next one.
        return
    if moved.ended:
        for name in gateways.state.names(_folder(moved)):
            if name not in moved.found:
                gateways.state.delete(name)
    else:
        gateways.verify_steps.send([moved.step])


def send_again(gateways: Gateways, now: datetime) -> int:
    """Send the step of every verification that stands still; return how many."""
    unfinished = gateways.verifications.unfinished()
    log_unreadable(unfinished.unreadable)
    stalled = [each for each in unfinished if stands_still(each.moved_at, now, STALLED)]
    for each in stalled:
        gateways.verify_steps.send([each.step])
    return len(stalled)


def _moved_or_failed(verification: Verification, gateways: Gateways, stepper: StepContext) -> Verification:
    """Return the verification with a step done, or as failed for a reason that does not pass."""
    try:
        return _moved(verification, gateways, stepper)
    except DestinationFault as error:
        fault = error.fault
    except Rejected as error:
        fault = Fault(error.code, str(error), "Then verify again.")
    except FindingsLostError:
        fault = findings_lost()
    except ExportError:
        raise
    except Exception:  # noqa: BLE001  told in the verification, which would else be tried for ever
        _log.exception("%s: a step failed unexpectedly", stepper.step_id)
        fault = _unexpected(stepper.step_id)
    return verification.failed(fault, stepper.clock())


def _moved(verification: Verification, gateways: Gateways, stepper: StepContext) -> Verification:
    """Return the verification with a step done, or with its end."""
    found = gateways.destinations.get(verification.destination_id)
    if found is None or found.value.status is Status.DELETED:
        raise NotFound("destination_deleted", "The destination was deleted meanwhile.")
    now = stepper.clock()
    if verification.next > verification.span.last:
        return _finished(verification, found.value, gateways, stepper)
    rest = replace(verification.span, first=verification.next)
    as_of = AsOf(now, stepper.settle)
    checks, following = _some(check_hours(gateways, found.value, rest, stepper.clock, as_of), stepper.clock)
    moved = replace(
        verification.moved(stepper.clock()),
        counts=verification.counts.plus(checks),
        next=following or rest.last.plus(1),
    )
    wrong = [each for each in checks if each.findings]
    if not wrong:
        return moved
    name = f"{_folder(verification)}{verification.next.key}-{stepper.step_id}.json"
    gateways.state.put(name, encode_findings(wrong))
    return replace(moved, found=(*moved.found, name))


def _some(checks: Iterator[HourCheck], clock: Clock) -> tuple[list[HourCheck], Hour | None]:
    """Return what a step looks at, hours whole with all data types, and the first hour that is left."""
    done: list[HourCheck] = []
    ends = clock() + STEP_TIME
    for hour, group in groupby(checks, key=lambda each: each.hour):
        done += group
        if len(done) >= STEP_HOURS or clock() >= ends:
            return done, hour.plus(1)
    return done, None


def _finished(
    verification: Verification, destination: Destination, gateways: Gateways, stepper: StepContext
) -> Verification:
    """Return the verification as ended, once the backfill of what is wrong is asked for."""
    backfill_id = None
    if verification.repair:
        hours: list[tuple[DataType, Hour]] = repairs(list(_wrong(gateways, verification)))
        repair = repairing(destination, stepper.repair)
        backfill_id = repair(destination, hours, verification.id) if hours else None
    now = stepper.clock()
    return replace(
        verification.moved(now),
        status=VerificationStatus.SUCCEEDED,
        backfill_id=backfill_id,
        finished_at=now,
    )


def findings_lost() -> Fault:
    """Return what is said where what was found is not known any more."""
    return Fault(
        code="findings_lost",
        message="What this verification found is lost, in whole or in part.",
        fix="Verify the same range again.",
    )


def _unexpected(step_id: str) -> Fault:
    return Fault(
        code="internal_error",
        message="An unexpected error stopped the verification.",
        fix=f"Ask the operator of this exporter to look into the logs for {step_id}.",
    )


def _wrong(gateways: Gateways, verification: Verification) -> Iterator[HourCheck]:
    """Yield the hours that are wrong, oldest first; ``FindingsLostError`` where that is not known now."""
    for name in verification.found:
        pieces = gateways.state.read(name)
        if pieces is None:
            raise FindingsLostError(name)
        try:
            yield from decode_findings(pieces)
        except ValueError as error:
            raise FindingsLostError(name) from error


def _folder(verification: Verification) -> str:
    """Return where the findings are; no data type has the name that sets them apart from hours."""
    return f"{verification.destination_id}/verifications/{verification.id}/"
