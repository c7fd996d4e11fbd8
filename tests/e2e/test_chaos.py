"""Everything at once, for minutes: hosts and workers die, storage fails at random, and settings change.

Meanwhile the schedule exports hours, blobs land late, backfills replace what is there, and verifications look
at hours. The hosts' clocks are set apart. Afterwards an independent reader finds each event once, markers and
ledger say what is there, and whatever was asked for has ended.
"""

import base64
import gzip
import hashlib
import json
import time
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from random import Random

import psutil
import pytest

from exporter.domain.hour import Hour
from infra.local import azurite
from infra.local.api import Answer
from infra.local.azurite import Endpoints
from infra.local.sample import DataType, Fault, Sample
from infra.local.stack import NotStartedError
from tests.support.api_calls import ENDED, ended
from tests.support.clocks import COMPILER, clock_library
from tests.support.customer_files import contents, event_ids
from tests.support.gate import MOMENTS, gate_before
from tests.support.installation import (
    DONE,
    LANDING,
    App,
    Installation,
    Json,
    eventually,
    installed,
    key_of,
    now,
    ok,
    stream_key,
)
from tests.support.weather import Weather, kept_ports, weather_before

SAMPLE = Sample(
    events_per_hour=6_000,
    merges_per_hour=0,
    blobs_per_hour=5,
    faults=frozenset({Fault.LATE_BLOB, Fault.DUPLICATES_ACROSS_BLOBS, Fault.NOT_JSON}),
)
# A destination that never exports: it misses enough hours to be verified in the background.
LOOKED_AT = replace(SAMPLE, project_id=77)
LOOKED_AT_HOURS = 400
HOURS = 5
SEED = 20260131
# So long after the beginning, an hour closes, and earlier hours are checked for late blobs.
CLOSES_AFTER = timedelta(minutes=2)
GOES_ON_SECONDS = 20.0
AWAY_SECONDS = 30.0
# The host ends after about half a minute without its queues; a loaded machine needs longer.
ENDS_SECONDS_MAX = 120.0
TIDIED_SECONDS_MAX = 420.0
# Nothing waits for longer than five minutes: the back-off of an hour that failed, or a run left alone.
HEALED_SECONDS_MAX = 420.0
# In seconds, for each host. The last one stays to the end: for it, no time of the others is in the future.
APART = (0, -170, 170)


def set_apart(seconds: int, folder: Path) -> dict[str, str]:
    """Return settings that put the clock of a host and its workers ahead. Intervals do not change."""
    if not seconds:
        return {}
    return {"LD_PRELOAD": str(clock_library(folder)), "CLOCK_AHEAD_SECONDS": str(seconds)}


@dataclass
class Storage:
    """The storage account: an emulator with a data folder, so that it can be stopped and started."""

    folder: Path
    endpoints: Endpoints = field(default_factory=lambda: Endpoints(*kept_ports(3)))
    life: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        """Start it with its data."""
        self.life.enter_context(azurite.running(self.folder, self.endpoints))

    def stop(self) -> None:
        """Stop it. It saves its data."""
        self.life.close()


