"""Replacing secrets, keeping them, and rotating the encryption key."""

from dataclasses import replace

import pytest

from exporter.destinations.connection_test import ConnectionTestFailed, connection_tester
from exporter.destinations.edit import Draft, put_destination
from exporter.destinations.find import find_destination
from exporter.destinations.lifecycle import activate
from exporter.domain.destination import Credentials, CredentialsType, StorageTarget
from exporter.domain.errors import Fault, Invalid
from exporter.storage.customer.cipher import KEY_BYTES, AesCipher
from tests.support.destinations import DRAFT
from tests.support.fakes.world import World
from tests.support.worlds import NOW

REFUSED = Fault("secret_wrong", "It is not accepted.", "Make a new one.")
OLD, NEW = b"o" * KEY_BYTES, b"n" * KEY_BYTES
URL = "https://acme.blob.core.windows.net"
PRINCIPAL = replace(
    DRAFT,
    storage=StorageTarget("raw", URL),
    credentials_type=CredentialsType.SERVICE_PRINCIPAL,
    tenant_id="tenant",
    client_id="client",
)
SIGNATURE = replace(DRAFT, storage=StorageTarget("raw", URL), credentials_type=CredentialsType.SAS)

STRING = replace(
    DRAFT,
    storage=StorageTarget("raw", URL),
    credentials_type=CredentialsType.CONNECTION_STRING,
    secret="AccountName=acme;AccountKey=aHVudGVyMg==",  # noqa: S106  a made-up one
)


def put(world: World, draft: Draft, *, tested: bool = True) -> None:
    """Put a destination; with ``tested``, a new secret is tested first."""
    test = connection_tester(world.gateways, now=NOW, test_id="0" * 32) if tested else None
    put_destination(world.gateways, draft, if_match=None, now=NOW, test=test)


def credentials(world: World) -> Credentials:
    """Return the stored credentials."""
    return find_destination(world.gateways.destinations, "acme").value.credentials


def working() -> World:
    """Return a world with an active destination."""
    world = World()
    put(world, DRAFT)
    activate(world.gateways, "acme", now=NOW, test_id="0" * 32)
    return world


def test_a_new_secret_that_does_not_work_leaves_the_old_one_in_place() -> None:
    """The report has the reason; exports continue with the old secret."""
    world = working()
    before = find_destination(world.gateways.destinations, "acme")
    world.reader().faults["sign_in"] = REFUSED

    with pytest.raises(ConnectionTestFailed) as refused:
        put(world, replace(DRAFT, secret="new", name="New"))  # noqa: S106  a made-up one

    assert refused.value.report.first_fault == REFUSED
    assert find_destination(world.gateways.destinations, "acme") == before


def test_a_new_secret_that_works_replaces_the_old_one() -> None:
    """The test leaves no blob."""
    world = working()
    before = credentials(world)

    put(world, replace(DRAFT, secret="new"))  # noqa: S106  a made-up one

    assert credentials(world) != before
    assert world.reader().names() == []


@pytest.mark.parametrize("secret", ["new", None])
def test_a_forced_request_or_one_without_a_secret_is_not_tested(secret: str | None) -> None:
    """For example while a role is not effective yet; a new name needs no test."""
    world = working()
    world.reader().faults["sign_in"] = REFUSED

    put(world, replace(DRAFT, secret=secret, name="New"), tested=secret is None)

    assert find_destination(world.gateways.destinations, "acme").value.name == "New"


def test_a_draft_is_saved_without_a_test() -> None:
    """Its activation runs the test."""
    world = World()
    world.reader().faults["sign_in"] = REFUSED

    put(world, DRAFT)
    put(world, replace(DRAFT, secret="other"))  # noqa: S106  a made-up one


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (PRINCIPAL, replace(PRINCIPAL, client_id="other")),
        (PRINCIPAL, replace(PRINCIPAL, tenant_id="other")),
        (PRINCIPAL, SIGNATURE),
        (SIGNATURE, replace(SIGNATURE, storage=StorageTarget("raw", "https://evil.blob.core.windows.net"))),
        (STRING, replace(STRING, storage=StorageTarget("raw", "https://evil.blob.core.windows.net"))),
        (
            replace(STRING, storage=StorageTarget("raw")),
            replace(STRING, storage=StorageTarget("raw", "https://evil.blob.core.windows.net")),
        ),
        (
            replace(STRING, storage=StorageTarget("raw"), secret="unreadable"),  # noqa: S106  a made-up one
            replace(STRING, storage=StorageTarget("raw", URL)),
        ),
    ],
)
def test_a_stored_secret_is_kept_only_for_its_own_ids_and_account(before: Draft, after: Draft) -> None:
    """A caller who does not know the secret cannot have it sent elsewhere."""
    world = World()
    put(world, before)

    with pytest.raises(Invalid) as refused:
        put(world, replace(after, secret=None))

    field = after.credentials_type.secret_field
    assert [problem.field for problem in refused.value.problems] == [f"credentials.{field}"]


