"""Requests to pull hours again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain.errors import Invalid, NotFound, NotPossible
from exporter.domain.hour import Hour
from exporter.domain.pulls import RunStatus
from exporter.sources.edit import put_source
from exporter.sources.lifecycle import delete
from exporter.sources.runs import RunRequest, cancel_run, create_run, find_run, list_runs
from tests.support.fakes.world import World
from tests.support.sources import DRAFT_SOURCE, LAST_DUE
from tests.support.worlds import NOW

DAY = RunRequest("2026-01-30", "2026-01-30", Hour.parse("2026-01-30T00"), Hour.parse("2026-01-30T23"))


@pytest.fixture
def world() -> World:
    """Return a world with a source."""
    found = World()
    put_source(found.gateways, DRAFT_SOURCE, if_match=None, now=NOW)
    return found


def test_a_request_is_stored_with_all_of_its_hours(world: World) -> None:
    """Also those before the start of the source."""
    run = create_run(world.gateways.pulls, "acme", DAY, now=NOW, new_id="r1")

    assert (run.total, run.left, run.status, run.clamped) == (24, 24, RunStatus.QUEUED, False)
    assert find_run(world.gateways.pulls, "acme", "r1") == run


def test_hours_that_are_not_due_yet_are_left_out(world: World) -> None:
    """A request of such hours alone is refused."""
    until = replace(DAY, last=LAST_DUE.plus(5))
    run = create_run(world.gateways.pulls, "acme", until, now=NOW, new_id="r1")

    with pytest.raises(Invalid) as refused:
        create_run(world.gateways.pulls, "acme", replace(DAY, first=LAST_DUE.plus(1)), now=NOW, new_id="r2")

    assert (run.last, run.clamped) == (LAST_DUE, True)
    assert [problem.field for problem in refused.value.problems] == ["start"]


def test_a_cancelled_request_stays_cancelled(world: World) -> None:
    """Cancelling twice is the same as once; one that has ended otherwise cannot be cancelled."""
    pulls = world.gateways.pulls
    create_run(pulls, "acme", DAY, now=NOW, new_id="r1")
    ended = create_run(pulls, "acme", DAY, now=NOW, new_id="r2")
    found = pulls.runs.get("acme", "r2")
    assert found is not None
    pulls.runs.put(replace(ended, status=RunStatus.SUCCEEDED), found.etag)

    first = cancel_run(pulls, "acme", "r1", now=NOW)
    second = cancel_run(pulls, "acme", "r1", now=NOW + timedelta(hours=1))
    with pytest.raises(NotPossible) as refused:
        cancel_run(pulls, "acme", "r2", now=NOW)

    assert first == second == find_run(pulls, "acme", "r1")
    assert (first.status, first.finished_at) == (RunStatus.CANCELLED, NOW)
    assert refused.value.code == "pull_ended"


def test_requests_are_listed_newest_first(world: World) -> None:
    """Page by page, also of a deleted source, which takes no new ones."""
    for number in range(3):
        create_run(
            world.gateways.pulls, "acme", DAY, now=NOW + timedelta(minutes=number), new_id=f"r{number}"
        )
    delete(world.gateways.pulls, "acme")

    page = list_runs(world.gateways.pulls, "acme", after="", limit=2)
    rest = list_runs(world.gateways.pulls, "acme", after="r1", limit=2)

    assert ([run.id for run in page], page.next_after) == (["r2", "r1"], "r1")
    assert ([run.id for run in rest], rest.next_after) == (["r0"], None)
    with pytest.raises(NotFound):
        create_run(world.gateways.pulls, "acme", DAY, now=NOW, new_id="r9")


def test_an_unknown_request_is_not_found(world: World) -> None:
    """Neither shown nor cancelled."""
    with pytest.raises(NotFound) as missing:
        find_run(world.gateways.pulls, "acme", "r1")
    with pytest.raises(NotFound):
        cancel_run(world.gateways.pulls, "acme", "r1", now=NOW)

    assert missing.value.code == "pull_not_found"
