"""Verifying a long range in the background: each step checks some hours and keeps its findings in a blob."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, islice

from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict, DestinationFault, Fault, Invalid, NotFound, Problem, Rejected
from exporter.domain.hour import Hour
from exporter.domain.job import JOBS_MAX, page_of_jobs
from exporter.domain.verification import HourCheck, Span, Verification, VerificationStatus, VerifyStep
from exporter.domain.versioned import Page
from exporter.job_steps import AT_ONCE, JobSteps
from exporter.ports import BlobStore, Clock, Gateways, Jobs
from exporter.schedule.ledger_view import as_of_now
from exporter.verify.findings import FindingsLostError, encode_findings, read_findings
from exporter.verify.range import Repair, VerifyResult, check_hours, repairable_hours, repairing

# As of all ids of verifications.
ID_CHARACTERS = 32
# Hours of one step, of all data types together. If its worker dies, the step is done again.
STEP_HOURS = 200
# A step begins no further hour after this time.
STEP_TIME = timedelta(minutes=1)
# A step takes hardly longer than that.
STALLED = timedelta(minutes=5)
# Wrong hours in one answer. The backfill of a repair has all of them.
SHOWN_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class StepContext:
    """What a worker brings to a step. ``step_id`` is unique to this attempt at the step.

    ``redelivered`` says that the step's message was delivered before.
    """

    clock: Clock
    step_id: str
    settle: timedelta
    repair: Repair
    redelivered: bool = False


def begin(  # noqa: PLR0913  what a verification is made of
    gateways: Gateways, destination: Destination, span: Span, *, repair: bool, now: datetime, new_id: str
) -> Verification:
    """Create a verification in the background."""
    verification = Verification(
        id=new_id,
        destination_id=destination.id,
        span=span,
        repair=repair,
        created_at=now,
        moved_at=now,
        next=span.first,
    )
    gateways.verifications.put(verification, None)
    _steps(gateways).start(verification)
    return verification


def id_of_key(destination_id: str, key: str) -> str:
    """Return the id of the verification of an idempotency key: the same one for each request with it."""
    return hashlib.sha256(f"{destination_id}|verify|{key}".encode()).hexdigest()[:ID_CHARACTERS]


def begin_once(  # noqa: PLR0913  what a verification is made of
    gateways: Gateways, destination: Destination, span: Span, *, repair: bool, now: datetime, new_id: str
) -> Verification:
    """Create the verification of ``id_of_key``, or return the one that an earlier request has created.

    Raise ``Invalid`` (``idempotency_key_used``) if that one begins with another hour, or is about other data
    types or another ``repair``. The end of a range may be later by now: an hour was closed.
    """
    if (found := gateways.verifications.get(destination.id, new_id)) is None:
        try:
            return begin(gateways, destination, span, repair=repair, now=now, new_id=new_id)
        except Conflict:
            # The same request, sent twice at the same time.
            found = gateways.verifications.get(destination.id, new_id)
            if found is None:
                raise
    before = found.value
    if (before.span.first, before.span.data_types, before.repair) != (span.first, span.data_types, repair):
        wrong = "was used for another verification: send another key, or the same request"
        raise Invalid(Problem("Idempotency-Key", wrong), code="idempotency_key_used")
    return before


def find_verification(
    verifications: Jobs[Verification], destination_id: str, verification_id: str
) -> Verification:
    """Return a verification, or raise ``NotFound``."""
    found = verifications.get(destination_id, verification_id)
    if found is None:
        raise NotFound("verification_not_found", "This destination has no such verification.")
    return found.value


def list_verifications(
    verifications: Jobs[Verification], destination_id: str, *, after: str = "", limit: int = JOBS_MAX
) -> Page[Verification]:
    """Return a page of the verifications of a destination, the newest first, after the id ``after``."""
    return page_of_jobs(verifications.of(destination_id), after, limit)


def result(state: BlobStore, verification: Verification) -> VerifyResult:
    """Return the result so far, with the first ``SHOWN_MAX`` wrong hours."""
    wrong: list[HourCheck] = []
    lost = False
    try:
        for each in islice(read_findings(state, verification.found), SHOWN_MAX):
            wrong.append(each)  # noqa: PERF402  what comes before the loss is kept
    except FindingsLostError:
        lost = True
    return VerifyResult(
        verification.span, verification.counts, tuple(wrong), verification.backfill_id, lost=lost
    )


def take_step(step: VerifyStep, gateways: Gateways, context: StepContext) -> None:
    """Take a step of a verification, and send the next one.

    ``Transient`` if storage could not be reached: the step is to be tried again.
    """
    _steps(gateways).take(
        step,
        gateways.verifications.get(step.destination_id, step.verification_id),
        lambda verification: (_advance(verification, gateways, context), AT_ONCE),
        context.clock,
        redelivered=context.redelivered,
    )


def resend_stalled(gateways: Gateways, now: datetime) -> int:
    """Send the next step of every verification that has stalled; return how many."""
    return _steps(gateways).resend_stalled(now, STALLED)


def _steps(gateways: Gateways) -> JobSteps[Verification]:
    return JobSteps(
        gateways.verifications,
        send=lambda verification, _delay: gateways.verify_steps.send([verification.next_step]),
        finish=lambda verification: _delete_unused(gateways.state, verification),
    )


def _delete_unused(state: BlobStore, verification: Verification) -> None:
    """Delete the findings of attempts at steps that another attempt was faster to take."""
    for name in state.names(_folder(verification)):
        if name not in verification.found:
            state.delete(name)


def _advance(verification: Verification, gateways: Gateways, context: StepContext) -> Verification:
    """Return the verification with a step taken, or as failed for a reason that does not pass."""
    try:
        return _checked(verification, gateways, context)
    except DestinationFault as error:
        fault = error.fault
    except Rejected as error:
        fault = Fault(error.code, str(error), "Correct this, then verify the same range again.")
    except FindingsLostError:
        fault = findings_lost()
    return verification.fail_with(fault, context.clock())


def _checked(verification: Verification, gateways: Gateways, context: StepContext) -> Verification:
    """Return the verification with some more hours checked, or with its end."""
    found = gateways.destinations.get(verification.destination_id)
    if found is None or found.value.status is Status.DELETED:
        raise NotFound("destination_deleted", "The destination was deleted meanwhile.")
    if verification.next > verification.span.last:
        return _finished(verification, found.value, gateways, context)
    rest = replace(verification.span, first=verification.next)
    as_of = as_of_now(gateways, context.clock(), context.settle)
    checks, following = _some(check_hours(gateways, found.value, rest, context.clock, as_of), context.clock)
    moved = replace(
        verification.moved(context.clock()),
        counts=verification.counts.plus(checks),
        next=following or rest.last.plus(1),
    )
    wrong = [each for each in checks if each.findings]
    if not wrong:
        return moved
    name = f"{_folder(verification)}{verification.next.key}-{context.step_id}.json"
    gateways.state.put(name, encode_findings(wrong))
    return replace(moved, found=(*moved.found, name))


def _some(checks: Iterator[HourCheck], clock: Clock) -> tuple[list[HourCheck], Hour | None]:
    """Return the checks of one step, each hour with all its data types, and the first hour that is left."""
    done: list[HourCheck] = []
    ends = clock() + STEP_TIME
    for hour, group in groupby(checks, key=lambda each: each.hour):
        done += group
        if len(done) >= STEP_HOURS or clock() >= ends:
            return done, hour.plus(1)
    return done, None


def _finished(
    verification: Verification, destination: Destination, gateways: Gateways, context: StepContext
) -> Verification:
    """Return the verification as succeeded, after its repair was requested."""
    backfill_id = None
    if verification.repair:
        hours = repairable_hours(read_findings(gateways.state, verification.found))
        repair = repairing(destination, context.repair)
        backfill_id = repair(destination, hours, verification.id) if hours else None
    now = context.clock()
    ended = verification.moved(now).end_as(VerificationStatus.SUCCEEDED, now)
    return replace(ended, backfill_id=backfill_id)


def findings_lost() -> Fault:
    """Return the fault of a verification with lost findings."""
    return Fault(
        code="findings_lost",
        message="Some or all findings of this verification are lost.",
        fix="Verify the same range again.",
    )


def _folder(verification: Verification) -> str:
    """Return the folder of the findings; no data type is called ``verifications``, so no hour is in it."""
    return f"{verification.destination_id}/verifications/{verification.id}/"
