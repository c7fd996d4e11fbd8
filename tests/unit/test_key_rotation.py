"""A new encryption key: every tick encrypts some of the stored secrets with it."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.destinations.edit import put_destination
from exporter.destinations.lifecycle import delete
from exporter.domain import source as sources
from exporter.domain.errors import Conflict
from exporter.key_rotation import Kind, Renewal, SecretsLeft, renew_secrets, sealed_of, secrets_left
from exporter.notify.notifications import SECRET_FIELD
from exporter.ports import Gateways
from exporter.schedule.failures import Failures
from exporter.sources import lifecycle as sources_lifecycle
from exporter.sources.edit import put_source
from exporter.storage.customer.cipher import KEY_BYTES, AesCipher
from exporter.tick import run_tick
from tests.support.destinations import DRAFT
from tests.support.fakes.world import World
from tests.support.sources import DRAFT_SOURCE
from tests.support.worlds import NOW, SETTLE

OLD, NEW, LOST = b"o" * KEY_BYTES, b"n" * KEY_BYTES, b"l" * KEY_BYTES
URL = "https://hooks.example.com/exports"
NONE: dict[Kind, list[str]] = {kind: [] for kind in Kind}
NOTHING_LEFT = dict.fromkeys(Kind, SecretsLeft(0, ()))
FIRST, SECOND = "the first secret of the webhook", "the second secret of the webhook"


def stored(world: World, count: int, key: bytes = OLD, first: int = 0) -> None:
    """Put destinations whose secrets are encrypted with a key; their webhooks are changing secrets."""
    gateways = replace(world.gateways, cipher=AesCipher((key,)))
    for number in range(first, first + count):
        draft = replace(
            DRAFT,
            id=f"acme-{number}",
            storage=replace(
                DRAFT.storage, prefix=f"p{number}", account_url="https://acme.blob.core.windows.net"
            ),
            secret="AccountName=acme;AccountKey=aHVudGVyMg==",  # noqa: S106  a made-up one
            webhook_url=URL,
        )
        for secret in (FIRST, SECOND):
            put_destination(gateways, replace(draft, webhook_secret=secret), if_match=None, now=NOW)


def stored_sources(world: World, count: int, key: bytes = OLD, first: int = 0) -> None:
    """Put sources whose secret keys are encrypted with a key."""
    gateways = replace(world.gateways, cipher=AesCipher((key,)))
    for number in range(first, first + count):
        put_source(
            gateways, replace(DRAFT_SOURCE, id=f"s{number}", project_id=number), if_match=None, now=NOW
        )


def rotating(world: World, *keys: bytes) -> Gateways:
    """Return gateways with these keys."""
    return replace(world.gateways, cipher=AesCipher(keys))


def test_all_secrets_are_readable_with_the_new_key_alone_when_none_is_left() -> None:
    """Those of the storage and both of the webhook; some at each tick."""
    world = World()
    stored(world, 3)
    gateways = rotating(world, NEW, OLD)

    assert renew_secrets(gateways, limit=2) == Renewal(2, 1, NONE)
    assert renew_secrets(gateways, limit=2) == Renewal(1, 0, NONE)
    tags = [each.etag for each in world.destinations.all()]
    assert renew_secrets(gateways) == Renewal(0, 0, NONE)
    assert [each.etag for each in world.destinations.all()] == tags

    alone = AesCipher((NEW,))
    for each in world.destinations.all():
        webhook = each.value.webhook
        assert webhook is not None
        assert len(sealed_of(each.value)) == 3
        opened = [
            alone.open(sealed, destination_id=each.value.id, field=SECRET_FIELD)
            for sealed in webhook.secrets(NOW)
        ]
        assert opened == [SECOND, FIRST]
        secret = alone.open(
            each.value.credentials.sealed, destination_id=each.value.id, field="connection_string"
        )
        assert secret.startswith("AccountName=acme")


def test_a_secret_that_no_key_decrypts_is_named_and_the_others_are_renewed() -> None:
    """It has to be put again; the old key is not needed for it."""
    world = World()
    stored(world, 1, LOST)
    stored(world, 1, OLD, first=1)

    assert renew_secrets(rotating(world, NEW, OLD)) == Renewal(1, 0, {**NONE, Kind.DESTINATION: ["acme-0"]})
    assert renew_secrets(rotating(world, NEW, OLD)) == Renewal(0, 0, {**NONE, Kind.DESTINATION: ["acme-0"]})


def test_a_deleted_destination_has_no_secret() -> None:
    """And one that is changed at the same time is left to the next tick."""
    world = World()
    stored(world, 2)
    delete(world.gateways, "acme-0")
    gateways = rotating(world, NEW, OLD)

    def changed(*_: object) -> str:
        raise Conflict("the row has changed")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.destinations, "put", changed)
        assert renew_secrets(gateways) == Renewal(0, 1, NONE)
    assert renew_secrets(gateways) == Renewal(1, 0, NONE)


def test_the_secret_keys_of_sources_are_renewed_as_well() -> None:
    """Within the same limit; the id and the ETag of one that is done stay as they are."""
    world = World()
    stored(world, 1)
    stored_sources(world, 2)
    gateways = rotating(world, NEW, OLD)

    assert renew_secrets(gateways, limit=2) == Renewal(2, 1, NONE)
    assert renew_secrets(gateways, limit=2) == Renewal(1, 0, NONE)
    tags = [each.etag for each in world.puller.sources.all()]
    assert renew_secrets(gateways) == Renewal(0, 0, NONE)
    assert [each.etag for each in world.puller.sources.all()] == tags

    alone = AesCipher((NEW,))
    assert [
        alone.open(each.value.sealed, destination_id=each.value.id, field=sources.SECRET_FIELD)
        for each in world.puller.sources.all()
    ] == ["hunter2", "hunter2"]


def test_a_source_that_no_key_decrypts_is_named_and_a_deleted_one_has_no_secret() -> None:
    """The others are renewed."""
    world = World()
    stored_sources(world, 1, LOST)
    stored_sources(world, 2, OLD, first=1)
    sources_lifecycle.delete(world.gateways.pulls, "s2")

    lost = {**NONE, Kind.SOURCE: ["s0"]}
    assert renew_secrets(rotating(world, NEW, OLD)) == Renewal(1, 0, lost)
    assert renew_secrets(rotating(world, NEW, OLD)) == Renewal(0, 0, lost)


def test_the_secrets_left_are_counted_by_kind_and_nothing_is_changed() -> None:
    """A destination with a webhook that changes its secret has three; an unreadable one does not count."""
    world = World()
    stored(world, 2)
    stored_sources(world, 2)
    stored(world, 1, LOST, first=2)
    stored_sources(world, 1, LOST, first=2)
    gateways = rotating(world, NEW, OLD)
    tags = [each.etag for each in (*world.destinations.all(), *world.puller.sources.all())]

    assert secrets_left(gateways) == {
        Kind.DESTINATION: SecretsLeft(6, ("acme-2",)),
        Kind.SOURCE: SecretsLeft(2, ("s2",)),
    }
    assert [each.etag for each in (*world.destinations.all(), *world.puller.sources.all())] == tags

    renew_secrets(gateways, limit=3)
    assert secrets_left(gateways) == {
        Kind.DESTINATION: SecretsLeft(0, ("acme-2",)),
        Kind.SOURCE: SecretsLeft(1, ("s2",)),
    }
    assert secrets_left(rotating(World(), NEW, OLD)) == NOTHING_LEFT


@pytest.mark.parametrize("rotates", [True, False])
def test_a_tick_renews_secrets_while_there_are_several_keys(
    caplog: pytest.LogCaptureFixture, *, rotates: bool
) -> None:
    """With one line of progress; with one key, destinations are not even read."""
    caplog.set_level(logging.INFO)
    world = World()
    stored(world, 1)
    stored_sources(world, 1)
    failures = Failures()
    run_tick(
        rotating(world, NEW, OLD),
        now=NOW + timedelta(days=1),
        settle=SETTLE,
        late_checks=(),
        failures=failures,
        rotates_keys=rotates,
    )
    failures.end()

    lines = [each.message for each in caplog.records if each.message.startswith("secrets renewed ")]
    line = 'secrets renewed {"renewed":2,"left":0,"unreadable":[],"unreadable_sources":[]}'
    assert lines == ([line] if rotates else [])
    (destination,), (source,) = world.destinations.all(), world.puller.sources.all()
    for sealed in (*sealed_of(destination.value), *sealed_of(source.value)):
        assert AesCipher((NEW,)).is_current(sealed) == rotates
