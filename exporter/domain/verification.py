"""Verifying: the customer's container is compared with the ledger, the marker and landing."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from exporter.domain.data_types import DataType
from exporter.domain.hour import Hour
from exporter.domain.job import Job


class Code(StrEnum):
    """Kinds of findings; the values are stable."""

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
    """One difference: ``name`` is the file or the hour, ``detail`` is a sentence for a person."""

    code: Code
    name: str
    detail: str


class Verdict(StrEnum):
    """The result of checking an hour."""

    WHOLE = "whole"
    WRONG = "wrong"
    RUNNING = "running"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class HourCheck:
    """The result of checking one hour of one data type.

    ``repairable`` says that exporting the hour again loses nothing. ``more`` counts findings that are left
    out.
    """

    hour: Hour
    data_type: DataType
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    repairable: bool = False
    more: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """Checked hours by verdict; the hours of different data types count separately."""

    whole: int = 0
    wrong: int = 0
    running: int = 0
    elsewhere: int = 0

    @property
    def checked(self) -> int:
        """All checked hours."""
        return self.whole + self.wrong + self.running + self.elsewhere

    def plus(self, checks: Iterable[HourCheck]) -> "Counts":
        """Return the counts with further hours."""
        verdicts = [each.verdict for each in checks]
        return Counts(
            self.whole + verdicts.count(Verdict.WHOLE),
            self.wrong + verdicts.count(Verdict.WRONG),
            self.running + verdicts.count(Verdict.RUNNING),
            self.elsewhere + verdicts.count(Verdict.ELSEWHERE),
        )


class VerificationStatus(StrEnum):
    """The state of a verification in the background."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Span:
    """Hours to verify: closed ones, both ends included, of some data types; ``open`` hours were left out."""

    first: Hour
    last: Hour
    data_types: tuple[DataType, ...]
    open: int = 0


@dataclass(frozen=True, slots=True)
class VerifyStep:
    """A request to continue a verification from an hour; void if the verification is past it."""

    destination_id: str
    verification_id: str
    next: Hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification(Job[VerifyStep]):
    """A verification in the background.

    Every hour before ``next`` was checked. Findings are in blobs of our own storage, one for each step that
    found anything; ``found`` names them, in the order of their hours.
    """

    NOUN: ClassVar[str] = "verification"
    AGAIN: ClassVar[str] = "verify the same range again"
    FAILED: ClassVar[StrEnum] = VerificationStatus.FAILED
    ENDED: ClassVar[frozenset[StrEnum]] = frozenset({VerificationStatus.SUCCEEDED, VerificationStatus.FAILED})

    span: Span
    repair: bool
    next: Hour
    status: VerificationStatus = VerificationStatus.RUNNING
    counts: Counts = field(default_factory=Counts)
    found: tuple[str, ...] = ()
    backfill_id: str | None = None

    @property
    def next_step(self) -> VerifyStep:
        """The step that is to be taken next."""
        return VerifyStep(self.destination_id, self.id, self.next)

    def follows(self, step: VerifyStep) -> bool:
        """Whether that step was taken."""
        return step.next <= self.next
