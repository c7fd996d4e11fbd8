"""Workers and hosts are killed in the middle of an hour: readers find the same files as always.

Where a test says that time passes, it sets the clock of the ledger forward: a dead worker's hour is taken
over after a minute and a half. One test, a slow one, waits for it.
"""

import gzip
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import cycle
from pathlib import Path

import pytest

from exporter.domain.claims import LEASE
from exporter.domain.hour import Hour
from exporter.domain.hour_record import HourStatus
from infra.local.sample import DataType, Fault, Sample
from tests.support.customer_files import EVENT_COLUMNS, Files, contents
from tests.support.gate import MOMENTS, Gate, Hold, Moment, gate_before
from tests.support.installation import App, Installation, Json, installed, stream_key

# Big enough for several parts of a mebibyte, and with rows that are rejected or left out. In one blob, so
# that one worker stages them all: hours that several workers stage have tests of their own.
SAMPLE = Sample(
    events_per_hour=12_000,
    merges_per_hour=0,
    blobs_per_hour=1,
    faults=frozenset({Fault.NOT_JSON, Fault.DUPLICATES_IN_BLOB}),
)
TAKEN_OVER_SECONDS_MAX = 120.0
# How many blobs a reader sees when the worker dies, by the number of parts.
VISIBLE: dict[str, Callable[[int], int]] = {
    "the hour is claimed": lambda _: 0,
    "some parts are staged": lambda _: 0,
    "all parts are staged": lambda _: 0,
    "some parts are committed": lambda _: 1,
    "all parts are committed": lambda parts: parts,
    "the marker is written": lambda parts: parts + 1,
}


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """The result of an undisturbed export: the customer's container, rejected rows, the ledger."""

    at: datetime
    start: datetime
    container: dict[str, bytes]
    rejected: bytes
    hour: Json

    @property
    def parts(self) -> int:
        """The number of the hour's files."""
        return len(self.hour["parts"])


@dataclass(frozen=True, slots=True)
class Place:
    """An installation with one big hour to export, and a gate between the app and the customers' storage."""

    installation: Installation
    gate: Gate
    start: datetime

    def order(self, app: App, destination_id: str) -> None:
        """Create a destination that owes the hour."""
        at_the_gate = replace(self.installation.endpoints, blob_port=self.gate.server_port)
        destination = self.installation.destination(
            destination_id, SAMPLE, self.start, (DataType.EVENTS,), max_part_mib=1
        )
        destination["credentials"]["connection_string"] = at_the_gate.connection_string
        app.activate(destination)

    def held_at(self, moment: Moment, app: App) -> Hold:
        """Run the tick and wait until the worker is held at that moment."""
        hold = self.gate.close_at(moment)
        app.tick()
        app.until(hold.reached.is_set, "the export got that far")
        return hold

    def status(self, destination_id: str) -> HourStatus:
        """Return the ledger's row of the hour."""
        found = self.installation.ledger.get(stream_key(destination_id, SAMPLE), Hour(self.start))
        assert found is not None
        return found.value.status

    def let_time_pass(self, destination_id: str) -> None:
        """End the dead worker's lease in the ledger."""
        self.installation.let_time_pass(stream_key(destination_id, SAMPLE), self.start)

    def left(self, app: App, destination_id: str) -> Undisturbed:
        """Wait until the hour is exported and return its result."""
        (hour,) = app.exported(destination_id, [self.start])
        found = self.installation.ledger.get(stream_key(destination_id, SAMPLE), Hour(self.start))
        assert found is not None
        rejected = b""
        for name in found.value.content.rejected:
            with self.installation.blobs.get_blob_client("rejected", name) as blob:
                rejected += gzip.decompress(blob.download_blob().readall())
        container = contents(self.installation.container(destination_id))
        return Undisturbed(self.installation.at, self.start, container, rejected, hour)


