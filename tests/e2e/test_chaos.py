"""Everything at once, for minutes: hosts and workers are killed, and the storage has bad weather.

Meanwhile the schedule exports hours, blobs land late, and a backfill replaces what is there. Afterwards an
independent reader finds each event once, and every hour has its marker.
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import psutil
import pytest

from infra.local.api import Answer
from infra.local.sample import DataType, Fault, Sample
from infra.local.stack import NotStartedError
from tests.e2e.gate import MOMENTS, gate_before
from tests.e2e.installation import App, Installation, eventually, installed, key_of, now, ok, stream_key
from tests.e2e.reading import contents
from tests.e2e.test_backfills import ended, event_ids
from tests.e2e.weather import Weather, weather_before

SAMPLE = Sample(
    events_per_hour=6_000,
    merges_per_hour=0,
    blobs_per_hour=5,
    faults=frozenset({Fault.LATE_BLOB, Fault.DUPLICATES_ACROSS_BLOBS, Fault.NOT_JSON}),
)
HOURS = 5
HOSTS = 3
SEED = 20260131
# An hour closes, and those before it are looked at for late blobs, so long after the beginning.
CLOSES_AFTER = timedelta(minutes=2)
GOES_ON_SECONDS = 60.0
HEALED_SECONDS_MAX = 420.0


@dataclass
class Killer:
    """Keeps some hosts running, and kills them or their workers at random moments."""

    installation: Installation
    settings: dict[str, str]
    random: Random
    lives: list[ExitStack] = field(default_factory=list)
    apps: list[App] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)

    def start(self, place: int) -> None:
        """Start a host, which may need more than one try in bad weather."""
        while True:
            life = ExitStack()
            with suppress(NotStartedError):
                app = life.enter_context(self.installation.app(**self.settings))
                break
        if place == len(self.apps):
            self.apps.append(app)
            self.lives.append(life)
        self.apps[place], self.lives[place] = app, life

    def strike(self) -> None:
        """Kill a worker, or a host with its worker, as the kernel does when memory runs out."""
        place = self.random.randrange(len(self.apps))
        app = self.apps[place]
        with suppress(psutil.NoSuchProcess):
            workers = psutil.Process(app.running.process.pid).children()
            for worker in workers:
                worker.kill()
                self.killed.append("worker")
            if workers and self.random.random() < 0.3:
                app.running.process.kill()
                self.killed.append("host")
        time.sleep(0.1)
        if app.running.process.poll() is not None:
            self.lives[place].close()
            self.start(place)

    def rest(self) -> None:
        """Stop all hosts."""
        for life in self.lives:
            life.close()


@contextmanager
def under_weather(folder: Path) -> Iterator[tuple[Installation, Weather, Weather]]:
    """Install the app behind bad weather; an hour closes two minutes from now."""
    # So that closing times fall on the minute after next: see ``Installation``.
    at = now() + CLOSES_AFTER + timedelta(minutes=30)
    with installed(folder, at) as installation, ExitStack() as stack:
        blobs, tables = (
            stack.enter_context(weather_before(port, SEED + number))
            for number, port in enumerate(
                (installation.endpoints.blob_port, installation.endpoints.table_port)
            )
        )
        yield installation, blobs, tables


def expected_ids(start: datetime, newest: datetime) -> set[str]:
    """Return the uuids of an hour's events; of those that are over, with what landed late."""
    hour = SAMPLE.hour(start)
    late = set(hour.late_truth().event_ids()) if start != newest else set()
    return set(hour.truth().event_ids()) | late


