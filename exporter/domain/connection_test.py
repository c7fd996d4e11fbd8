"""The result of a test upload, as it is answered and stored."""

from dataclasses import dataclass
from datetime import datetime

from exporter.domain.errors import Fault


@dataclass(frozen=True, slots=True)
class ConnectionStep:
    """A step and its result: passed if it has no fault and is not skipped."""

    name: str
    fault: Fault | None = None
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """All steps, in order."""

    steps: tuple[ConnectionStep, ...]

    @property
    def ok(self) -> bool:
        """Whether every step passed."""
        return all(step.fault is None and not step.skipped for step in self.steps)

    @property
    def first_fault(self) -> Fault | None:
        """The fault of the first failed step."""
        return next((step.fault for step in self.steps if step.fault), None)


@dataclass(frozen=True, slots=True)
class ConnectionTest:
    """A test upload of a saved destination: its time and its report."""

    at: datetime
    report: ConnectionReport
