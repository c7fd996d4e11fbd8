"""A new encryption key: every tick encrypts some of the stored secrets with it."""

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from exporter.destinations.edit import put_destination
from exporter.destinations.lifecycle import delete
from exporter.destinations.renewal import Renewal, renew_secrets, sealed_of
from exporter.domain.errors import Conflict
from exporter.notify.notifications import SECRET_FIELD
from exporter.ports import Gateways
from exporter.schedule.failures import Failures
from exporter.storage.customer.cipher import KEY_BYTES, AesCipher
from exporter.tick import run_tick
from tests.support.destinations import DRAFT
from tests.support.fakes.world import World
from tests.support.worlds import NOW, SETTLE

OLD, NEW, LOST = b"o" * KEY_BYTES, b"n" * KEY_BYTES, b"l" * KEY_BYTES
URL = "https://hooks.example.com/exports"
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


def rotating(world: World, *keys: bytes) -> Gateways:
    """Return gateways with these keys."""
    return replace(world.gateways, cipher=AesCipher(keys))


def test_all_secrets_are_readable_with_the_new_key_alone_when_none_is_left() -> None:
    """Those of the storage and both of the webhook; some at each tick."""
    world = World()
    stored(world, 3)
    gateways = rotating(world, NEW, OLD)

    assert renew_secrets(gateways, limit=2) == Renewal(2, 1, ())
    assert renew_secrets(gateways, limit=2) == Renewal(1, 0, ())
    tags = [each.etag for each in world.destinations.all()]
    assert renew_secrets(gateways) == Renewal(0, 0, ())
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

    assert renew_secrets(rotating(world, NEW, OLD)) == Renewal(1, 0, ("acme-0",))
    assert renew_secrets(rotating(world, NEW, OLD)) == Renewal(0, 0, ("acme-0",))


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
        assert renew_secrets(gateways) == Renewal(0, 1, ())
    assert renew_secrets(gateways) == Renewal(1, 0, ())


@pytest.mark.parametrize("rotates", [True, False])
def test_a_tick_renews_secrets_while_there_are_several_keys(
    caplog: pytest.LogCaptureFixture, *, rotates: bool
) -> None:
    """With one line of progress; with one key, destinations are not even read."""
    caplog.set_level(logging.INFO)
    world = World()
    stored(world, 1)
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
    assert lines == (['secrets renewed {"renewed":1,"left":0,"unreadable":[]}'] if rotates else [])
    (found,) = world.destinations.all()
    assert all(map(AesCipher((NEW,)).is_current, sealed_of(found.value))) == rotates
