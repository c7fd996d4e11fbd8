"""The circuit breaker of a destination: after faults of its storage, one hour at a time is tried."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from exporter.domain.errors import Fault, Scope

# The wait after the n-th fault in a row: 2, 4, 8, 16, then every 30 minutes. It is always shorter than the
# wait of the failed hour itself, so the next attempt is of another hour: one bad hour does not block others.
WAIT_FIRST = timedelta(minutes=2)
WAIT_MAX = timedelta(minutes=30)
# From so many faults in a row on it was an outage, not one bad hour: all hours that failed are due at once.
OUTAGE_FAULTS = 2


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state of a circuit breaker.

    ``faults`` counts the attempts in a row that the storage refused. If there are any, one hour at a time is
    tried, and none before ``retry_at``. ``healed_at`` is the end of the last outage.
    """

    faults: int = 0
    retry_at: datetime | None = None
    healed_at: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether no hour of the destination may be tried yet."""
        return self.retry_at is not None and now < self.retry_at

    def record_failure(self, fault: Fault, now: datetime) -> "Breaker":
        """Return the state after a fault; unchanged by a fault of one blob, or while the breaker is open.

        So concurrent attempts that fail together count as one.
        """
        if fault.scope is Scope.BLOB or self.is_open(now):
            return self
        wait = min(WAIT_FIRST * (1 << min(self.faults, 10)), WAIT_MAX)
        return Breaker(self.faults + 1, now + wait, self.healed_at)

    def record_success(self, now: datetime) -> "Breaker":
        """Return the state after a success: closed."""
        if self.faults == 0:
            return self
        return Breaker(healed_at=now if self.faults >= OUTAGE_FAULTS else self.healed_at)

    def reset(self, now: datetime) -> "Breaker":
        """Return the state after a successful test or a change of the destination: everything is due."""
        return Breaker(healed_at=now) if self.faults else self


CLOSED = Breaker()
