"""Measure how long recovery takes with the host's real times: ``python -m tests.e2e.time_to_heal``.

A worker is held in the middle of an hour, between two of its writes. Then its process is killed, or its host
with it, or both are frozen; a second host is there. What is measured is the time from then on until the hour
is done, and, of a backfill, until that has ended. The misfortune happens in the worst moment that there is:
so long before a tick that this one finds the lease still running.

It takes about a quarter of an hour, nearly all of it waiting, and prints a table.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import psutil

from infra.local.sample import DataType, Sample
from tests.support.gate import MOMENTS, Hold, gate_before
from tests.support.installation import App, Installation, eventually, installed, key_of, now, ok

SAMPLE = Sample(events_per_hour=12_000, merges_per_hour=0, blobs_per_hour=1)
TICK = timedelta(minutes=5)
# Less than what is left of a lease that a live worker renews: 60 to 90 seconds.
BEFORE_TICK = timedelta(seconds=55)
# A request can be held for less than half a minute: then the SDK cancels it and sends it again.
GETS_THERE = timedelta(seconds=15)
FROZEN_ALONE_SECONDS = 150
SECONDS_MAX = 1500.0
# The settings of host.json, and the real lease of a message.
REAL_TIMES = {
    "EXPORT_SCHEDULE": "0 */5 * * * *",
    "FUNCTIONS_LOCAL_LEASE_SECONDS": "600",
    "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:05",
    "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:30",
}


@dataclass(frozen=True, slots=True)
class Asleep:
    """A host and its worker, both stopped (SIGSTOP)."""

    processes: tuple[psutil.Process, ...]

    @classmethod
    def put(cls, app: App) -> "Asleep":
        """Stop them, the host first."""
        processes = (psutil.Process(app.running.process.pid), app.worker)
        for process in processes:
            process.suspend()
        return cls(processes)

    def wake(self) -> None:
        """Continue both."""
        for process in reversed(self.processes):
            with suppress(psutil.NoSuchProcess):
                process.resume()


@dataclass(frozen=True, slots=True)
class Scene:
    """An hour whose worker is held, the worker's host, and the failures to cause."""

    installation: Installation
    app: App
    hold: Hold
    stack: ExitStack

    def kill_worker(self) -> None:
        """Kill the worker; its host starts another one."""
        self.app.worker.kill()

    def kill_host(self) -> None:
        """Kill host and worker at once."""
        worker = self.app.worker
        self.app.running.process.kill()
        worker.kill()

    def freeze(self) -> None:
        """Stop host and worker."""
        self.stack.callback(Asleep.put(self.app).wake)

    def freeze_for_a_while(self) -> None:
        """Stop host and worker, and continue them after the lease of the hour has ended."""
        asleep = Asleep.put(self.app)
        time.sleep(FROZEN_ALONE_SECONDS)
        asleep.wake()


@dataclass(frozen=True, slots=True)
class Case:
    """One measurement: who requests the hour, which failure occurs, whether there is another host."""

    name: str
    misfortune: Callable[[Scene], None]
    backfill: bool
    another_host: bool = True
    held_by_schedule: bool = False


MISFORTUNES = {
    "worker killed": Scene.kill_worker,
    "host killed": Scene.kill_host,
    "host frozen": Scene.freeze,
}
CASES = [
    *(
        Case(f"{'backfill' if backfill else 'schedule'}, {name}", misfortune, backfill)
        for name, misfortune in MISFORTUNES.items()
        for backfill in (False, True)
    ),
    Case(
        "schedule, only host frozen for a while", Scene.freeze_for_a_while, backfill=False, another_host=False
    ),
    Case(
        "backfill, put off by an hour whose host is killed",
        Scene.kill_host,
        backfill=True,
        held_by_schedule=True,
    ),
]


@dataclass(frozen=True, slots=True)
class Healed:
    """Seconds until the hour was done and until the backfill, if there is one, had ended."""

    case: str
    hour_seconds: float
    backfill_seconds: float | None