@dataclass
class Killer:
    """Keeps some hosts running, and kills them or their workers at random moments.

    Hosts that end by themselves are started again, as Azure does.
    """

    installation: Installation
    settings: dict[str, str]
    clocks: tuple[int, ...]
    folder: Path
    random: Random
    lives: list[ExitStack] = field(default_factory=list)
    apps: list[App] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)

    def settings_of(self, place: int) -> dict[str, str]:
        """Return the settings of a host, its clock included."""
        return self.settings | set_apart(self.clocks[place], self.folder)

    def start(self, place: int) -> None:
        """Start a host. While storage fails, it may need more than one attempt."""
        settings = self.settings_of(place)
        while True:
            life = ExitStack()
            with suppress(NotStartedError):
                app = life.enter_context(self.installation.app(**settings))
                break
        if place == len(self.apps):
            self.apps.append(app)
            self.lives.append(life)
        self.apps[place], self.lives[place] = app, life

    def strike(self) -> None:
        """Kill a worker, or a host with its worker, as the kernel does when memory is used up."""
        self.tend()
        app = self.apps[self.random.randrange(len(self.apps))]
        with suppress(psutil.NoSuchProcess):
            workers = psutil.Process(app.running.process.pid).children()
            for worker in workers:
                worker.kill()
                self.killed.append("worker")
            if workers and self.random.random() < 0.3:
                app.running.process.kill()
                app.running.process.wait()
                self.killed.append("host")
        self.tend()

    def tend(self) -> None:
        """Start the hosts again that have ended or were killed."""
        for place, app in enumerate(self.apps):
            code = app.running.process.poll()
            if code is not None:
                self.ended.append(code)
                self.lives[place].close()
                self.start(place)

    def strike_for(self, seconds: float) -> None:
        """Kill a worker or a host from time to time."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.strike()
            time.sleep(self.random.uniform(0.5, 6))

    def until_one_ends(self) -> None:
        """Wait until a host has ended by itself, and start it again."""
        before = len(self.ended)

        def seen() -> bool:
            self.tend()
            return any(code == 0 for code in self.ended[before:])

        eventually(seen, "the end of a host that has lost its storage", ENDS_SECONDS_MAX)

    def insist(self, ask: Callable[[App], Answer], status: int) -> Answer:
        """Ask the hosts in turn until one answers as expected: any of them may die meanwhile."""

        def asked() -> Answer | None:
            self.tend()
            with suppress(urllib.error.URLError, HTTPException, OSError, ValueError):
                answer = ask(self.random.choice(self.apps))
                return answer if answer.status == status else None
            return None

        found = eventually(asked, f"an answer {status}", HEALED_SECONDS_MAX)
        assert found is not None
        return found

    def rest(self) -> None:
        """Stop all hosts."""
        for life in self.lives:
            life.close()


@dataclass
class Storm:
    """A destination with some hours, and the operations on them, one after the other."""

    installation: Installation
    storage: Storage
    killer: Killer
    services: dict[str, Weather]
    customers: Weather
    starts: list[datetime]
    destination: Json
    asked: list[str] = field(default_factory=list)
    verifications: list[str] = field(default_factory=list)
    refused: str = ""

    @property
    def weather(self) -> list[Weather]:
        """The disturbance of each account."""
        return [*self.services.values(), self.customers]

    def be(self, *, fine: bool) -> None:
        """Switch the disturbances of all accounts on or off."""
        for each in self.weather:
            each.fine = fine

    def backfill(self, first: datetime, last: datetime) -> str:
        """Create a backfill and return its path. If an answer is lost, there may be two backfills."""
        asked = {"start": key_of(first), "end": key_of(last)}
        answer = self.killer.insist(lambda app: app.api.post("/destinations/stormy/backfills", asked), 202)
        self.asked.append(ok_path(answer))
        return self.asked[-1]

    def verify(self) -> None:
        """Create a verification that runs in the background."""
        first, last = self.installation.newest_hours(LOOKED_AT_HOURS)[:: LOOKED_AT_HOURS - 1]
        asked = {"from": key_of(first), "to": key_of(last)}
        answer = self.killer.insist(lambda app: app.api.post("/destinations/looked-at/verify", asked), 202)
        self.verifications.append(ok_path(answer))

    def rename(self, prefix: str, **output: str) -> None:
        """Change the prefix and the names of the files."""
        self.destination["storage"]["prefix"] = prefix
        self.destination["output"] |= output
        self.killer.insist(lambda app: app.api.put("/destinations/stormy", self.destination), 200)

    def tidy(self) -> None:
        """Delete the landing blobs of the oldest hour once it is exported, and create a backfill of it."""
        start = self.starts[0]
        key, rows = stream_key("stormy", SAMPLE), len(expected_ids(start))

        def exported() -> bool:
            self.killer.tend()
            found = self.installation.ledger.get(key, Hour(start))
            return found is not None and found.value.done and found.value.content.rows.exported == rows

        eventually(exported, "the oldest hour exported", TIDIED_SECONDS_MAX)
        with self.installation.blobs.get_container_client(LANDING) as landing:
            for name in list(
                landing.list_blob_names(name_starts_with=SAMPLE.hour(start).folder(DataType.EVENTS))
            ):
                landing.delete_blob(name)
        self.refused = self.backfill(start, start)

    def restart_storage(self) -> None:
        """Stop the emulator and start it with its data."""
        self.storage.stop()
        self.killer.strike()
        self.storage.start()

    def lose(self, service: str) -> None:
        """Let a service of our own storage fail during exports, a backfill and a verification."""
        self.verify()
        self.backfill(self.starts[1], self.starts[-2])
        self.services[service].go_away()
        until = time.monotonic() + AWAY_SECONDS
        if service == "queue":
            self.killer.until_one_ends()
        while time.monotonic() < until:
            self.killer.tend()
            time.sleep(1)
        self.services[service].come_back()


@contextmanager
def a_storm(folder: Path, clocks: tuple[int, ...]) -> Iterator[Storm]:
    """Install the app behind disturbed storage. An hour closes two minutes from now."""
    # So that closing times fall on the minute after next: see ``Installation``.
    at = now() + CLOSES_AFTER + timedelta(minutes=30)
    storage = Storage(folder / "storage")
    with ExitStack() as stack:
        storage.start()
        stack.callback(storage.stop)
        installation = Installation(storage.endpoints, folder, at)
        stack.callback(installation.close)
        ports = {"blob": storage.endpoints.blob_port, "queue": storage.endpoints.queue_port}
        ports |= {"table": storage.endpoints.table_port, "customers": storage.endpoints.blob_port}
        weather = {
            name: stack.enter_context(weather_before(port, SEED + number))
            for number, (name, port) in enumerate(ports.items())
        }
        customers = weather.pop("customers")
        outside = Endpoints(*(each.server_port for each in weather.values())).connection_string
        starts = installation.newest_hours(HOURS)
        destination = installation.destination(
            "stormy", SAMPLE, starts[0], (DataType.EVENTS,), max_part_mib=1
        )
        theirs = replace(storage.endpoints, blob_port=customers.server_port).connection_string
        destination["credentials"]["connection_string"] = theirs
        settings = {
            "AzureWebJobsStorage": outside,
            "EXPORT_SCHEDULE": "*/5 * * * * *",
            "LATE_CHECK_HOURS": ",".join(str(hour) for hour in range(1, HOURS)),
            # An outage of half a minute must neither use up a message's five attempts nor delay a stop.
            "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:10",
            "FUNCTIONS_LOCAL_LEASE_SECONDS": "15",
        }
        killer = Killer(installation, settings, clocks, folder, Random(SEED))  # noqa: S311  chance that can be repeated
        yield Storm(installation, storage, killer, weather, customers, starts, destination)


def expected_ids(start: datetime, *, late: bool = True) -> set[str]:
    """Return the uuids of an hour's events, late ones included."""
    hour = SAMPLE.hour(start)
    return set(hour.truth().event_ids()) | (set(hour.late_truth().event_ids()) if late else set())


