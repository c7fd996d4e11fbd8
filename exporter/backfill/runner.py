"""Running a backfill: step by step, each a message of its own.

A step reads in the ledger what has come of the hours that are queued, queues some more, and moves the
backfill's row on by compare-and-swap; then it sends the next step. Whoever repeats a step that was taken
changes nothing but that hours are queued twice, which does no harm. If a step took effect and its sender was
broken off before it sent the next one, its message comes again, and then sends that; if a step or its message
is lost, a tick sends it again (``send_again``). If messages of hours are lost, they are queued again once the
queue is empty, or after some steps: steps are counted, because hosts' clocks may be apart.

A step that is broken off in passing is tried again, and the backfill says so; one that fails otherwise is the
end of the backfill.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from exporter.backfill.progress import WINDOW_HOURS, ListLostError, chosen_hours, hours_of
from exporter.domain.backfill import (
    FAILED_MAX,
    HOURS_LOST,
    STALLED,
    Backfill,
    BackfillStatus,
    BackfillStep,
    Came,
    FailedHour,
)
from exporter.domain.breaker import Breaker
from exporter.domain.clocks import stands_still
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict, ExportError, Fault, Transient
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourRecord, HourTask
from exporter.domain.streams import Stream, StreamKey
from exporter.notify.log_events import log_unreadable
from exporter.notify.notifications import backfill_ended
from exporter.ports import Gateways

# Of all backfills together: a cancelled one is out of the queue soon.
WAITING_MAX = 200
# Sending takes some milliseconds a message.
STEP_HOURS_MAX = 100
# While the queue is not empty, hours whose messages may be lost are queued again after so many steps: some
# minutes, as a step comes every few seconds. The queue keeps the message of a worker that died with its host
# hidden for ten minutes, in which it is not empty.
RESEND_STEPS = 60

_AT_ONCE = timedelta()
_SOON = timedelta(seconds=2)
_LATER = timedelta(minutes=1)

_log = logging.getLogger(__name__)


def take_step(
    step: BackfillStep, gateways: Gateways, now: datetime, *, redelivered: bool = False
) -> Backfill | None:
    """Take a step of a backfill, and send the next one; None if it was taken already, or none is to be.

    ``redelivered`` says that the message came before. ``Transient`` if our storage was out of reach for the
    moment: the step is to be tried again.
    """
    found = gateways.backfills.get(step.destination_id, step.backfill_id)
    if found is None:
        return None
    if found.value.ended or found.value.step != step.number:
        if redelivered and found.value.step == step.number + 1:
            # Who took this step may not have come to what follows it.
            _follow(found.value, gateways, now)
        return None
    try:
        moved, delay = _moved(found.value, gateways, now)
    except Transient as reason:
        with suppress(Conflict, Transient):
            set_back = found.value.set_back(str(reason), now)
            gateways.backfills.put(set_back, found.etag)
            if set_back.ended:
                backfill_ended(gateways, set_back, now)
        raise
    except ExportError:
        raise
    except Exception:  # noqa: BLE001  told in the backfill, which would else be tried for ever
        _log.exception("backfill %s: a step failed unexpectedly", step.backfill_id)
        ended = found.value.moved(now).end_as(BackfillStatus.FAILED, now, _unexpected(found.value))
        moved, delay = ended, _AT_ONCE
    try:
        gateways.backfills.put(moved, found.etag)
    except Conflict:
        # It was cancelled, or somebody else took the same step, and sees to the next one.
        return None
    _follow(moved, gateways, now, delay)
    return moved


def _follow(moved: Backfill, gateways: Gateways, now: datetime, delay: timedelta = _AT_ONCE) -> None:
    """Do what follows a step: tell that the backfill has ended, or send the next step."""
    if moved.ended:
        backfill_ended(gateways, moved, now)
    else:
        gateways.backfill_steps.send([moved.next_step], delay=delay)


def send_again(gateways: Gateways, now: datetime) -> int:
    """Send the step of every backfill that stands still; return how many."""
    unfinished = gateways.backfills.unfinished()
    log_unreadable(unfinished.unreadable)
    stalled = [each for each in unfinished if stands_still(each.moved_at, now, STALLED)]
    for each in stalled:
        gateways.backfill_steps.send([each.next_step])
    return len(stalled)


def _moved(backfill: Backfill, gateways: Gateways, now: datetime) -> tuple[Backfill, timedelta]:
    """Return the backfill with a step done, and when to take the next one."""
    backfill = backfill.moved(now)
    found = gateways.destinations.get(backfill.destination_id)
    if found is None or found.value.status is Status.DELETED:
        return backfill.end_as(BackfillStatus.CANCELLED, now, _deleted(backfill)), _AT_ONCE
    if not set(backfill.keys) <= set(found.value.streams):
        return backfill.end_as(BackfillStatus.FAILED, now, _redirected(found.value)), _AT_ONCE
    breaker = gateways.breakers.get(backfill.destination_id)
    if found.value.status is not Status.ACTIVE:
        return replace(backfill, error=_paused(found.value)), _LATER
    if breaker.is_open(now) and backfill.started_at is None:
        return replace(backfill, error=_refused(found.value)), _LATER
    if backfill.started_at is None:
        backfill = replace(backfill, status=BackfillStatus.RUNNING, started_at=now)
    step = _Step(backfill, gateways, breaker, now, found.value.target)
    moved, delay = step.taken()
    if moved.ended or not step.waits:
        return moved, delay
    return replace(moved, error=_refused(found.value)), _LATER


@dataclass
class _Step:
    """One step of a backfill whose hours may be exported now."""

    backfill: Backfill
    gateways: Gateways
    breaker: Breaker
    now: datetime
    here: str
    tasks: list[HourTask] = field(default_factory=list)
    room: int = 0
    resend: bool = False

    @property
    def waits(self) -> bool:
        """Whether no hour can be exported now: none is queued, and what is done is settled all the same."""
        return self.breaker.is_open(self.now)

    def taken(self) -> tuple[Backfill, timedelta]:
        """Return the backfill with the step done, and when to take the next one."""
        queue = self.gateways.backfill_hours
        waiting = queue.waiting()
        self.room = 0 if self.waits else max(0, min(STEP_HOURS_MAX, WAITING_MAX - waiting))
        begun = self.backfill
        lost = waiting == 0 or begun.step - begun.resent_step >= RESEND_STEPS
        self.resend = lost and not self.waits
        window = min(begun.last, begun.done_before.plus(WINDOW_HOURS - 1))
        try:
            moved = self._through(window)
        except ListLostError:
            return begun.end_as(BackfillStatus.FAILED, self.now, HOURS_LOST), _AT_ONCE
        if moved.done_before > moved.last:
            moved = self._at_the_end(moved)
        elif len(moved.failed) >= FAILED_MAX:
            moved = moved.end_as(BackfillStatus.FAILED, self.now, _too_many())
        queue.send(self.tasks)
        if self.resend:
            moved = replace(moved, resent_step=moved.step)
        # Where nothing is left of what was read, as when a backfill is begun again, there is no need to wait;
        # there is where only failed hours are left, which are being tried again.
        return moved, _AT_ONCE if window < moved.done_before <= moved.last else _SOON

    def _through(self, window: Hour) -> Backfill:
        """Settle the oldest hours, up to the first that is left, and queue more that are left."""
        moved = self.backfill
        settling = True
        chosen = chosen_hours(self.gateways, moved)
        for hour, streams in hours_of(self.gateways, moved, chosen, (moved.done_before, window)):
            came = [(each, moved.came(each[2], self.breaker, self.now, here=self.here)) for each in streams]
            left = [each for each, what in came if what is Came.LEFT]
            settling = settling and not left and len(moved.failed) < FAILED_MAX
            if not self._queue(moved, hour, left):
                break
            if settling:
                moved = self._settled(moved, hour, came)
            moved = replace(moved, queued_before=max(moved.queued_before, hour.plus(1)))
        return moved

    def _settled(
        self, moved: Backfill, hour: Hour, came: list[tuple[tuple[Stream, Hour, HourRecord | None], Came]]
    ) -> Backfill:
        """Count an hour that nothing more is to be done about."""
        tally, failed = moved.tally, list(moved.failed)
        for (stream, _, record), what in came:
            if record is not None and what is Came.DONE:
                tally = tally.plus(record, moved.started_at or self.now)
            elif record is not None:
                failed.append(FailedHour(stream, hour, moved.fault_of(record)))
        return replace(moved, tally=tally, failed=tuple(failed), done_before=hour.plus(1))

    def _queue(self, moved: Backfill, hour: Hour, left: list[tuple[Stream, Hour, HourRecord | None]]) -> bool:
        """Queue what is left of an hour and is not in the queue; False if there is no room."""
        new = hour >= moved.queued_before
        wanted = [
            stream
            for stream, _, record in left
            # Of an hour that somebody has, a first message waits for him; it is in the queue until then.
            if new or (self.resend and not (record is not None and record.claimed(self.now)))
        ]
        if len(self.tasks) + len(wanted) > self.room:
            return False
        self.tasks += [moved.task(stream, hour) for stream in wanted]
        return True

    def _at_the_end(self, moved: Backfill) -> Backfill:
        """Look again at the hours that had failed: if none of them is being tried again, that is the end."""
        tally, failed, trying = moved.tally, list[FailedHour](), False
        for each in moved.failed:
            key = StreamKey(moved.destination_id, each.stream)
            found = self.gateways.ledger.get(key, each.hour)
            record = found.value if found else None
            came = moved.came(record, self.breaker, self.now, here=self.here)
            if record is not None and came is Came.DONE:
                tally = tally.plus(record, moved.started_at or self.now)
                continue
            failed.append(each)
            # Of an hour that was refused only the latest refusal is kept, which may be that of another one.
            stands = record is not None and record.done and record.refused is not None
            if came is Came.LEFT and not stands:
                trying = True
                self._queue(moved, each.hour, [(each.stream, each.hour, record)])
        moved = replace(moved, tally=tally, failed=tuple(failed))
        if trying:
            return moved
        if tally.hours + len(failed) != moved.total:
            return moved.end_as(BackfillStatus.FAILED, self.now, HOURS_LOST)
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


def _paused(destination: Destination) -> Fault:
    return Fault(
        code="destination_not_active",
        message=f"The destination {destination.id} is not active: the backfill waits.",
        fix=f"Resume it: POST /api/destinations/{destination.id}/resume.",
    )


def _refused(destination: Destination) -> Fault:
    return Fault(
        code="destination_failing",
        message=f"The storage of the destination {destination.id} refuses its files: the backfill waits.",
        fix="Repair what the destination's last_error says; the backfill then goes on by itself.",
    )


def _too_many() -> Fault:
    return Fault(
        code="too_many_failed_hours",
        message=f"The backfill was stopped, because {FAILED_MAX} of its hours have failed.",
        fix=(
            "Repair what they say, then retry the backfill: it goes on where it was. If landing does not hold"
            " these hours any more, ask for a range that begins later, or with allow_loss."
        ),
    )


def _unexpected(backfill: Backfill) -> Fault:
    return Fault(
        code="internal_error",
        message="An unexpected error stopped the backfill; hours that were done stay done.",
        fix=(
            "Retry the backfill; if that does not help, ask the operator of this exporter to look into the"
            f" logs for {backfill.id}."
        ),
    )
