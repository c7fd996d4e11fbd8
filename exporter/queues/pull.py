"""The puller: its timer, and the queue of the hours of sources."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import azure.functions as func

from exporter import wiring
from exporter.domain.errors import Busy
from exporter.domain.source import SourceStatus
from exporter.export.lease import background_heartbeat
from exporter.messages import PULL_HOURS
from exporter.notify.log_events import Event, log_event
from exporter.queues.bindings import body_of, on_message
from exporter.schedule.failures import Failures
from exporter.settings import schedule_of_pull_timer
from exporter.sources.plan import queue_due
from exporter.sources.pull_hour import PullContext
from exporter.sources.pull_hour import pull_hour as action
from exporter.sources.tick import PullReport, run_pull_tick

blueprint = func.Blueprint()
_log = logging.getLogger(__name__)
# Hours that a process pulls at the same time, of all sources: mostly, a pull waits for the answer of an API.
PULLS_MAX = 2
# Larger answers, in bytes, are unpacked one at a time: each may take 50 MB.
SMALL_BYTES_MAX = 16 * 1024 * 1024
# How long an answer waits for its turn, in seconds: meanwhile it takes the place of a small hour.
UNPACK_WAIT_SECONDS = 5
# How long a message waits in this process, in seconds; then it goes back, with a delay: another process may
# have room.
ROOM_WAIT_SECONDS = 120
BUSY_DELAY = timedelta(seconds=30)
_room = threading.BoundedSemaphore(PULLS_MAX)
_unpacks = threading.Lock()


@contextmanager
def room_to_unpack(answer_bytes: int, wait_seconds: float = UNPACK_WAIT_SECONDS) -> Iterator[None]:
    """Wait for the turn to unpack a large answer in this process; ``Busy`` if it does not come."""
    if answer_bytes <= SMALL_BYTES_MAX:
        yield
        return
    if not _unpacks.acquire(timeout=wait_seconds):
        raise Busy("this process unpacks a large answer")
    try:
        yield
    finally:
        _unpacks.release()


@blueprint.function_name("pull_tick")
@blueprint.timer_trigger("timer", schedule=schedule_of_pull_timer(), run_on_startup=False, use_monitor=True)
def pull_tick(timer: func.TimerRequest) -> None:  # noqa: ARG001  the host passes it
    """Queue the hours of the sources that are due. A missed tick loses nothing."""
    app, failures = wiring.app(), Failures()
    with failures.guard("pulling"):
        found = run_pull_tick(
            app.gateways, now=wiring.now(), slots_max=app.settings.pull_concurrency, failures=failures
        )
        log_pull_tick(found)
        if found.active:
            with failures.guard("creating queues"):
                app.queues.ensure()
    failures.end()


def log_pull_tick(found: PullReport) -> None:
    """Log the sources that are failing, and those with failed hours; nothing if there is none."""
    for name in found.failing:
        log_event(Event.SOURCE_FAILING, source=name)
    for name, hours in found.failed.items():
        log_event(Event.SOURCE_HOURS_FAILED, source=name, hours=len(hours), oldest=hours[0].key)


@on_message(blueprint, "pull_hour", PULL_HOURS.name)
def pull_hour(message: func.QueueMessage) -> None:
    """Pull an hour of a source, then queue the next one.

    After an exception the host delivers the message again: what passes is recorded, and not raised.
    """
    task = PULL_HOURS.parse(body_of(message))
    app = wiring.app()
    pulls, slots_max = app.gateways.pulls, app.settings.pull_concurrency
    if not _room.acquire(timeout=ROOM_WAIT_SECONDS):
        pulls.queue.send([task], delay=BUSY_DELAY)
        return
    try:
        worker = PullContext(
            clock=wiring.now,
            claim_id=wiring.new_id(),
            heartbeat=background_heartbeat(),
            slots_max=slots_max,
            redelivered=(message.dequeue_count or 1) > 1,
            room=room_to_unpack,
        )
        outcome = action(task, app.gateways, worker)
    finally:
        _room.release()
    _log.debug("%s %s: %s (attempt %s)", task.source_id, task.hour, outcome, worker.claim_id)
    found = pulls.sources.get(task.source_id) if outcome.answered else None
    if found is not None and found.value.status is SourceStatus.ACTIVE:
        queue_due(pulls, found.value, wiring.now(), slots_max)