def found_ids(installation: Installation, destination_id: str, folder: Path) -> list[str]:
    """Return the uuids that DuckDB finds."""
    folder.mkdir()
    return event_ids(contents(installation.container(destination_id)), folder)


def rage(storm: Storm) -> None:
    """Run all operations while hosts die and storage fails."""
    installation, killer, starts = storm.installation, storm.killer, storm.starts
    for start in starts:
        installation.land(SAMPLE.hour(start).files(DataType.EVENTS))
    installation.land(SAMPLE.hour(starts[0]).late_files(DataType.EVENTS))
    # For a host whose clock is ahead, the newest hour is already closed: it checks for late blobs at once.
    for place in range(len(killer.clocks) - 1):
        killer.start(place)
    killer.apps[0].activate(storm.destination)
    (oldest, *_) = installation.newest_hours(LOOKED_AT_HOURS)
    looked_at = installation.destination("looked-at", LOOKED_AT, oldest, (DataType.EVENTS,))
    killer.apps[0].activate(looked_at)
    ok(killer.apps[0].api.post("/destinations/looked-at/pause"))
    storm.backfill(starts[0], starts[-2])
    storm.be(fine=False)
    for start in starts[1:-1]:
        time.sleep(3)
        installation.land(SAMPLE.hour(start).late_files(DataType.EVENTS))
    killer.start(len(killer.clocks) - 1)
    killer.strike_for(10)
    storm.rename("", name_style="safe", path_layout="by_project")
    storm.tidy()
    storm.lose("blob")
    storm.restart_storage()
    killer.strike_for(5)
    storm.lose("table")
    storm.rename("moved/here", name_style="amplitude")
    storm.lose("queue")
    closes_at = starts[-1] + timedelta(hours=1, minutes=installation.settle_minutes)
    killer.strike_for(max(GOES_ON_SECONDS, (closes_at - now()).total_seconds() + GOES_ON_SECONDS))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "clocks",
    [
        pytest.param(
            (0, 0, 0),
            marks=pytest.mark.skipif(COMPILER is not None, reason="the clocks are set apart, which is worse"),
            id="clocks together",
        ),
        pytest.param(
            APART,
            marks=pytest.mark.skipif(
                COMPILER is None, reason="no C compiler makes what sets the clocks of hosts: install gcc"
            ),
            id="clocks apart",
        ),
    ],
)
def test_in_the_end_each_event_is_there_once_whatever_was_killed(
    tmp_path: Path, clocks: tuple[int, ...]
) -> None:
    """Schedule, backfills, late blobs and verifications, while names change and landing blobs are deleted."""
    with a_storm(tmp_path, clocks) as storm:
        installation, killer, starts = storm.installation, storm.killer, storm.starts
        try:
            rage(storm)
        finally:
            storm.be(fine=True)
            killer.rest()
        # No host dies from here on, and leases are long: a loaded machine must not lose messages.
        settings = killer.settings_of(len(clocks) - 1) | {"FUNCTIONS_LOCAL_LEASE_SECONDS": "120"}
        with installation.app(**settings) as app:
            # The customer resumes the destination: hours that wait for it are due at once.
            ok(app.api.post("/destinations/stormy/activate"))
            backfills = all_ended(app, storm)
            whole = in_the_end_whole(app, storm)
            app.until(lambda: installation.waiting() == 0, "all messages", HEALED_SECONDS_MAX)
            hours = app.hours("stormy", starts)
            verified = [ok(app.api.get(path)) for path in storm.verifications]
        there = contents(installation.container("stormy"))
        found = found_ids(installation, "stormy", tmp_path / "found")
    wanted = set().union(*(expected_ids(start, late=start != starts[-1]) for start in starts))
    assert (len(found), set(found)) == (len(wanted), wanted)
    assert (whole["whole"], whole["wrong"]) == (HOURS, 0)
    assert_markers_and_ledger_are_true(hours, there)
    assert_only_the_tidied_hour_is_refused(backfills, storm)
    assert {each["status"] for each in verified} == {"succeeded"}
    # For a host whose clock is behind, the newest hour may not be closed yet.
    assert {each["checked"] for each in verified} <= {LOOKED_AT_HOURS - 1, LOOKED_AT_HOURS}
    assert {"worker", "host"} <= set(killer.killed)
    assert 0 in killer.ended
    met = sum((each.met for each in storm.weather), start=type(storm.customers.met)())
    assert met.keys() == {"busy", "throttled", "broken", "swallowed"}


