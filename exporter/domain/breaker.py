"""How a destination fares with its customer's storage: whether to go on, wait, or try one hour."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from exporter.domain.errors import Fault, Scope

# After the n-th fault in a row: 2, 4, 8, 16, then every 30 minutes. Always shorter than what the failed hour
# itself waits, so that the next try is of another one: an hour that cannot be exported stops no others.
WAIT_FIRST = timedelta(minutes=2)
WAIT_MAX = timedelta(minutes=30)
# From so many faults in a row on, it was not one hour's trouble: what failed with it is due at once.
OUTAGE_FAULTS = 2


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is remembered of a destination besides its hours.

    ``faults`` is how many attempts in a row its storage has refused. While there are any, one hour at a time
    is tried, and none before ``retry_at``. ``healed_at`` is when it last recovered.
    """

    faults: int = 0
    retry_at: datetime | None = None
    healed_at: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether nothing of the destination is to be tried yet."""
        return self.retry_at is not None and now < self.retry_at

    def record_failure(self, fault: Fault, now: datetime) -> "Breaker":
        """Return the standing after a fault: as before if it is about one blob, or if it waits already.

        Several faults that were under way together count as one.
        """
        if fault.scope is Scope.BLOB or self.is_open(now):
            return self
        wait = min(WAIT_FIRST * (1 << min(self.faults, 10)), WAIT_MAX)
        return Breaker(self.faults + 1, now + wait, self.healed_at)

    def record_success(self, now: datetime) -> "Breaker":
        """Return the standing after a success."""
        if self.faults == 0:
            return self
        return Breaker(healed_at=now if self.faults >= OUTAGE_FAULTS else self.healed_at)

    def reset(self, now: datetime) -> "Breaker":
        """Return the standing after somebody has changed something, or tried it: all is due at once."""
        return Breaker(healed_at=now) if self.faults else self


CLOSED = Breaker()