def measure(case: Case) -> Healed:
    """Cause a failure and wait for the recovery."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        installation = stack.enter_context(installed(Path(folder)))
        gate = stack.enter_context(gate_before(installation.endpoints.blob_port))
        (start,) = installation.newest_hours(1)
        installation.land(SAMPLE.hour(start).files(DataType.EVENTS))
        destination = installation.destination("healing", SAMPLE, start, (DataType.EVENTS,), max_part_mib=1)
        through_gate = replace(installation.endpoints, blob_port=gate.server_port).connection_string
        destination["credentials"]["connection_string"] = through_gate
        first = stack.enter_context(_app(installation))
        first.activate(destination)
        asked_first = case.backfill and not case.held_by_schedule
        if asked_first:
            first.tick()
            first.exported("healing", [start], SECONDS_MAX)
        other = stack.enter_context(_app(installation)) if case.another_host else first
        asleep = Asleep.put(other) if case.another_host else None
        _wait_until_before_tick(BEFORE_TICK + GETS_THERE)
        hold = gate.close_at(MOMENTS["the hour is claimed" if case.backfill else "some parts are staged"])
        where = _asked(first, start) if asked_first else ""
        if not asked_first:
            first.tick()
        first.until(hold.reached.is_set, "the export got that far", SECONDS_MAX)
        if asleep is not None:
            asleep.wake()
        if case.held_by_schedule:
            where = _asked(other, start)
        _wait_until_before_tick(BEFORE_TICK, at_most=GETS_THERE)
        begun, requested_by = time.monotonic(), where.rpartition("/")[2]
        case.misfortune(Scene(installation, first, hold, stack))
        hold.release(drop=case.another_host)
        hour_seconds = _done(other, start, requested_by) - begun
        backfill_seconds = _ended(other, where) - begun if where else None
        return Healed(case.name, hour_seconds, backfill_seconds)


@contextmanager
def _app(installation: Installation) -> Iterator[App]:
    with installation.app(**REAL_TIMES) as app:
        yield app


def _asked(app: App, start: datetime) -> str:
    answer = app.api.post("/destinations/healing/backfills", {"start": key_of(start), "end": key_of(start)})
    assert answer.status == 202, answer
    return str(answer.headers["location"]).partition("/api")[2]


def _wait_until_before_tick(before: timedelta, *, at_most: timedelta = TICK) -> None:
    """Wait until the next tick is so near; do not wait if that takes too long."""
    seconds = (-now().timestamp() - before.total_seconds()) % TICK.total_seconds()
    if seconds <= at_most.total_seconds():
        time.sleep(seconds)


def _done(app: App, start: datetime, requested_by: str) -> float:
    def done() -> float:
        (hour,) = app.hours("healing", [start])
        asked = not requested_by or str(hour["requested_by"]).endswith(requested_by)
        return time.monotonic() if asked and hour["status"] == "exported" else 0.0

    return eventually(done, "the hour exported", SECONDS_MAX)


def _ended(app: App, where: str) -> float:
    def ended() -> float:
        return time.monotonic() if ok(app.api.get(where))["status"] == "succeeded" else 0.0

    return eventually(ended, "the backfill ended", SECONDS_MAX)


def main() -> None:
    """Measure the cases whose names contain a text, some at a time, and print a table."""
    parser = argparse.ArgumentParser(description="Measure how long it takes to heal.")
    parser.add_argument("text", nargs="?", default="", help="only cases whose names hold it")
    parser.add_argument("--at-once", type=int, default=4, help="cases at a time (default: 4)")
    options = parser.parse_args()
    chosen = [case for case in CASES if options.text in case.name]
    with ThreadPoolExecutor(options.at_once) as pool:
        for done in as_completed([pool.submit(measure, case) for case in chosen]):
            healed = done.result()
            ended = (
                "" if healed.backfill_seconds is None else f", backfill ended {healed.backfill_seconds:.0f} s"
            )
            sys.stdout.write(f"{healed.case}: hour done {healed.hour_seconds:.0f} s{ended}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
