"""What the tables say of an hour before it is claimed; read for each hour, or shared with other hours.

Hours of one backfill share more: which hours of a day the ledger has, what landed on that day, and what the
container has of it. This counts only for hours without a row in the ledger. If there is one by now, the claim
fails, because it has to be the first write of the row, and the hour is read by itself.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from exporter.domain.backfill import Backfill, backfill_id
from exporter.domain.breaker import Breaker
from exporter.domain.closing import Closing
from exporter.domain.destination import Destination, Status
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.versioned import Versioned
from exporter.export.attempt import AttemptContext
from exporter.export.recent import DAY_RECENT, Recent
from exporter.ports import Gateways
from exporter.schedule.closings import read_closings


@dataclass(frozen=True)
class Reads:
    """Reads about one hour. What is ``shared`` may have been read for another hour."""

    task: HourTask
    gateways: Gateways
    worker: AttemptContext
    now: datetime
    shared: bool

    @property
    def _recent(self) -> Recent:
        return self.worker.recent

    @cached_property
    def destination(self) -> Destination | None:
        """The destination if it still has this stream: messages outlive what they were sent for."""
        key = self.task.key
        found = self.worker.destination(self.gateways, key.destination_id, anew=not self.shared)
        if found is None or found.value.status is not Status.ACTIVE or key not in found.value.streams:
            return None
        return found.value

    @cached_property
    def closing(self) -> Closing:
        """Which hours of the stream are closed."""
        sources = self.gateways.pulls.sources
        found = self._recent.read(
            ("closings",), self.now, lambda: read_closings(sources), anew=not self.shared
        )
        return found.of(self.task.key.stream, self.now, self.worker.settle)

    @cached_property
    def by_day(self) -> bool:
        """Whether the hour is one of a backfill, and the ledger has no row of it."""
        if not self.shared or backfill_id(self.task.requested_by) is None:
            return False
        key, hour, ledger = self.task.key, self.task.hour, self.gateways.ledger
        first, last = hour.day

        def touched() -> frozenset[Hour]:
            return frozenset(record.hour for record in ledger.states(key, first, last))

        key_of_day = ("ledger", *self.task.day)
        return hour not in self._recent.read(key_of_day, self.now, touched, lasts=DAY_RECENT)

    @cached_property
    def record(self) -> Versioned[HourRecord] | None:
        """The ledger's record of the hour."""
        return None if self.by_day else self.gateways.ledger.get(self.task.key, self.task.hour)

    @cached_property
    def breaker(self) -> Breaker:
        """The breaker of the destination; where it has faults, it is read for this hour."""
        owner, breakers = self.task.key.destination_id, self.gateways.breakers

        def read(*, anew: bool) -> Breaker:
            return self._recent.read(("breaker", owner), self.now, lambda: breakers.get(owner), anew=anew)

        found = read(anew=not self.shared)
        return read(anew=True) if found.faults and self.shared else found

    @cached_property
    def backfill(self) -> Backfill | None:
        """The backfill that an hour is of; None for the schedule's hours, and for slices."""
        number = None if self.task.slice_ref is not None else backfill_id(self.task.requested_by)
        if number is None:
            return None
        owner, backfills = self.task.key.destination_id, self.gateways.backfills
        found = self._recent.read(
            ("backfill", owner, number), self.now, lambda: backfills.get(owner, number), anew=not self.shared
        )
        return found.value if found else None
