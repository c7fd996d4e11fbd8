"""Workers and hosts that are killed in the middle of an hour: readers find what they always find.

Where a test says that time passes, it sets the clock of the ledger forward: a dead worker's hour is taken
over after a minute and a half. One test, a slow one, waits for it.
"""

import gzip
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from pathlib import Path

import psutil
import pytest

from exporter.domain.ledger import LEASE
from infra.local.sample import DataType, Fault, Sample
from tests.e2e.installation import App, Installation, Json, installed
from tests.e2e.mortality import MOMENTS, NOTHING, Moment, Patient, Seen
from tests.e2e.reading import EVENT_COLUMNS, Files, contents

# Big enough for several parts of a mebibyte, and with rows that are rejected or left out.
SAMPLE = Sample(
    events_per_hour=16_000,
    merges_per_hour=0,
    faults=frozenset({Fault.NOT_JSON, Fault.DUPLICATES_ACROSS_BLOBS}),
)
# A worker may get past a moment between two looks; then another hour has to die.
TRIES_MAX = 5
TAKEN_OVER_SECONDS_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What an export leaves that nobody disturbs: the customer's container, rejected rows, the ledger."""

    start: datetime
    container: dict[str, bytes]
    rejected: bytes
    hour: Json

    @property
    def parts(self) -> int:
        """How many files the hour has."""
        return len(self.hour["parts"])


@pytest.fixture(scope="module")
def app(shared: Installation) -> Iterator[App]:
    """Return an app in which there is one big hour to export for anybody who asks."""
    (start,) = shared.newest_hours(1)
    shared.land(SAMPLE.hour(start).files(DataType.EVENTS))
    with shared.app() as running:
        yield running


@pytest.fixture(scope="module")
def undisturbed(app: App, shared: Installation) -> Undisturbed:
    """Export the hour in peace."""
    (start,) = shared.newest_hours(1)
    order(app, shared, "undisturbed", start)
    return left(app, shared, "undisturbed", start)


def order(app: App, installation: Installation, destination_id: str, start: datetime) -> None:
    """Make a destination that owes the hour, and fire the tick."""
    events = (DataType.EVENTS,)
    app.activate(installation.destination(destination_id, SAMPLE, start, events, max_part_mib=1))
    app.tick()


def left(app: App, installation: Installation, destination_id: str, start: datetime) -> Undisturbed:
    """Wait until the ledger says that the hour is exported, and return everything about it."""
    (hour,) = app.exported(destination_id, [start])
    name = f"{destination_id}/events/{SAMPLE.project_id}/{start:%Y/%m/%d/%H}.ndjson.gz"
    with installation.blobs.get_blob_client("rejected", name) as blob:
        rejected = blob.download_blob().readall()
    container = contents(installation.container(destination_id))
    return Undisturbed(start, container, gzip.decompress(rejected), hour)


def assert_nothing_shows(after: Undisturbed, undisturbed: Undisturbed, *, attempts: int) -> None:
    """Fail unless everything is as if nobody had died, but for the number of attempts."""
    assert after.container.keys() == undisturbed.container.keys()
    assert after.container == undisturbed.container
    assert after.rejected == undisturbed.rejected
    same = ("status", "rows", "parts", "requested_by", "error")
    assert {key: after.hour[key] for key in same} == {key: undisturbed.hour[key] for key in same}
    assert after.hour["attempts"] == attempts


def kill(worker: psutil.Process, app: App) -> None:
    """Kill a worker process, and wait until the host has another one."""
    worker.kill()
    app.until(lambda: app.worker.pid != worker.pid, "another worker process")


def assert_readers_see_nothing_wrong(patient: Patient, undisturbed: Undisturbed) -> Seen:
    """Fail unless what a dead worker left is whole: its parts, and a marker only if all of them are there."""
    seen = patient.seen()
    assert seen.running
    visible = contents(patient.installation.container(patient.destination_id))
    assert visible.items() <= undisturbed.container.items()
    assert not seen.marked or visible.keys() == undisturbed.container.keys()
    return seen