def found_ids(installation: Installation, destination_id: str, folder: Path) -> list[str]:
    """Return what DuckDB finds."""
    folder.mkdir()
    return event_ids(contents(installation.container(destination_id)), folder)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_in_the_end_each_event_is_there_once_whatever_was_killed(tmp_path: Path) -> None:
    """The schedule, a backfill and late blobs, under a killer and in bad weather."""
    with under_weather(tmp_path) as (installation, blobs, tables):
        starts = installation.newest_hours(HOURS)
        # The newest one closes while all this goes on.
        closing = starts[-1]
        closes_at = closing + timedelta(hours=1, minutes=installation.settle_minutes)
        outside = replace(
            installation.endpoints, blob_port=blobs.server_port, table_port=tables.server_port
        ).connection_string
        killer = Killer(
            installation,
            {
                "AzureWebJobsStorage": outside,
                "EXPORT_SCHEDULE": "*/5 * * * * *",
                "LATE_CHECK_HOURS": ",".join(str(hour) for hour in range(1, HOURS)),
            },
            Random(SEED),  # noqa: S311  chance that can be repeated
        )
        for start in starts:
            installation.land(SAMPLE.hour(start).files(DataType.EVENTS))
        destination = installation.destination(
            "stormy", SAMPLE, starts[0], (DataType.EVENTS,), max_part_mib=1
        )
        destination["credentials"]["connection_string"] = outside
        try:
            for place in range(HOSTS):
                killer.start(place)
            killer.apps[0].activate(destination)
            asked = {"start": key_of(starts[0]), "end": key_of(starts[-2])}
            backfill = ok_path(killer.apps[0].api.post("/destinations/stormy/backfills", asked))
            blobs.fine = tables.fine = False
            for start in starts[:-1]:
                time.sleep(5)
                installation.land(SAMPLE.hour(start).late_files(DataType.EVENTS))
            while now() < closes_at + timedelta(seconds=GOES_ON_SECONDS):
                killer.strike()
                time.sleep(killer.random.uniform(0.5, 6))
        finally:
            blobs.fine = tables.fine = True
            killer.rest()
        with installation.app(**killer.settings) as app:
            assert ended(app, backfill)["status"] == "succeeded"
            app.exported("stormy", starts, HEALED_SECONDS_MAX)
            container = installation.container("stormy")
            wanted = set().union(*(expected_ids(start, closing) for start in starts))
            eventually(
                lambda: rows_in_markers(contents(container)) >= len(wanted),
                "what landed late",
                HEALED_SECONDS_MAX,
            )
            app.until(lambda: installation.waiting() == 0, "all messages")
            whole = ok(
                app.api.post(
                    "/destinations/stormy/verify", {"from": key_of(starts[0]), "to": key_of(starts[-1])}
                )
            )
        found = found_ids(installation, "stormy", tmp_path / "found")
    assert (len(found), set(found)) == (len(wanted), wanted)
    assert (whole["whole"], whole["wrong"]) == (HOURS, 0)
    assert {"worker", "host"} <= set(killer.killed)
    assert (blobs.met + tables.met).keys() == {"busy", "throttled", "broken", "swallowed"}


def ok_path(answer: Answer) -> str:
    """Return where a backfill is that was asked for."""
    assert answer.status == 202, answer
    return str(answer.headers["location"]).removeprefix("/api")


def rows_in_markers(container: dict[str, bytes]) -> int:
    """Return how many rows the markers name."""
    return sum(json.loads(body)["rows"] for name, body in container.items() if name.endswith("_complete"))


SMALL = Sample(
    events_per_hour=6_000, merges_per_hour=0, blobs_per_hour=1, faults=frozenset({Fault.LATE_BLOB})
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment",
    ["some parts are staged", "all parts are staged", "some parts are committed", "all parts are committed"],
)
def test_a_worker_that_was_frozen_past_its_lease_changes_nothing(tmp_path: Path, moment: str) -> None:
    """SIGSTOP; another host exports the hour, and once more with what landed late; then it wakes up."""
    with ExitStack() as stack:
        installation = stack.enter_context(installed(tmp_path))
        gate = stack.enter_context(gate_before(installation.endpoints.blob_port))
        (start,) = installation.newest_hours(1)
        installation.land(SMALL.hour(start).files(DataType.EVENTS))
        destination = installation.destination("frozen", SMALL, start, (DataType.EVENTS,), max_part_mib=1)
        through_gate = replace(installation.endpoints, blob_port=gate.server_port).connection_string
        destination["credentials"]["connection_string"] = through_gate
        sleeper = stack.enter_context(installation.app())
        sleeper.activate(destination)
        hold = gate.close_at(MOMENTS[moment])
        sleeper.tick()
        sleeper.until(hold.reached.is_set, "the export got that far")
        # Its host, too: it would go on to take messages, and have nobody to give them to.
        asleep = [psutil.Process(sleeper.running.process.pid), sleeper.worker]
        for process in asleep:
            process.suspend()
        installation.let_time_pass(stream_key("frozen", SMALL), start)

        other = stack.enter_context(installation.app())
        other.tick()
        other.exported("frozen", [start])
        installation.land(SMALL.hour(start).late_files(DataType.EVENTS))
        asked = {"start": key_of(start), "end": key_of(start)}
        assert ended(other, ok_path(other.api.post("/destinations/frozen/backfills", asked)))["status"] == (
            "succeeded"
        )
        before = contents(installation.container("frozen"))
        said = len(sleeper.log)

        for process in reversed(asleep):
            process.resume()
        hold.release()
        sleeper.until(
            lambda: "left to another worker" in sleeper.log[said:], "the sleeper sees that it is too late"
        )

        assert contents(installation.container("frozen")) == before
        truths = (SMALL.hour(start).truth(), SMALL.hour(start).late_truth())
        wanted = [each for truth in truths for each in truth.event_ids()]
        found = found_ids(installation, "frozen", tmp_path / "found")
        assert sorted(found) == sorted(wanted)
