"""Leases: the claim that keeps other workers away from an hour or a slice, renewed while its holder works.

A lease is a claim in a stored record. Each write of the record goes through its lease, over the ETag of the
write before: once another worker has taken over, every write of the former holder is a ``Conflict``.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime, timedelta
from typing import ClassVar

from exporter.domain.claims import RENEW_EVERY
from exporter.domain.errors import Conflict, Fault, Transient
from exporter.domain.hour_record import HourRecord, SlicedExport
from exporter.domain.hour_task import HourTask
from exporter.domain.slices import SliceRecord, SliceResult
from exporter.domain.versioned import Versioned
from exporter.ports import Clock, Ledger, Slices

type Heartbeat = Callable[[Callable[[], None]], AbstractContextManager[None]]
"""Calls a function again and again for as long as its context is open."""

_log = logging.getLogger(__name__)


class Lease[Record: (HourRecord, SliceRecord)]:
    """A record that this worker has claimed; all writes of it go through here, one at a time.

    The lease is lost once a write finds that another worker has taken over, and once the record is written
    without this worker's claim: then nothing is written any more.
    """

    # Whether ``release`` still tries to write where another write has met a conflict.
    tries_when_lost: ClassVar[bool] = False

    def __init__(
        self, put: Callable[[Record, str | None], str], record: Record, etag: str | None, clock: Clock
    ) -> None:
        self._put: Callable[[Record, str | None], str] = put
        self._record: Record = record
        self._etag = put(record, etag)
        self._clock = clock
        self._claim_id = record.holder or ""
        self._label = f"{record.key} {record.hour}"
        self._lost = False
        self._turn = threading.Lock()

    @property
    def record(self) -> Record:
        """The record as it was last written."""
        return self._record

    @property
    def claim_id(self) -> str:
        """The id of the claim, which names this attempt in block ids and in logs."""
        return self._claim_id

    def ensure_held(self) -> None:
        """Raise ``Conflict`` unless the lease holds; asked before each change of the customer's container."""
        if self._lost or not self._record.claimed(self._clock()):
            raise Conflict(f"{self._label} was lost to another worker")

    def write(self, change: Callable[[Record], Record], *, hands_over: bool = False) -> None:
        """Write the record as changed; ``Conflict`` if the lease is lost.

        ``hands_over``: the claim in the changed record is not this worker's any more.
        """
        with self._turn:
            if self._lost:
                raise Conflict(f"{self._label} was lost to another worker")
            changed = change(self._record)
            try:
                self._etag = self._put(changed, self._etag)
            except Conflict:
                self._lost = not self.tries_when_lost
                raise
            self._record = changed
            self._lost = hands_over or changed.holder is None

    def renew(self) -> None:
        """Extend the lease. A renewal that fails is only logged: two more tries follow before it ends."""
        try:
            self.write(lambda record: record.renewed(self._clock()))
        except (Conflict, Transient) as error:
            _log.warning("%s: lease not renewed: %s", self._label, error)

    def _release(self, change: Callable[[Record], Record]) -> None:
        """Write the change if that is possible now; if not, the lease runs out."""
        with suppress(Conflict, Transient):
            self.write(change)


class HourLease(Lease[HourRecord]):
    """The lease of an hour."""

    def finish(self) -> None:
        """Close the record: the hour is whole in the customer's container."""
        self.write(lambda record: record.finished(self._clock()))

    def fail(self, fault: Fault) -> None:
        """Release the hour as failed, to be tried again after a back-off."""
        self._release(lambda record: record.failed(fault, self._clock()))

    def release(self) -> None:
        """Release the hour, owed or done as before."""
        self._release(HourRecord.released)

    def release_after(self, why: str) -> None:
        """Release the hour after an error that should pass; the record counts these errors."""
        self._release(lambda record: record.broken_off(why))

    def refuse(self, fault: Fault, *, late_checked_at: datetime | None = None) -> None:
        """Release the hour as it was: what was requested would lose rows."""
        self.write(lambda record: record.refuse(fault, late_checked_at=late_checked_at))

    def release_to_slices(self, sliced: SlicedExport) -> None:
        """Leave the hour to the workers of its slices."""
        self.write(lambda record: record.released_to_slices(sliced, self._clock()), hands_over=True)

    def return_to_slices(self) -> None:
        """Release an hour that was to be joined: its slices stay staged, and another worker joins them."""
        self._release(HourRecord.returned_to_slices)


class SliceLease(Lease[SliceRecord]):
    """The lease of a slice."""

    tries_when_lost = True

    def finish(self, result: SliceResult) -> None:
        """Close the record: the slice is staged."""
        self.write(lambda record: record.staged(result))

    def release(self) -> None:
        """Release the slice, to be staged by the next worker."""
        self._release(SliceRecord.released)


def acquire(
    ledger: Ledger, found: Versioned[HourRecord] | None, task: HourTask, claim_id: str, clock: Clock
) -> HourLease:
    """Claim an hour that was found free; ``Conflict`` if another worker was faster."""
    record = found.value if found else HourRecord(task.key, task.hour)
    claimed = record.claimed_by(claim_id, task.requested_by, clock(), round_=task.round)
    return HourLease(ledger.put, claimed, found.etag if found else None, clock)


def acquire_joined(ledger: Ledger, found: Versioned[HourRecord], claim_id: str, clock: Clock) -> HourLease:
    """Claim an hour whose slices are staged; ``Conflict`` if another worker was faster."""
    return HourLease(ledger.put, found.value.joined(claim_id, clock()), found.etag, clock)


def acquire_slice(
    slices: Slices, record: SliceRecord, etag: str | None, claim_id: str, clock: Clock
) -> SliceLease:
    """Claim a slice that was found free; ``Conflict`` if another worker was faster."""
    return SliceLease(slices.put, record.claimed_by(claim_id, clock()), etag, clock)


def background_heartbeat(every: timedelta = RENEW_EVERY) -> Heartbeat:
    """Return a heartbeat that runs in a thread of its own, beside the work."""

    @contextmanager
    def heartbeat(call: Callable[[], None]) -> Iterator[None]:
        stop = threading.Event()

        def run() -> None:
            while not stop.wait(every.total_seconds()):
                try:
                    call()
                except Exception:  # noqa: BLE001  a thread has no caller to raise to
                    # The work goes on: before its next write it finds out that the lease has ended.
                    _log.exception("the lease could not be renewed")

        thread = threading.Thread(target=run, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    return heartbeat
