"""Running a backfill: step by step, each a message of its own.

A step reads in the ledger what has come of the hours that are queued, queues some more, and moves the
backfill's row on by compare-and-swap; then it sends the next step. Whoever repeats a step that was taken
changes nothing but that hours are queued twice, which does no harm. If a step or its message is lost, a tick
sends it again (``send_again``); if messages of hours are, they are queued again once the queue is empty.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from exporter.actions.backfill_progress import WINDOW_HOURS, chosen_hours, hours_of
from exporter.actions.notices import backfill_ended
from exporter.actions.ports import Gateways
from exporter.actions.telling import tell_unreadable
from exporter.domain.backfills import (
    FAILED_MAX,
    STALLED,
    Backfill,
    BackfillStatus,
    BackfillStep,
    Came,
    FailedHour,
)
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict, Fault
from exporter.domain.hours import Hour
from exporter.domain.ledger import HourRecord, HourTask
from exporter.domain.standing import Standing
from exporter.domain.streams import Stream, StreamKey

# Of all backfills together: a cancelled one is out of the queue soon.
WAITING_MAX = 200
# Sending takes some milliseconds a message.
STEP_HOURS_MAX = 100
# While the queue is not empty, hours whose messages may be lost are queued again this seldom.
RESEND_EVERY = timedelta(minutes=15)

_AT_ONCE = timedelta()
_SOON = timedelta(seconds=2)
_LATER = timedelta(minutes=1)


def take_step(step: BackfillStep, gateways: Gateways, now: datetime) -> Backfill | None:
    """Take a step of a backfill, and send the next one; None if it was taken already, or none is to be.

    ``Transient`` if our storage was out of reach for the moment: the step is to be tried again.
    """
    found = gateways.backfills.get(step.destination_id, step.backfill_id)
    if found is None or found.value.ended or found.value.step != step.number:
        return None
    moved, delay = _moved(found.value, gateways, now)
    try:
        gateways.backfills.put(moved, found.etag)
    except Conflict:
        # It was cancelled, or somebody else took the same step, and sees to the next one.
        return None
    if moved.ended:
        backfill_ended(gateways, moved, now)
    else:
        gateways.backfill_steps.send(moved.next_step, delay=delay)
    return moved


def send_again(gateways: Gateways, now: datetime) -> int:
    """Send the step of every backfill that stands still; return how many."""
    unfinished = gateways.backfills.unfinished()
    tell_unreadable(unfinished.unreadable)
    stalled = [each for each in unfinished if now - each.moved_at >= STALLED]
    for each in stalled:
        gateways.backfill_steps.send(each.next_step)
    return len(stalled)


def _moved(backfill: Backfill, gateways: Gateways, now: datetime) -> tuple[Backfill, timedelta]:
    """Return the backfill with a step done, and when to take the next one."""
    found = gateways.destinations.get(backfill.destination_id)
    if found is None or found.value.status is Status.DELETED:
        return backfill.end_as(BackfillStatus.CANCELLED, now, _deleted(backfill)), _AT_ONCE
    if not set(backfill.keys) <= set(found.value.streams):
        return backfill.end_as(BackfillStatus.FAILED, now, _redirected(found.value)), _AT_ONCE
    standing = gateways.standings.get(backfill.destination_id)
    backfill = replace(backfill, step=backfill.step + 1, moved_at=now)
    if found.value.status is not Status.ACTIVE or standing.waits(now):
        return backfill, _LATER
    if backfill.started_at is None:
        backfill = replace(backfill, status=BackfillStatus.RUNNING, started_at=now)
    return _Step(backfill, gateways, standing, now).taken()


@dataclass
class _Step:
    """One step of a backfill whose hours may be exported now."""

    backfill: Backfill
    gateways: Gateways
    standing: Standing
    now: datetime
    tasks: list[HourTask] = field(default_factory=list)
    room: int = 0
    resend: bool = False

    def taken(self) -> tuple[Backfill, timedelta]:
        queue = self.gateways.backfill_hours
        waiting = queue.waiting()
        self.room = max(0, min(STEP_HOURS_MAX, WAITING_MAX - waiting))
        self.resend = waiting == 0 or self.now - self.backfill.resent_at >= RESEND_EVERY
        begun = self.backfill
        window = min(begun.last, begun.settled.plus(WINDOW_HOURS - 1))
        moved = self._through(window)
        if moved.settled > moved.last:
            moved = self._at_the_end(moved)
        elif len(moved.failed) >= FAILED_MAX:
            moved = moved.end_as(BackfillStatus.FAILED, self.now, _too_many())
        queue.send(self.tasks)
        if self.resend:
            moved = replace(moved, resent_at=self.now)
        # Where nothing is left of what was read, as when a backfill is begun again, there is no need to wait;
        # there is where only failed hours are left, which are being tried again.
        return moved, _AT_ONCE if window < moved.settled <= moved.last else _SOON

    def _through(self, window: Hour) -> Backfill:
        """Settle the oldest hours, up to the first that is left, and queue more that are left."""
        moved = self.backfill
        settling = True
        chosen = chosen_hours(self.gateways, moved)
        for hour, streams in hours_of(self.gateways, moved, chosen, (moved.settled, window)):
            came = [(each, moved.came(each[2], self.standing)) for each in streams]
            left = [each for each, what in came if what is Came.LEFT]
            settling = settling and not left and len(moved.failed) < FAILED_MAX
            if not self._queue(moved, hour, left):
                break
            if settling:
                moved = self._settled(moved, hour, came)
            moved = replace(moved, planned=max(moved.planned, hour.plus(1)))
        return moved

    def _settled(
        self, moved: Backfill, hour: Hour, came: list[tuple[tuple[Stream, Hour, HourRecord | None], Came]]
    ) -> Backfill:
        """Count an hour that nothing more is to be done about."""
        tally, failed = moved.tally, list(moved.failed)
        for (stream, _, record), what in came:
            if record is not None and what is Came.DONE:
                tally = tally.plus(record, moved.started_at or self.now)
            elif record is not None and record.error is not None:
                failed.append(FailedHour(stream, hour, record.error))
        return replace(moved, tally=tally, failed=tuple(failed), settled=hour.plus(1))

    def _queue(self, moved: Backfill, hour: Hour, left: list[tuple[Stream, Hour, HourRecord | None]]) -> bool:
        """Queue what is left of an hour and is not in the queue; False if there is no room."""
        new = hour >= moved.planned
        wanted = [
            stream
            for stream, _, record in left
            # Of an hour that somebody has, a first message waits for him; it is in the queue until then.
            if new or (self.resend and not (record is not None and record.claimed(self.now)))
        ]
        if len(self.tasks) + len(wanted) > self.room:
            return False
        self.tasks += [
            HourTask(StreamKey(moved.destination_id, stream), hour, moved.requested_by) for stream in wanted
        ]
        return True

    def _at_the_end(self, moved: Backfill) -> Backfill:
        """Look again at the hours that had failed: if none of them is being tried again, that is the end."""
        tally, failed, trying = moved.tally, list[FailedHour](), False
        for each in moved.failed:
            key = StreamKey(moved.destination_id, each.stream)
            found = self.gateways.ledger.get(key, each.hour)
            record = found.value if found else None
            came = moved.came(record, self.standing)
            if record is not None and came is Came.DONE:
                tally = tally.plus(record, moved.started_at or self.now)
                continue
            failed.append(each)
            if came is Came.LEFT:
                trying = True
                self._queue(moved, each.hour, [(each.stream, each.hour, record)])
        moved = replace(moved, tally=tally, failed=tuple(failed))
        if trying:
            return moved
        return moved.end_as(BackfillStatus.FAILED if failed else BackfillStatus.SUCCEEDED, self.now)


def _deleted(backfill: Backfill) -> Fault:
    return Fault(
        code="destination_deleted",
        message=f"The destination {backfill.destination_id} was deleted.",
        fix="Make the destination again, and ask for a new backfill.",
    )


def _redirected(destination: Destination) -> Fault:
    return Fault(
        code="source_changed",
        message=f"The destination {destination.id} does not get all of these rows any more.",
        fix="Ask for a new backfill of what it gets now.",
    )


def _too_many() -> Fault:
    return Fault(
        code="too_many_failed_hours",
        message=f"The backfill was stopped, because {FAILED_MAX} of its hours have failed.",
        fix="Repair what they say, then retry the backfill: it goes on where it was.",
    )
