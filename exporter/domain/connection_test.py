"""The outcome of a test upload, as it is answered and as it is kept with the destination."""

from dataclasses import dataclass
from datetime import datetime

from exporter.domain.errors import Fault


@dataclass(frozen=True, slots=True)
class ConnectionStep:
    """One step and how it went: without a fault and not skipped, it passed."""

    name: str
    fault: Fault | None = None
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """All steps, in their order."""

    steps: tuple[ConnectionStep, ...]

    @property
    def ok(self) -> bool:
        """Whether an export would find everything it needs."""
        return all(step.fault is None and not step.skipped for step in self.steps)

    @property
    def first_fault(self) -> Fault | None:
        """What to repair first."""
        return next((step.fault for step in self.steps if step.fault), None)


@dataclass(frozen=True, slots=True)
class ConnectionTest:
    """A test upload of a saved destination: when it was, and what came of it."""

    at: datetime
    report: ConnectionReport
