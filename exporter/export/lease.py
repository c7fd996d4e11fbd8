"""Holding an hour: the claim that keeps others away, renewed while its holder lives."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime, timedelta

from exporter.domain.errors import Conflict, Fault, Transient
from exporter.domain.hour_record import RENEW_EVERY, HourRecord, HourTask, SlicedExport
from exporter.domain.versioned import Versioned
from exporter.ports import Clock, Ledger

type Heartbeat = Callable[[Callable[[], None]], AbstractContextManager[None]]
"""Calls a function again and again for as long as its context is open."""

_log = logging.getLogger(__name__)


class HourLease:
    """An hour that is ours. Every write of its record goes through here, in turn, over the one before it.

    Once a write finds that somebody else has taken the hour, it is lost: nothing is written any more.
    """

    def __init__(self, ledger: Ledger, record: HourRecord, etag: str, clock: Clock) -> None:
        self._ledger = ledger
        self._record = record
        self._etag = etag
        self._clock = clock
        self._lost = False
        self._turn = threading.Lock()

    @property
    def record(self) -> HourRecord:
        """The record as it was last written."""
        return self._record

    @property
    def claim_id(self) -> str:
        """What names this attempt, in block ids and in logs."""
        if self._record.claim is None:
            raise ValueError(f"{self._record.key} {self._record.hour} is not held")
        return self._record.claim.id

    def ensure_held(self) -> None:
        """Raise ``Conflict`` unless the hour is still ours; asked before each change at the customer's."""
        if self._lost or not self._record.claimed(self._clock()):
            raise Conflict(f"{self._record.key} {self._record.hour} was lost to another worker")

    def write(self, change: Callable[[HourRecord], HourRecord]) -> None:
        """Write the record as changed; ``Conflict`` if the hour is no longer ours."""
        with self._turn:
            self._write(change)

    def _write(self, change: Callable[[HourRecord], HourRecord]) -> None:
        if self._lost:
            raise Conflict(f"{self._record.key} {self._record.hour} was lost to another worker")
        changed = change(self._record)
        try:
            self._etag = self._ledger.put(changed, self._etag)
        except Conflict:
            self._lost = True
            raise
        self._record = changed
        self._lost = changed.claim is None

    def renew(self) -> None:
        """Extend the lease. Failing in passing is no matter: there are two more tries before it ends."""
        try:
            self.write(lambda record: record.renewed(self._clock()))
        except (Conflict, Transient) as error:
            _log.warning("%s %s: lease not renewed: %s", self._record.key, self._record.hour, error)

    def finish(self) -> None:
        """Close the record: the hour is whole in the customer's container."""
        self.write(lambda record: record.finished(self._clock()))

    def fail(self, fault: Fault) -> None:
        """Give the hour back with the reason, to be tried again after a back-off."""
        self._release(lambda record: record.failed(fault, self._clock()))

    def release(self) -> None:
        """Give the hour back, owed or done as before."""
        self._release(HourRecord.released)

    def release_after(self, why: str) -> None:
        """Give the hour back because of something that should pass; its record counts how often that was."""
        self._release(lambda record: record.broken_off(why))

    def refuse(self, fault: Fault, *, looked_at: datetime | None = None) -> None:
        """Give the hour back as it was: what was asked for would lose rows.

        ``looked_at`` is when landing was looked at for late blobs, if that was asked for.
        """

        def refused(record: HourRecord) -> HourRecord:
            given_back = record.refuse(fault)
            return given_back if looked_at is None else given_back.late_checked(looked_at)

        self.write(refused)

    def return_to_slices(self) -> None:
        """Give the hour back in passing: its slices stay staged, and the next one goes on from there."""
        self._release(HourRecord.returned_to_slices)

    def release_to_slices(self, run: SlicedExport) -> None:
        """Leave the hour to the workers of its slices; from here on it is not ours."""
        with self._turn:
            self._write(lambda record: record.released_to_slices(run, self._clock()))
            self._lost = True

    def _release(self, change: Callable[[HourRecord], HourRecord]) -> None:
        """Write the change if that is possible now; if not, the lease runs out by itself."""
        with suppress(Conflict, Transient):
            self.write(change)


def acquire(
    ledger: Ledger, found: Versioned[HourRecord] | None, task: HourTask, claim_id: str, clock: Clock
) -> HourLease:
    """Take an hour that was found free; ``Conflict`` if another worker was faster."""
    record = found.value if found else HourRecord(task.key, task.hour)
    taken = record.claimed_by(claim_id, task.requested_by, clock(), round_=task.round)
    return HourLease(ledger, taken, ledger.put(taken, found.etag if found else None), clock)


def acquire_joined(ledger: Ledger, found: Versioned[HourRecord], claim_id: str, clock: Clock) -> HourLease:
    """Take an hour whose slices have ended; ``Conflict`` if another worker was faster."""
    taken = found.value.joined(claim_id, clock())
    return HourLease(ledger, taken, ledger.put(taken, found.etag), clock)


def background_heartbeat(every: timedelta = RENEW_EVERY) -> Heartbeat:
    """Return a beat that runs in a thread of its own, beside the work."""

    @contextmanager
    def beat(call: Callable[[], None]) -> Iterator[None]:
        stop = threading.Event()

        def run() -> None:
            while not stop.wait(every.total_seconds()):
                try:
                    call()
                except Exception:  # noqa: BLE001  a thread has nobody to raise to
                    # The work goes on: it finds out by itself, before its next write, that the lease ended.
                    _log.exception("the lease could not be renewed")

        thread = threading.Thread(target=run, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    return beat