@contextmanager
def a_place(folder: Path, at: datetime | None = None) -> Iterator[Place]:
    """Land the hour in a new installation."""
    with installed(folder, at) as installation, gate_before(installation.endpoints.blob_port) as gate:
        (start,) = installation.newest_hours(1)
        installation.land(SAMPLE.hour(start).files(DataType.EVENTS))
        yield Place(installation, gate, start)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Yield a place in which each test uses another destination."""
    with a_place(tmp_path_factory.mktemp("installation")) as found:
        yield found


@pytest.fixture(scope="module")
def app(place: Place) -> Iterator[App]:
    """Run an app whose workers may be killed. The host starts new ones."""
    with place.installation.app() as running:
        yield running


@pytest.fixture(scope="module")
def undisturbed(app: App, place: Place) -> Undisturbed:
    """Export the hour without a failure."""
    place.order(app, "undisturbed")
    app.tick()
    return place.left(app, "undisturbed")


def kill_worker(app: App, hold: Hold) -> None:
    """Kill the worker process and wait until the host has another one."""
    dead = app.worker
    dead.kill()
    app.until(lambda: app.worker.pid != dead.pid, "another worker process")
    hold.release(drop=True)


def assert_readers_see_nothing_wrong(
    place: Place, destination_id: str, undisturbed: Undisturbed
) -> dict[str, bytes]:
    """Fail unless a dead worker left whole parts only, and a marker only with all parts."""
    assert place.status(destination_id) is HourStatus.RUNNING
    visible = contents(place.installation.container(destination_id))
    assert visible.items() <= undisturbed.container.items()
    marked = any(name.endswith("_complete") for name in visible)
    assert not marked or visible == undisturbed.container
    return visible


def assert_nothing_shows(after: Undisturbed, undisturbed: Undisturbed, *, attempts: int) -> None:
    """Fail unless the result is that of an undisturbed export, apart from the number of attempts."""
    assert after.container.keys() == undisturbed.container.keys()
    assert after.container == undisturbed.container
    assert after.rejected == undisturbed.rejected
    same = ("status", "rows", "parts", "requested_by", "error")
    assert {key: after.hour[key] for key in same} == {key: undisturbed.hour[key] for key in same}
    assert after.hour["attempts"] == attempts


def test_the_undisturbed_hour_has_several_parts_and_every_event_once(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """The undisturbed result is right, and the hour is large enough to be interrupted anywhere."""
    parts = [part["name"] for part in undisturbed.hour["parts"]]
    files = Files.saved(tmp_path, [(name, undisturbed.container[name]) for name in parts])

    found = [str(row["uuid"]) for row in files.table(EVENT_COLUMNS)]

    assert len(parts) >= 4
    assert found == list(SAMPLE.hour(undisturbed.start).truth().event_ids())
    assert undisturbed.hour["attempts"] == 1
    assert undisturbed.hour["rows"]["rejected"] == undisturbed.rejected.count(b"\n") > 0


# The other moments are of test-all: tests/crashes goes through all of them, and many more, without a process.
QUICK = frozenset({"some parts are staged", "some parts are committed"})


@pytest.mark.parametrize(
    "moment",
    [pytest.param(each, marks=() if each in QUICK else pytest.mark.slow) for each in MOMENTS],
)
def test_a_worker_killed_at_any_moment_leaves_nothing_half_done(
    app: App, place: Place, undisturbed: Undisturbed, moment: str
) -> None:
    """``kill -9`` at that moment. The next worker completes the export, byte for byte."""
    destination_id = f"killed-{list(MOMENTS).index(moment)}"
    place.order(app, destination_id)

    kill_worker(app, place.held_at(MOMENTS[moment], app))

    visible = assert_readers_see_nothing_wrong(place, destination_id, undisturbed)
    assert len(visible) == VISIBLE[moment](undisturbed.parts)
    place.let_time_pass(destination_id)
    app.tick()
    assert_nothing_shows(place.left(app, destination_id), undisturbed, attempts=2)


# On a slow machine one message may see every death, and the host would move it to poison after the fifth.
PATIENT = {"AzureFunctionsJobHost__extensions__queues__maxDequeueCount": "20"}


@pytest.mark.slow
def test_an_hour_may_die_again_and_again(undisturbed: Undisturbed, tmp_path: Path) -> None:
    """At every moment in turn, the whole host or its worker. At the end, each event is there once."""
    with a_place(tmp_path, undisturbed.at) as place, ExitStack() as lives:
        app = lives.enter_context(place.installation.app(**PATIENT))
        place.order(app, "mortal")
        for moment, host_too in zip(MOMENTS.values(), cycle([True, False]), strict=False):
            hold = place.held_at(moment, app)
            if host_too:
                worker = app.worker
                app.running.process.kill()
                worker.kill()
                lives.close()
                hold.release(drop=True)
                app = lives.enter_context(place.installation.app(**PATIENT))
            else:
                kill_worker(app, hold)
            assert_readers_see_nothing_wrong(place, "mortal", undisturbed)
            place.let_time_pass("mortal")
        app.tick()

        after = place.left(app, "mortal")

    assert_nothing_shows(after, undisturbed, attempts=len(MOMENTS) + 1)


@pytest.mark.slow
def test_an_hour_that_is_running_at_sigterm_is_finished_or_resumed(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """The host waits for it, or the next host goes on. A reader sees no difference."""
    with a_place(tmp_path, undisturbed.at) as place:
        with place.installation.app() as app:
            place.order(app, "restarted")
            hold = place.held_at(MOMENTS["some parts are committed"], app)
            app.running.process.send_signal(signal.SIGTERM)
            app.until(lambda: "Stopping" in app.log, "the host is stopping")
            hold.release()
            assert app.running.process.wait(30) == 0
        if place.status("restarted") is HourStatus.RUNNING:
            place.let_time_pass("restarted")
        with place.installation.app() as app:
            app.tick()

            after = place.left(app, "restarted")

        assert_nothing_shows(after, undisturbed, attempts=after.hour["attempts"])


@pytest.mark.slow
def test_a_dead_workers_hour_is_taken_over_within_two_minutes(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """By the timer only, and not before its lease ends: a worker that seems dead may only be slow."""
    with (
        a_place(tmp_path, undisturbed.at) as place,
        place.installation.app(EXPORT_SCHEDULE="*/5 * * * * *") as app,
    ):
        place.order(app, "waiting")
        kill_worker(app, place.held_at(MOMENTS["some parts are committed"], app))
        died = time.monotonic()

        app.exported("waiting", [place.start], TAKEN_OVER_SECONDS_MAX)
        waited = time.monotonic() - died

        after = place.left(app, "waiting")

    # What is left of the lease when the worker dies: it was renewed half a minute before, at the earliest.
    assert LEASE.total_seconds() / 2 < waited < TAKEN_OVER_SECONDS_MAX
    assert_nothing_shows(after, undisturbed, attempts=2)
