"""Creating and replacing sources."""

from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.domain.errors import Fault, Invalid, NotPossible, Outdated
from exporter.domain.hour import Hour
from exporter.domain.pulls import HEALTHY, SourceHealth
from exporter.domain.source import SECRET_FIELD, Region, Source, SourceStatus
from exporter.sources.edit import SourceDraft, put_source
from exporter.sources.find import find_source
from exporter.sources.lifecycle import delete, pause
from tests.support.fakes.world import World
from tests.support.sources import DRAFT_SOURCE
from tests.support.worlds import NOW

SICK = SourceHealth(6, NOW + timedelta(hours=1), Fault("credentials", "No.", "Yes."), failing=True)


def put(world: World, draft: SourceDraft = DRAFT_SOURCE, if_match: str | None = None) -> Source:
    """Create or replace a source."""
    saved, _ = put_source(world.gateways, draft, if_match=if_match, now=NOW)
    return saved.value


def secret(world: World, source: Source) -> str:
    """Return the stored secret key."""
    return world.cipher.open(source.sealed, destination_id=source.id, field=SECRET_FIELD)


def test_a_new_source_is_active_and_its_secret_key_is_sealed() -> None:
    """No text form of it has the secret key."""
    world = World()

    saved, new = put_source(world.gateways, DRAFT_SOURCE, if_match=None, now=NOW)

    assert (new, saved.value.status, secret(world, saved.value)) == (True, SourceStatus.ACTIVE, "hunter2")
    assert find_source(world.puller.sources, "acme").value == saved.value
    assert "hunter2" not in f"{saved} {DRAFT_SOURCE} {saved.value.sealed}"


def test_a_source_without_a_start_begins_with_its_day() -> None:
    """A replacement keeps it, days later."""
    world, draft = World(), replace(DRAFT_SOURCE, start=None)

    put(world, draft)
    again, _ = put_source(world.gateways, draft, if_match=None, now=NOW + timedelta(days=3))

    assert again.value.start == Hour.parse("2026-01-31T00")
    assert again.value.created_at == NOW


def test_a_replacement_without_the_secret_key_keeps_the_stored_one() -> None:
    """And the status; the other fields are those of the request."""
    world = World()
    put(world)
    pause(world.gateways.pulls, "acme")

    changed = put(world, replace(DRAFT_SOURCE, secret_key=None, api_key="other", lag_minutes=60))

    assert (secret(world, changed), changed.status) == ("hunter2", SourceStatus.PAUSED)
    assert (changed.api_key, changed.lag_minutes) == ("other", 60)


@pytest.mark.parametrize(
    "changes", [{"region": Region.EU}, {"base_url": "https://proxy.example/api"}], ids=["region", "base_url"]
)
def test_a_kept_secret_key_is_not_sent_to_another_host(changes: dict[str, object]) -> None:
    """The request has to have it."""
    world = World()
    put(world)

    with pytest.raises(Invalid) as refused:
        put(world, replace(DRAFT_SOURCE, secret_key=None, **changes))  # type: ignore[arg-type]  # names of fields

    assert [each.field for each in refused.value.problems] == ["secret_key"]


def test_a_new_source_needs_its_secret_key() -> None:
    """A deleted one, too."""
    world = World()
    put(world)
    delete(world.gateways.pulls, "acme")

    for each in (world, World()):
        with pytest.raises(Invalid) as refused:
            put(each, replace(DRAFT_SOURCE, secret_key=None))
        assert [problem.field for problem in refused.value.problems] == ["secret_key"]


def test_a_project_has_one_source() -> None:
    """Until that one is deleted."""
    world = World()
    put(world)
    second = replace(DRAFT_SOURCE, id="second")

    with pytest.raises(NotPossible) as refused:
        put(world, second)
    delete(world.gateways.pulls, "acme")

    assert (refused.value.code, "acme" in str(refused.value)) == ("project_taken", True)
    assert put(world, second).status is SourceStatus.ACTIVE
    with pytest.raises(NotPossible):
        put(world)


def test_a_source_keeps_its_project() -> None:
    """Its ledger is about that one, also after it was deleted."""
    world, other = World(), replace(DRAFT_SOURCE, project_id=77)
    put(world)
    for _ in range(2):
        with pytest.raises(NotPossible) as refused:
            put(world, other)
        assert refused.value.code == "project_fixed"
        delete(world.gateways.pulls, "acme")


def test_conditions_hold_or_nothing_changes() -> None:
    """If-Match and If-None-Match."""
    world = World()
    with pytest.raises(Outdated) as absent:
        put(world, if_match="*")
    tag = put_source(world.gateways, DRAFT_SOURCE, if_match=None, now=NOW)[0].tag
    with pytest.raises(Outdated) as present:
        put_source(world.gateways, DRAFT_SOURCE, if_match=None, if_none_match="*", now=NOW)
    put(world, replace(DRAFT_SOURCE, lag_minutes=90), if_match=tag)
    with pytest.raises(Outdated) as stale:
        put(world, if_match=tag)

    assert absent.value.code == stale.value.code == "source_modified"
    assert present.value.code == "source_exists"
    assert find_source(world.puller.sources, "acme").value.lag_minutes == 90


def test_a_put_that_changes_nothing_keeps_the_etag() -> None:
    """Without the secret key, which is sealed anew each time."""
    world = World()
    first, _ = put_source(world.gateways, DRAFT_SOURCE, if_match=None, now=NOW)
    again, new = put_source(world.gateways, replace(DRAFT_SOURCE, secret_key=None), if_match=None, now=NOW)

    assert (again, new) == (first, False)


def test_new_keys_are_tried_at_once() -> None:
    """Other changes leave the back-off as it is."""
    world = World()
    put(world)
    health = world.gateways.pulls.health
    health.put("acme", SICK)

    put(world, replace(DRAFT_SOURCE, secret_key=None, lag_minutes=90))
    before = health.get("acme")
    put(world, replace(DRAFT_SOURCE, secret_key="another"))  # noqa: S106  a made-up one

    assert (before, health.get("acme")) == (SICK, HEALTHY)
