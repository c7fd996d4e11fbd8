"""The status and progress of sources, and the list of their hours."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain.errors import Fault
from exporter.domain.hour import Hour
from exporter.domain.pulls import PulledHour, PullProgress, PullStatus, SourceHealth
from exporter.domain.source import Source, SourceStatus
from exporter.sources.edit import put_source
from exporter.sources.lifecycle import delete, pause
from exporter.sources.overview import (
    SourceQuery,
    list_pulled_hours,
    list_sources,
    source_overview,
)
from tests.support.fakes.world import World
from tests.support.sources import DRAFT_SOURCE, LAST_DUE, pulled
from tests.support.worlds import NOW

START = Hour.parse("2026-01-31T00")
TOO_LARGE = Fault("too_large", "The hour is too large.", "Pull it otherwise.")
REFUSED = Fault("credentials", "The keys are refused.", "Enter others.")


@pytest.fixture
def world() -> World:
    """Return a world with a source that begins at 00:00 of the day; the newest due hour is 10:00."""
    found = World()
    put_source(found.gateways, DRAFT_SOURCE, if_match=None, now=NOW)
    return found


def the_source(world: World) -> Source:
    """Return the stored source."""
    found = world.puller.sources.get("acme")
    assert found is not None
    return found.value


def fail(world: World, hour: Hour) -> None:
    """Enter an hour as failed."""
    world.puller.hours.put(PulledHour("acme", hour, status=PullStatus.FAILED, error=TOO_LARGE), None)


def hours(world: World, first: Hour, last: Hour) -> dict[str, str]:
    """Return the status of each listed hour."""
    found = list_pulled_hours(world.puller.hours, the_source(world), (first, last), NOW)
    return {record.hour.key: str(record.status) for record in found}


def test_a_new_source_owes_every_due_hour_from_its_start_on(world: World) -> None:
    """Up to the lag, and no later one."""
    overview = source_overview(world.gateways.pulls, the_source(world), NOW)

    assert (overview.pulled_until, overview.owed, overview.failed) == (START, 11, ())
    assert (overview.status, overview.error) == (SourceStatus.ACTIVE, None)


def test_pulled_until_stops_at_the_first_hour_that_is_owed(world: World) -> None:
    """A failed hour does not stop it; what is pulled behind the gap is not owed."""
    pulled(world, START, START.plus(2))
    fail(world, START.plus(3))
    pulled(world, START.plus(4), START.plus(5))
    pulled(world, START.plus(8), LAST_DUE)

    overview = source_overview(world.gateways.pulls, the_source(world), NOW)

    assert (overview.pulled_until, overview.owed) == (START.plus(6), 2)
    assert [record.hour for record in overview.failed] == [START.plus(3)]
    assert (overview.error, overview.status) == (TOO_LARGE, SourceStatus.ACTIVE)


def test_failed_hours_before_the_stored_progress_are_shown_until_they_are_pulled(world: World) -> None:
    """The progress notes them; the ledger says whether they still are."""
    progress = PullProgress("acme", START, START.plus(5), (START, START.plus(1)))
    world.gateways.pulls.progress.put("acme", progress)
    fail(world, START)
    pulled(world, START.plus(1), START.plus(4))

    overview = source_overview(world.gateways.pulls, the_source(world), NOW)

    assert [record.hour for record in overview.failed] == [START]
    assert (overview.pulled_until, overview.owed) == (START.plus(5), 6)


def test_a_source_whose_start_is_moved_is_counted_from_there(world: World) -> None:
    """Back: earlier hours are owed. Forward: they are no longer."""
    pulled(world, START, LAST_DUE)
    world.gateways.pulls.progress.put("acme", PullProgress("acme", START, LAST_DUE.plus(1)))
    found = {}
    for move in (-5, 3):
        moved = replace(the_source(world), start=START.plus(move))
        found[move] = source_overview(world.gateways.pulls, moved, NOW)

    assert (found[-5].pulled_until, found[-5].owed) == (START.plus(-5), 5)
    assert (found[3].pulled_until, found[3].owed) == (LAST_DUE.plus(1), 0)


def test_answers_that_fail_make_an_active_source_failing(world: World) -> None:
    """A paused one stays paused, with its error."""
    world.gateways.pulls.health.put("acme", SourceHealth(5, NOW, REFUSED, failing=True))
    found = []
    for _ in range(2):
        overview = source_overview(world.gateways.pulls, the_source(world), NOW)
        found.append((overview.status, overview.error))
        pause(world.gateways.pulls, "acme")

    assert found == [(SourceStatus.FAILING, REFUSED), (SourceStatus.PAUSED, REFUSED)]


def test_hours_are_listed_as_they_are_known(world: World) -> None:
    """Due ones without a record are owed; ones before the start or not due yet are left out."""
    pulled(world, START, START.plus(1))
    fail(world, START.plus(2))
    waits = PulledHour("acme", START.plus(3), status=PullStatus.WAITING, next_pull_at=NOW)
    world.puller.hours.put(waits, None)

    found = hours(world, START.plus(-2), START.plus(20))

    assert list(found) == [START.plus(number).key for number in range(11)]
    assert list(found.values()) == ["pulled"] * 2 + ["failed", "waiting"] + ["owed"] * 7


def test_an_owed_hour_says_when_it_was_due(world: World) -> None:
    """Its end, and the lag."""
    (owed,) = list_pulled_hours(world.puller.hours, the_source(world), (LAST_DUE, LAST_DUE), NOW)

    assert owed.next_pull_at == LAST_DUE.end + timedelta(hours=2)


def test_a_deleted_source_owes_nothing_and_its_hours_can_be_listed(world: World) -> None:
    """Those with a record."""
    pulled(world, START, START.plus(1))
    delete(world.gateways.pulls, "acme")

    assert hours(world, START, LAST_DUE) == {START.key: "pulled", START.plus(1).key: "pulled"}


def test_sources_are_listed_by_id_and_status(world: World) -> None:
    """Page by page; deleted ones apart."""
    for number, name in enumerate(("b", "c", "d", "e")):
        draft = replace(DRAFT_SOURCE, id=name, project_id=number + 1)
        put_source(world.gateways, draft, if_match=None, now=NOW)
    pause(world.gateways.pulls, "c")
    delete(world.gateways.pulls, "e")
    world.gateways.pulls.health.put("d", SourceHealth(5, NOW, REFUSED, failing=True))

    def listed(query: SourceQuery) -> tuple[str, str | None]:
        page = list_sources(world.gateways.pulls, query, NOW)
        return " ".join(each.source.id for each in page), page.next_after

    assert listed(SourceQuery(limit=2)) == ("acme b", "b")
    assert listed(SourceQuery(limit=2, after="b")) == ("c d", None)
    assert listed(SourceQuery(status=SourceStatus.PAUSED)) == ("c", None)
    assert listed(SourceQuery(status=SourceStatus.FAILING)) == ("d", None)
    assert listed(SourceQuery(status=SourceStatus.ACTIVE)) == ("acme b", None)
    assert listed(SourceQuery(deleted=True)) == ("e", None)