@pytest.mark.parametrize(
    "url",
    [
        None,
        URL,
        f"{URL}:443/",
        "https://ACME.blob.core.windows.net",
        "https://acme-secondary.blob.core.windows.net",
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_kept_connection_string_shows_its_account(url: str | None, *, known: bool) -> None:
    """However the request writes it, and even if no URL was stored."""
    world = World()
    put(world, replace(STRING, storage=StorageTarget("raw", URL if known else None)))

    put(world, replace(STRING, secret=None, storage=StorageTarget("raw", url)))

    assert find_destination(world.gateways.destinations, "acme").value.storage.account_url == (url or URL)


@pytest.mark.parametrize(
    "draft", [PRINCIPAL, SIGNATURE, STRING], ids=["service_principal", "sas", "connection_string"]
)
def test_other_fields_can_change_without_the_secret(draft: Draft) -> None:
    """The container, the prefix, the name."""
    world = World()
    put(world, draft)
    before = credentials(world)

    put(world, replace(draft, secret=None, name="New", storage=StorageTarget("other", URL, "p")))

    assert credentials(world) == before


def test_a_managed_identity_needs_no_secret() -> None:
    """An earlier secret is deleted."""
    world = World()
    put(world, PRINCIPAL)

    put(
        world,
        replace(PRINCIPAL, credentials_type=CredentialsType.MANAGED_IDENTITY, secret=None, tenant_id=None),
    )

    assert credentials(world) == Credentials(CredentialsType.MANAGED_IDENTITY, "", None, "client")


def test_a_secret_under_an_old_key_works_and_gets_the_new_one_when_saved() -> None:
    """After every destination was saved, the old key can be removed; saving again changes nothing."""
    world = World()
    old = replace(world.gateways, cipher=AesCipher((OLD,)))
    put_destination(old, DRAFT, if_match=None, now=NOW)
    both = AesCipher((NEW, OLD))
    where = {"destination_id": "acme", "field": "connection_string"}
    assert both.open(credentials(world).sealed, **where) == DRAFT.secret

    saved = []
    for _ in range(2):
        gateways = replace(world.gateways, cipher=both)
        put_destination(gateways, replace(DRAFT, secret=None), if_match=None, now=NOW)
        saved.append(credentials(world))

    assert AesCipher((NEW,)).open(saved[0].sealed, **where) == DRAFT.secret
    assert saved[0] == saved[1]


def test_a_secret_whose_key_is_gone_stays_as_it_is() -> None:
    """The operator may restore the key; until then a test reports ``secret_unreadable``."""
    world = World()
    put_destination(replace(world.gateways, cipher=AesCipher((OLD,))), DRAFT, if_match=None, now=NOW)
    before = credentials(world)

    gateways = replace(world.gateways, cipher=AesCipher((NEW,)))
    put_destination(gateways, replace(DRAFT, secret=None, name="New"), if_match=None, now=NOW)

    assert credentials(world) == before


def test_when_a_signature_expires_is_known_and_kept_with_it() -> None:
    """A replacement without the signature keeps the time, one with another signature changes it."""
    world = World()
    put(world, replace(SIGNATURE, secret="sv=1&se=2026-12-31T00:00:00Z&sig=c2ln"))  # noqa: S106  a made-up one
    first = credentials(world).expires_at
    put(world, replace(SIGNATURE, secret=None, name="New"))
    assert first is not None
    assert (credentials(world).expires_at, first.isoformat()) == (first, "2026-12-31T00:00:00+00:00")

    put(world, replace(SIGNATURE, secret="sv=1&sig=c2ln"))  # noqa: S106  a made-up one
    assert credentials(world).expires_at is None