def test_the_undisturbed_hour_has_several_parts_and_every_event_once(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """What the tests below compare with is right, and big enough to be interrupted anywhere."""
    parts = [part["name"] for part in undisturbed.hour["parts"]]
    files = Files.saved(tmp_path, [(name, undisturbed.container[name]) for name in parts])

    found = [str(row["uuid"]) for row in files.table(EVENT_COLUMNS)]

    assert len(parts) >= 4
    assert found == list(SAMPLE.hour(undisturbed.start).truth().event_ids())
    assert undisturbed.hour["attempts"] == 1
    assert undisturbed.hour["rows"]["rejected"] == undisturbed.rejected.count(b"\n") > 0


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_a_worker_killed_at_any_moment_leaves_nothing_half_done(
    app: App, shared: Installation, undisturbed: Undisturbed, moment: Moment
) -> None:
    """``kill -9`` once it got there; the next worker ends what it began, byte for byte."""
    for number in range(TRIES_MAX):
        destination_id = f"killed-{list(MOMENTS.values()).index(moment)}-{number}"
        order(app, shared, destination_id, undisturbed.start)
        patient = Patient(shared, destination_id, SAMPLE, undisturbed.start, undisturbed.parts)
        if worker := patient.stopped_at(moment, app):
            break
    else:
        pytest.fail(f"the worker was never caught at that moment in {TRIES_MAX} hours")

    kill(worker, app)
    assert_readers_see_nothing_wrong(patient, undisturbed)
    patient.let_time_pass()
    app.tick()

    after = left(app, shared, destination_id, undisturbed.start)
    assert_nothing_shows(after, undisturbed, attempts=2)


def test_an_hour_may_die_again_and_again(
    undisturbed: Undisturbed, shared: Installation, tmp_path: Path
) -> None:
    """At every moment in turn, now the worker and now the whole host: in the end each event is there once."""
    deaths, seen = 0, NOTHING
    with installed(tmp_path, shared.at) as installation, ExitStack() as lives:
        installation.land(SAMPLE.hour(undisturbed.start).files(DataType.EVENTS))
        patient = Patient(installation, "mortal", SAMPLE, undisturbed.start, undisturbed.parts)
        app = lives.enter_context(installation.app())
        order(app, installation, "mortal", undisturbed.start)
        for moment, host_too in zip(MOMENTS.values(), cycle([True, False])):
            worker = patient.stopped_at(moment, app, since=seen)
            if worker is None:
                break
            deaths += 1
            if host_too:
                app.running.process.kill()
                worker.kill()
                lives.close()
                app = lives.enter_context(installation.app())
            else:
                kill(worker, app)
            seen = assert_readers_see_nothing_wrong(patient, undisturbed)
            patient.let_time_pass()
            app.tick()

        after = left(app, installation, "mortal", undisturbed.start)

    assert deaths >= len(MOMENTS) - 1
    assert_nothing_shows(after, undisturbed, attempts=deaths + 1)


def test_an_hour_that_is_running_at_sigterm_is_finished_or_resumed(
    undisturbed: Undisturbed, shared: Installation, tmp_path: Path
) -> None:
    """The host lets it end, or the next one goes on: either way nobody sees that there was a restart."""
    with installed(tmp_path, shared.at) as installation:
        installation.land(SAMPLE.hour(undisturbed.start).files(DataType.EVENTS))
        patient = Patient(installation, "restarted", SAMPLE, undisturbed.start, undisturbed.parts)
        with installation.app() as app:
            order(app, installation, "restarted", undisturbed.start)
            app.until(lambda: patient.seen().second_part_blocks, "parts are staged")
            app.running.process.send_signal(signal.SIGTERM)
            assert app.running.process.wait(30) == 0
        if not patient.seen().done:
            patient.let_time_pass()
        with installation.app() as app:
            app.tick()

            after = left(app, installation, "restarted", undisturbed.start)

        assert_nothing_shows(after, undisturbed, attempts=after.hour["attempts"])


@pytest.mark.slow
def test_a_dead_workers_hour_is_taken_over_within_two_minutes(
    undisturbed: Undisturbed, shared: Installation, tmp_path: Path
) -> None:
    """By the timer alone, and not before its lease is over: a worker that seems dead may only be slow."""
    with installed(tmp_path, shared.at) as installation:
        installation.land(SAMPLE.hour(undisturbed.start).files(DataType.EVENTS))
        patient = Patient(installation, "waiting", SAMPLE, undisturbed.start, undisturbed.parts)
        with installation.app(EXPORT_SCHEDULE="*/5 * * * * *") as app:
            order(app, installation, "waiting", undisturbed.start)
            worker = patient.stopped_at(MOMENTS["some parts are committed"], app)
            assert worker
            kill(worker, app)
            died = time.monotonic()

            app.exported("waiting", [undisturbed.start], TAKEN_OVER_SECONDS_MAX)
            waited = time.monotonic() - died

            after = left(app, installation, "waiting", undisturbed.start)

    assert LEASE.total_seconds() / 2 < waited < TAKEN_OVER_SECONDS_MAX
    assert_nothing_shows(after, undisturbed, attempts=2)
