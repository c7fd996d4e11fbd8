"""Verifying: what is in a customer's container, against what the ledger, the marker and landing say."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from exporter.domain import transient_failures
from exporter.domain.errors import Fault
from exporter.domain.hour import Hour
from exporter.domain.streams import DataType


class Code(StrEnum):
    """What is not as it should be; the values are stable."""

    HOUR_MISSING = "hour_missing"
    HOUR_UNRECORDED = "hour_unrecorded"
    PART_MISSING = "part_missing"
    PART_DIFFERENT = "part_different"
    PART_SURPLUS = "part_surplus"
    MARKER_MISSING = "marker_missing"
    MARKER_DIFFERENT = "marker_different"
    MARKER_UNEXPECTED = "marker_unexpected"
    ROWS_DIFFERENT = "rows_different"
    LANDING_CHANGED = "landing_changed"
    LANDING_GONE = "landing_gone"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be: ``name`` is the file or the hour, ``detail`` for a person."""

    code: Code
    name: str
    detail: str


class Verdict(StrEnum):
    """What an hour is found to be."""

    WHOLE = "whole"
    WRONG = "wrong"
    RUNNING = "running"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class HourCheck:
    """What came of looking at one hour of one data type.

    ``repairable`` says that exporting it again can only make it better; ``more`` counts the findings that
    are left out.
    """

    hour: Hour
    data_type: DataType
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    repairable: bool = False
    more: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """How many hours were looked at, each data type counted for itself, and what they were found to be."""

    whole: int = 0
    wrong: int = 0
    running: int = 0
    elsewhere: int = 0

    @property
    def checked(self) -> int:
        """All of them."""
        return self.whole + self.wrong + self.running + self.elsewhere

    def plus(self, checked: Iterable[HourCheck]) -> "Counts":
        """Return the counts with further hours."""
        verdicts = [each.verdict for each in checked]
        return Counts(
            self.whole + verdicts.count(Verdict.WHOLE),
            self.wrong + verdicts.count(Verdict.WRONG),
            self.running + verdicts.count(Verdict.RUNNING),
            self.elsewhere + verdicts.count(Verdict.ELSEWHERE),
        )


class VerificationStatus(StrEnum):
    """Where a verification in the background is."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Span:
    """What to verify: closed hours, both ends included, of some data types; ``open`` hours were left out."""

    first: Hour
    last: Hour
    data_types: tuple[DataType, ...]
    open: int = 0


@dataclass(frozen=True, slots=True)
class Verification:
    """A verification that runs in the background, step by step.

    Every hour before ``next`` has been looked at. What was found is in blobs of our own, one for each step
    that found anything; ``found`` names them, in the order of their hours.
    """

    id: str
    destination_id: str
    span: Span
    repair: bool
    created_at: datetime
    moved_at: datetime
    """When it was begun, or its last step was done."""
    next: Hour
    transient_failures: int = 0
    """How many attempts at the next step in a row were broken off by something that should have passed."""
    status: VerificationStatus = VerificationStatus.RUNNING
    counts: Counts = field(default_factory=Counts)
    found: tuple[str, ...] = ()
    backfill_id: str | None = None
    finished_at: datetime | None = None
    error: Fault | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more is done about it."""
        return self.status is not VerificationStatus.RUNNING

    def moved(self, now: datetime) -> "Verification":
        """Return the verification with one more step done."""
        return replace(self, moved_at=now, transient_failures=0, error=None)

    def failed(self, fault: Fault, now: datetime) -> "Verification":
        """Return the verification as ended before its time; what was found is kept."""
        ended = self.moved(now)
        return replace(ended, status=VerificationStatus.FAILED, error=fault, finished_at=now)

    def set_back(self, reason: str, now: datetime) -> "Verification":
        """Return the verification after its next step was broken off by something that should have passed.

        From a few times on the reason is shown; after many, and a long time, that is the end.
        """
        count = self.transient_failures + 1
        fault = transient_failures.keeps_failing("The verification", reason, "Then verify again.")
        if transient_failures.failed(count, self.moved_at, now):
            return self.failed(fault, now)
        return replace(
            self, transient_failures=count, error=fault if transient_failures.shown(count) else None
        )

    @property
    def step(self) -> "VerifyStep":
        """The step that comes next."""
        return VerifyStep(self.destination_id, self.id, self.next)


@dataclass(frozen=True, slots=True)
class VerifyStep:
    """A request to go on with a verification from an hour; void if it has got beyond it."""

    destination_id: str
    verification_id: str
    next: Hour
