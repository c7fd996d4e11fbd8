"""One step of a backfill through the ledger: count the hours that are finished, queue those that are left."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from exporter.backfill import faults
from exporter.backfill.hour_list import ListLostError, StreamHour, hours_of, read_hour_list
from exporter.backfill.progress import WINDOW_HOURS
from exporter.domain.backfill import (
    FAILED_MAX,
    HOURS_LOST,
    Backfill,
    BackfillStatus,
    FailedHour,
    HourOutcome,
)
from exporter.domain.breaker import Breaker
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.streams import StreamKey
from exporter.job_steps import AT_ONCE
from exporter.ports import Gateways

# Messages of all backfills together: those of a cancelled one leave the queue soon.
WAITING_MAX = 200
# Sending takes some milliseconds a message.
STEP_HOURS_MAX = 100
# While the queue is not empty, hours whose messages may be lost are queued again after so many steps: some
# minutes, since a step follows after seconds. The queue hides the message of a worker that died with its host
# for ten minutes, and is not empty in that time.
RESEND_STEPS = 60

_SOON = timedelta(seconds=2)


@dataclass
class HourStep:
    """One step of a backfill of an active destination.

    ``target`` is where the destination's files go now. While the breaker is open no hour is queued, but hours
    that are finished are counted.
    """

    backfill: Backfill
    gateways: Gateways
    breaker: Breaker
    now: datetime
    target: str
    tasks: list[HourTask] = field(default_factory=list)
    room: int = 0
    resend: bool = False

    def take(self) -> tuple[Backfill, timedelta]:
        """Return the backfill with the step taken, and when to take the next one."""
        queue, before = self.gateways.backfill_hours, self.backfill
        waiting, waits = queue.waiting(), self.breaker.is_open(self.now)
        self.room = 0 if waits else max(0, min(STEP_HOURS_MAX, WAITING_MAX - waiting))
        maybe_lost = waiting == 0 or before.step - before.resent_step >= RESEND_STEPS
        self.resend = maybe_lost and not waits
        window = min(before.last, before.done_before.plus(WINDOW_HOURS - 1))
        try:
            moved = self._through(window)
        except ListLostError:
            return before.end_as(BackfillStatus.FAILED, self.now, HOURS_LOST), AT_ONCE
        if moved.done_before > moved.last:
            moved = self._close(moved)
        elif len(moved.failed) >= FAILED_MAX:
            moved = moved.end_as(BackfillStatus.FAILED, self.now, faults.TOO_MANY_FAILED)
        queue.send(self.tasks)
        if self.resend:
            moved = replace(moved, resent_step=moved.step)
        # If no hour of the window is left, as after a retry, the next window can be read at once. At the end
        # of the range the step waits: only failed hours are left, and these are being tried again.
        return moved, AT_ONCE if window < moved.done_before <= moved.last else _SOON

    def _through(self, window: Hour) -> Backfill:
        """Count the oldest hours, up to the first that is left, and queue more that are left."""
        moved, counting = self.backfill, True
        listed = read_hour_list(self.gateways.state, moved)
        for hour, streams in hours_of(self.gateways.ledger, moved, listed, moved.done_before, window):
            outcomes = [(each, self._outcome(moved, each[2])) for each in streams]
            left = [each for each, outcome in outcomes if outcome is HourOutcome.LEFT]
            counting = counting and not left and len(moved.failed) < FAILED_MAX
            if not self._queue(moved, hour, left):
                break
            if counting:
                moved = self._counted(moved, hour, outcomes)
            moved = replace(moved, queued_before=max(moved.queued_before, hour.plus(1)))
        return moved

    def _outcome(self, backfill: Backfill, record: HourRecord | None) -> HourOutcome:
        return backfill.outcome(record, self.breaker, self.now, target=self.target)

    def _counted(
        self, moved: Backfill, hour: Hour, outcomes: list[tuple[StreamHour, HourOutcome]]
    ) -> Backfill:
        """Return the backfill with an hour counted of which no stream is left."""
        tally, failed = moved.tally, list(moved.failed)
        for (stream, _, record), outcome in outcomes:
            if record is not None and outcome is HourOutcome.DONE:
                tally = tally.plus(record, moved.started_at or self.now)
            elif record is not None:
                failed.append(FailedHour(stream, hour, moved.fault_of(record)))
        return replace(moved, tally=tally, failed=tuple(failed), done_before=hour.plus(1))

    def _queue(self, moved: Backfill, hour: Hour, left: list[StreamHour]) -> bool:
        """Queue what is left of an hour and may not be in the queue; False if there is no room."""
        new = hour >= moved.queued_before
        wanted = [
            stream
            for stream, _, record in left
            # While another worker has the hour, its first message waits in the queue.
            if new or (self.resend and not (record is not None and record.claimed(self.now)))
        ]
        if len(self.tasks) + len(wanted) > self.room:
            return False
        self.tasks += [moved.task(stream, hour) for stream in wanted]
        return True

    def _close(self, moved: Backfill) -> Backfill:
        """End a backfill whose hours are all counted, unless a failed one is being tried again."""
        tally, failed, retrying = moved.tally, list[FailedHour](), False
        for each in moved.failed:
            found = self.gateways.ledger.get(StreamKey(moved.destination_id, each.stream), each.hour)
            record = found.value if found else None
            outcome = self._outcome(moved, record)
            if record is not None and outcome is HourOutcome.DONE:
                tally = tally.plus(record, moved.started_at or self.now)
                continue
            # A record keeps the latest refusal only: one of another backfill may have replaced this one's.
            refused = record.work.refused if record is not None and record.done else None
            error = each.error
            if refused is not None:
                error = refused.fault
            elif record is not None and outcome is HourOutcome.FAILED:
                # It was tried again, and failed for another reason.
                error = moved.fault_of(record)
            failed.append(replace(each, error=error))
            if outcome is HourOutcome.LEFT and refused is None:
                retrying = True
                self._queue(moved, each.hour, [(each.stream, each.hour, record)])
        moved = replace(moved, tally=tally, failed=tuple(failed))
        if retrying:
            return moved
        if tally.hours + len(failed) != moved.total:
            return moved.end_as(BackfillStatus.FAILED, self.now, HOURS_LOST)
        return moved.end_as(BackfillStatus.FAILED if failed else BackfillStatus.SUCCEEDED, self.now)
