"""Run a timer function: on schedule, never twice at a time, and once for all missed runs."""

import logging
import threading
from datetime import datetime

from infra.local.host import clock
from infra.local.host.functions import Function, TimerTrigger
from infra.local.host.invoker import Invoker
from infra.local.host.messages import TimerDue
from infra.local.host.timer_storage import RENEW_SECONDS, RETRY_SECONDS, Status, TimerStorage, Turn

_log = logging.getLogger("host")


class TimerListener:
    """Runs one function on schedule, as long as this host has its lock."""

    def __init__(
        self, function: Function, trigger: TimerTrigger, storage: TimerStorage | None, invoker: Invoker
    ) -> None:
        self._function = function
        self._trigger = trigger
        self._storage = storage
        self._invoker = invoker
        self._stopping = threading.Event()
        # None while another host has the lock.
        self._status: Status | None = None
        self._at_start = trigger.at_start

    def stop(self) -> None:
        """Start no more runs."""
        self._stopping.set()

    def listen(self) -> None:
        """Wait for each occurrence and run the function, until stopped; release the lock at the end.

        An unexpected error is logged, and the timer goes on with the next step. Only ``stop`` ends the loop.
        """
        while not self._stopping.is_set():
            try:
                self._step()
            except Exception:  # noqa: BLE001  the thread has to outlive whatever one step raises
                _log.exception("%s: the timer goes on after an error", self._function.name)
                self._stopping.wait(RETRY_SECONDS)
        if self._storage:
            self._storage.release()

    def _step(self) -> None:
        """Run the function if it is due and this host has the lock; otherwise wait for some seconds."""
        turn = self._storage.take() if self._storage else Turn.OURS
        if turn is Turn.THEIRS:
            self._status = None
            self._stopping.wait(RETRY_SECONDS)
            return
        past_due = False
        if self._status is None:
            self._status = self._picked_up(turn)
            past_due = self._status.due < clock.now()
        now = clock.now()
        if past_due or self._at_start or self._status.due <= now:
            self._at_start = False
            self._fire(self._status, past_due=past_due)
        else:
            # In short steps: the lock has to be renewed, and the wall clock may be set.
            self._stopping.wait(min(RENEW_SECONDS, (self._status.due - now).total_seconds()))

    def _picked_up(self, turn: Turn) -> Status:
        """Return the status that another host, or this one before a restart, has stored.

        The next occurrence is calculated again, because the schedule may have changed since.
        """
        now = clock.now()
        if self._trigger.monitored and self._storage and turn is Turn.OURS:
            stored = self._storage.load()
            if stored is not None:
                return Status(stored.last, self._due_after(stored.last or stored.updated), stored.updated)
            fresh = Status(None, self._due_after(now), now)
            self._storage.save(fresh)
            return fresh
        return Status(None, self._due_after(now), now)

    def _fire(self, status: Status, *, past_due: bool) -> None:
        """Run the function and store that it has run.

        If a run takes longer than the schedule's interval, one more run follows at once.
        """
        started = clock.now() if past_due else max(clock.now(), status.due)
        monitored = self._trigger.monitored and self._storage is not None
        payload = TimerDue(past_due, status.document if monitored else None)
        # Set before the run, so that an error in it does not make the timer due again at once.
        self._status = Status(started, self._due_after(started), started)
        if self._storage is None:
            self._invoker.run(self._function, payload)
        else:
            with self._storage.kept():
                self._invoker.run(self._function, payload)
        if monitored and self._storage:
            self._storage.save(self._status)

    def _due_after(self, moment: datetime) -> datetime:
        """Return the next occurrence, or the last possible moment if there is none."""
        return self._trigger.schedule.after(moment) or datetime.max.replace(tzinfo=moment.tzinfo)