def all_ended(app: App, storm: Storm) -> dict[str, Json]:
    """Wait until all backfills and verifications have ended, including those with lost answers."""

    def backfills() -> dict[str, Json]:
        with suppress(TimeoutError):
            found = ok(app.api.get("/destinations/stormy/backfills"))["backfills"]
            return {each["id"]: each for each in found if all(other["status"] in ENDED for other in found)}
        return {}

    def verified() -> bool:
        return all(ok(app.api.get(path))["status"] != "running" for path in storm.verifications)

    found = app.until(backfills, "the end of all backfills", HEALED_SECONDS_MAX)
    app.until(verified, "the end of all verifications", HEALED_SECONDS_MAX)
    return found


def in_the_end_whole(app: App, storm: Storm) -> Json:
    """Wait until the ledger has all hours as exported and none as running; return a verification."""
    asked = {"from": key_of(storm.starts[0]), "to": key_of(storm.starts[-1])}

    def rows() -> int:
        hours = app.hours("stormy", storm.starts)
        return sum(hour["rows"]["exported"] for hour in hours) if all_done(hours) else 0

    wanted = sum(len(expected_ids(start, late=start != storm.starts[-1])) for start in storm.starts)
    app.until(lambda: rows() == wanted, "all hours exported, and what landed late", HEALED_SECONDS_MAX)

    def looked() -> Json:
        found: Json = ok(app.api.post("/destinations/stormy/verify", asked))
        return found if found["whole"] + found["wrong"] == HOURS else {}

    return app.until(looked, "no hour in work", HEALED_SECONDS_MAX)


