"""The claim of a worker: on an hour of a source, and on one of the slots of the source."""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import datetime

from exporter.domain.claims import Claim
from exporter.domain.errors import Conflict, Transient
from exporter.domain.pulls import PulledHour, PullSlots
from exporter.domain.versioned import Versioned
from exporter.ports import Clock, PullGateways

type Heartbeat = Callable[[Callable[[], None]], AbstractContextManager[None]]
"""Calls a function again and again for as long as its context is open."""

# Each conflict shows that another worker has taken or left a slot.
TRIES_MAX = 10

_log = logging.getLogger(__name__)


class Slot:
    """One of the slots of a source: as many workers as there are slots ask it at the same time."""

    def __init__(self, pulls: PullGateways, source_id: str, claim_id: str, clock: Clock) -> None:
        self._pulls = pulls
        self._source_id = source_id
        self._claim_id = claim_id
        self._clock = clock
        self._until: datetime | None = None

    @property
    def held(self) -> bool:
        """Whether the claim has not run out."""
        return self._until is not None and self._clock() < self._until

    def take(self, slots_max: int) -> bool:
        """Take a slot; return whether one was free."""
        claim = Claim.begun(self._claim_id, self._clock())
        return self._claim(
            claim,
            lambda slots: (
                slots.with_claim(claim, self._clock()) if slots.taken(self._clock()) < slots_max else None
            ),
        )

    def renew(self) -> None:
        """Extend the claim."""
        claim = Claim.begun(self._claim_id, self._clock())
        self._claim(claim, lambda slots: slots.with_claim(claim, self._clock()))

    def _claim(self, claim: Claim, change: Callable[[PullSlots], PullSlots | None]) -> bool:
        written = self._change(change)
        if written:
            self._until = claim.until
        return written

    def leave(self) -> None:
        """Leave the slot; if that is not possible now, the claim runs out."""
        with suppress(Transient):
            self._change(lambda slots: slots.without(self._claim_id, self._clock()))

    def _change(self, change: Callable[[PullSlots], PullSlots | None]) -> bool:
        """Write the slots as changed, unless the change is None; return whether they were written."""
        for _ in range(TRIES_MAX):
            found = self._pulls.slots.get(self._source_id)
            changed = change(found.value if found else PullSlots(self._source_id))
            if changed is None:
                return False
            with suppress(Conflict):
                self._pulls.slots.put(changed, found.etag if found else None)
                return True
        return False


class PullLease:
    """The record of an hour that this worker has claimed; all writes of it go through here, one at a time.

    Once a write finds that another worker has taken over, nothing is written any more.
    """

    def __init__(
        self,
        pulls: PullGateways,
        found: Versioned[PulledHour] | None,
        record: PulledHour,
        slot: Slot,
        clock: Clock,
    ) -> None:
        self._pulls = pulls
        self._record = record
        self._etag = pulls.hours.put(record, found.etag if found else None)
        self._slot = slot
        self._clock = clock
        self._lost = False
        self._turn = threading.Lock()

    @property
    def record(self) -> PulledHour:
        """The record as it was last written."""
        return self._record

    def ensure_held(self) -> None:
        """Raise ``Conflict`` unless the lease holds."""
        if self._lost or not self._record.claimed(self._clock()):
            raise Conflict(f"{self._label} was lost to another worker")

    def ensure_may_ask(self) -> None:
        """Raise ``Conflict`` unless the lease and the slot hold: a claim may have taken long."""
        self.ensure_held()
        if not self._slot.held:
            raise Conflict(f"{self._label}: the slot of the source was lost to another worker")

    @property
    def _label(self) -> str:
        return f"{self._record.source_id} {self._record.hour}"

    def write(self, change: Callable[[PulledHour], PulledHour]) -> None:
        """Write the record as changed; ``Conflict`` if the lease is lost."""
        with self._turn:
            if self._lost:
                raise Conflict(f"{self._label} was lost to another worker")
            changed = change(self._record)
            try:
                self._etag = self._pulls.hours.put(changed, self._etag)
            except Conflict:
                self._lost = True
                raise
            self._record = changed
            self._lost = changed.holder is None

    def release(self, change: Callable[[PulledHour], PulledHour]) -> None:
        """Write the change if that is possible now; if not, the lease runs out."""
        with suppress(Conflict, Transient):
            self.write(change)

    def renew(self) -> None:
        """Extend the claims. A renewal that fails is only logged: two more tries follow before they end."""
        try:
            self.write(lambda record: record.renewed(self._clock()))
            self._slot.renew()
        except (Conflict, Transient) as error:
            _log.warning("%s: lease not renewed: %s", self._label, error)
