"""Testing, activating, pausing, resuming and deleting sources."""

from datetime import timedelta

import pytest

from exporter.domain.errors import Fault, NotFound, Outdated
from exporter.domain.pulls import HEALTHY, SourceHealth
from exporter.domain.source import Source, SourceStatus
from exporter.domain.versioned import Versioned
from exporter.sources import lifecycle
from exporter.sources.edit import put_source
from exporter.sources.find import find_source_history
from tests.support.fakes.world import World
from tests.support.sources import DRAFT_SOURCE, LAST_DUE, a_zip
from tests.support.worlds import NOW

SICK = SourceHealth(6, NOW + timedelta(hours=1), Fault("credentials", "No.", "Yes."), failing=True)


@pytest.fixture
def world() -> World:
    """Return a world with a source whose API has rows."""
    found = World()
    put_source(found.gateways, DRAFT_SOURCE, if_match=None, now=NOW)
    found.puller.api.answers[LAST_DUE] = [a_zip(b'{"app": 187520}')]
    return found


def status(world: World) -> SourceStatus:
    """Return the stored status."""
    return find_source_history(world.puller.sources, "acme").value.status


def test_a_paused_source_is_active_again_after_resume_or_activate(world: World) -> None:
    """Each is idempotent."""

    def activated() -> Versioned[Source]:
        return lifecycle.activate(world.gateways.pulls, "acme", now=NOW)[0]

    def resumed() -> Versioned[Source]:
        return lifecycle.resume(world.gateways.pulls, "acme")

    for again in (resumed, activated):
        paused = lifecycle.pause(world.gateways.pulls, "acme")
        assert lifecycle.pause(world.gateways.pulls, "acme") == paused
        assert status(world) is SourceStatus.PAUSED
        active = again()
        assert (active.value.status, status(world)) == (SourceStatus.ACTIVE, SourceStatus.ACTIVE)
        assert again() == active


def test_an_activation_ends_the_back_off(world: World) -> None:
    """So the next tick asks the API."""
    world.gateways.pulls.health.put("acme", SICK)

    _, report = lifecycle.activate(world.gateways.pulls, "acme", now=NOW)

    assert report.ok
    assert world.gateways.pulls.health.get("acme") == HEALTHY


def test_an_activation_whose_test_fails_changes_nothing(world: World) -> None:
    """The source stays paused, with its back-off."""
    lifecycle.pause(world.gateways.pulls, "acme")
    world.gateways.pulls.health.put("acme", SICK)
    world.puller.api.answers[LAST_DUE] = [403]

    _, report = lifecycle.activate(world.gateways.pulls, "acme", now=NOW)

    assert not report.ok
    assert status(world) is SourceStatus.PAUSED
    assert world.gateways.pulls.health.get("acme") == SICK


def test_a_deleted_source_is_gone_and_its_secret_key_too(world: World) -> None:
    """Its row stays, for its ledger; a repeated deletion is no error."""
    for _ in range(2):
        lifecycle.delete(world.gateways.pulls, "acme")

    left = find_source_history(world.puller.sources, "acme").value
    assert (left.status, left.sealed) == (SourceStatus.DELETED, "")
    for move in (lifecycle.pause, lifecycle.resume):
        with pytest.raises(NotFound) as gone:
            move(world.gateways.pulls, "acme")
        assert gone.value.code == "source_deleted"


def test_each_transition_obeys_if_match(world: World) -> None:
    """An old ETag changes nothing."""
    pulls, old = world.gateways.pulls, '"0"'
    for move in (
        lambda: lifecycle.pause(pulls, "acme", if_match=old),
        lambda: lifecycle.resume(pulls, "acme", if_match=old),
        lambda: lifecycle.delete(pulls, "acme", if_match=old),
        lambda: lifecycle.activate(pulls, "acme", now=NOW, if_match=old),
    ):
        with pytest.raises(Outdated) as refused:
            move()
        assert refused.value.code == "source_modified"
    assert status(world) is SourceStatus.ACTIVE


@pytest.mark.parametrize("name", ["nobody", "No Id", "x" * 70])
def test_an_unknown_source_is_not_found(name: str) -> None:
    """A text that is no id is not repeated."""
    with pytest.raises(NotFound) as missing:
        lifecycle.test(World().gateways.pulls, name, now=NOW)

    assert missing.value.code == "source_not_found"
    assert (name in str(missing.value)) is (name == "nobody")