def all_done(hours: list[Json]) -> bool:
    """Whether the ledger has all hours as done."""
    return len(hours) == HOURS and all(hour["status"] in DONE for hour in hours)


def assert_markers_and_ledger_are_true(hours: list[Json], there: dict[str, bytes]) -> None:
    """Fail unless files, markers and ledger agree."""
    parts = {name: body for name, body in there.items() if name.endswith(".json.gz")}
    measured = {
        name: (gzip.decompress(body).count(b"\n"), len(body), _md5(body)) for name, body in parts.items()
    }
    markers = [json.loads(body) for name, body in there.items() if name.endswith("_complete")]
    for told in (hours, markers):
        named = {
            part["name"]: (part["rows"], part["bytes"], part["md5"])
            for each in told
            for part in each["parts"]
        }
        assert named == measured
    assert sorted(each["hour"] for each in markers) == [hour["hour"] for hour in hours]
    assert len(there) == len(parts) + len(markers)
    for hour in hours:
        assert hour["rows"]["exported"] == sum(part["rows"] for part in hour["parts"])


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def assert_only_the_tidied_hour_is_refused(backfills: dict[str, Json], storm: Storm) -> None:
    """Fail unless every backfill has succeeded, except for the hour that landing no longer has."""
    tidied = key_of(storm.starts[0])
    for backfill in backfills.values():
        failed = [(each["hour"], each["error"]["code"]) for each in backfill["failed_hours"]]
        assert failed in ([], [(tidied, "landing_incomplete")]), backfill
        assert backfill["status"] == ("failed" if failed else "succeeded"), backfill
        assert backfill["hours"]["left"] == 0, backfill
    refused = backfills[storm.refused.rpartition("/")[2]]
    assert refused["status"] == "failed"
    assert {path.rpartition("/")[2] for path in storm.asked} <= backfills.keys()


def ok_path(answer: Answer) -> str:
    """Return the path of a backfill or verification that was accepted."""
    assert answer.status == 202, answer
    return str(answer.headers["location"]).partition("/api")[2]


SMALL = Sample(
    events_per_hour=9_000, merges_per_hour=0, blobs_per_hour=1, faults=frozenset({Fault.LATE_BLOB})
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "moment",
    ["some parts are staged", "all parts are staged", "some parts are committed", "all parts are committed"],
)
def test_a_worker_that_was_frozen_past_its_lease_changes_nothing(tmp_path: Path, moment: str) -> None:
    """SIGSTOP; another host exports the hour, and again with late blobs; then the worker continues."""
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
        # Its host, too: it would still receive messages, for which it has no worker.
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
