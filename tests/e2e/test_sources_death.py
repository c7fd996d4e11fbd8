"""Workers are killed in the middle of a pull: each row is landed once, and the answer is asked for once."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local.export_api import Project
from tests.support.clocks import COMPILER
from tests.support.gate import Gate, Moment, Request, gate_before
from tests.support.live_source import API_KEY, SAMPLE, SECRET_KEY, LiveSource, live_source

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COMPILER is None, reason="no C compiler makes what sets clocks: install gcc"),
    pytest.mark.timeout(600),
]


def stores(request: Request) -> bool:
    """Whether a request makes the blocks of an answer a blob."""
    return (request.method, request.part) == ("PUT", "blocklist") and request.name.endswith(".zip")


def lands(request: Request) -> bool:
    """Whether a request makes the blocks of a landed file a blob."""
    return (request.method, request.part) == ("PUT", "blocklist") and request.name.startswith("amplitude-")


def discards(request: Request) -> bool:
    """Whether a request deletes an answer."""
    return request.method == "DELETE" and request.name.endswith(".zip")


MOMENTS = {
    "the answer is stored": Moment(stores, landed=True),
    "the first file is about to land": Moment(lands),
    "the first file has landed": Moment(lands, landed=True),
    "all files have landed": Moment(lands, count=2, landed=True),
    "the hour is settled": Moment(discards),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSource]:
    """Yield an installation and an Export API; each test has an hour of its own."""
    folder: Path = tmp_path_factory.mktemp("installation")
    with live_source(folder, Project(SAMPLE.project_id, API_KEY, SECRET_KEY)) as found:
        yield found


@pytest.fixture(scope="module")
def gate(place: LiveSource) -> Iterator[Gate]:
    """Run a gate between the app and its own storage."""
    with gate_before(place.installation.endpoints.blob_port) as found:
        yield found


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_worker_killed_at_any_moment_leaves_each_row_once(
    place: LiveSource, gate: Gate, moment: str
) -> None:
    """``kill -9`` at that moment; the next worker goes on from the stored answer; a tick deletes it."""
    number = list(MOMENTS).index(moment)
    place.publish(number)
    place.at(number)
    at_the_gate = replace(place.installation.endpoints, blob_port=gate.server_port)
    with place.app(AzureWebJobsStorage=at_the_gate.connection_string) as app:
        app.create(number)
        hold = gate.close_at(MOMENTS[moment])
        app.until(hold.reached.is_set, "the pull got that far")
        dead = app.running.worker
        dead.kill()
        app.running.until(lambda: app.running.worker.pid != dead.pid, "another worker process")
        hold.release(drop=True)
        place.pass_time(minutes=10)
        (hour,) = app.pulled(number, number)
        app.until(lambda: not place.stored_answers(), "the answer is deleted")

    landed = place.landed(number)
    rows = [json.loads(line) for body in landed.values() for line in gzip.decompress(body).splitlines()]
    assert sorted(row["uuid"].strip("{}").lower() for row in rows) == place.truth(number)
    assert (hour["status"], hour["rows"], hour["blobs"], len(landed)) == ("pulled", 30, 2, 2)
    assert [each.status for each in place.requests(number)] == [200]


def test_an_hour_that_exceeds_the_time_of_a_function_goes_on_in_the_next_one(
    place: LiveSource, gate: Gate
) -> None:
    """The host kills the worker at ``functionTimeout``; the message comes again, and the API is not asked."""
    number = len(MOMENTS)
    place.publish(number)
    place.at(number)
    at_the_gate = replace(place.installation.endpoints, blob_port=gate.server_port)
    storage, limit = at_the_gate.connection_string, "00:00:10"
    with place.app(AzureWebJobsStorage=storage, AzureFunctionsJobHost__functionTimeout=limit) as app:
        app.create(number)
        hold = gate.close_at(Moment(lands, count=2))
        app.until(hold.reached.is_set, "the second file is about to land")
        slow = app.running.worker
        app.running.until(lambda: app.running.worker.pid != slow.pid, "the host has killed the worker")
        hold.release(drop=True)
        place.pass_time(minutes=10)
        (hour,) = app.pulled(number, number)
        log = app.running.log

    landed = place.landed(number)
    rows = [json.loads(line) for body in landed.values() for line in gzip.decompress(body).splitlines()]
    assert "pull_hour: failed" in log
    assert f"exceeded functionTimeout (0:00:{limit[-2:]})" in log
    assert sorted(row["uuid"].strip("{}").lower() for row in rows) == place.truth(number)
    assert (hour["status"], hour["rows"], hour["blobs"], hour["pulls"]) == ("pulled", 30, 2, 1)
    assert [each.status for each in place.requests(number)] == [200]
