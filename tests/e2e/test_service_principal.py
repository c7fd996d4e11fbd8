"""Exports to a customer with a service principal, over https; rotation of its secret."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient

from infra.local import azurite
from infra.local.api import Answer
from infra.local.certificates import Certificate, make_certificate
from infra.local.entra import Directory, EntraStandIn, entra_running
from infra.local.sample import Sample
from tests.support.customer_files import contents
from tests.support.installation import App, Installation, Json, ok
from tests.support.stored_content import disguises, stored

SAMPLE = Sample(events_per_hour=200, merges_per_hour=20)
TENANT = "11111111-1111-4111-8111-111111111111"
CLIENT = "22222222-2222-4222-8222-222222222222"
# Like a secret of Entra ID, with characters that encodings change.
FIRST, SECOND, WRONG = "first~secret.of-8Q+/=", "second~secret.of-8Q+/=", "wrong~secret.of-8Q+/="
STEPS = ["sign_in", "write", "read", "list", "delete"]


@dataclass(frozen=True)
class Customer:
    """A customer's storage account and directory."""

    certificate: Certificate
    entra: EntraStandIn
    account_url: str
    container: ContainerClient

    @property
    def settings(self) -> dict[str, str]:
        """The settings with which the app reaches them."""
        return {**self.certificate.trusted_by, "ENTRA_AUTHORITY": self.entra.url}

    def destination(self, body: Json, secret: str) -> Json:
        """Return a destination in this customer's storage."""
        return body | {
            "storage": {"account_url": self.account_url, "container": "raw"},
            "credentials": {
                "type": "service_principal",
                "tenant_id": TENANT,
                "client_id": CLIENT,
                "client_secret": secret,
            },
        }


@pytest.fixture
def customer(tmp_path: Path) -> Iterator[Customer]:
    """Run a token service, and storage that accepts its tokens."""
    certificate = make_certificate(tmp_path / "tls")
    with (
        entra_running(certificate, Directory(TENANT, {CLIENT: FIRST})) as entra,
        azurite.running(tls=certificate) as endpoints,
        BlobServiceClient.from_connection_string(
            endpoints.connection_string, connection_verify=str(certificate.authority)
        ) as account,
    ):
        yield Customer(certificate, entra, endpoints.account_url, account.create_container("raw"))


def uuids(found: dict[str, bytes]) -> list[str]:
    """Return the ids of all events in a container."""
    files = [body for name, body in found.items() if name.endswith(".json.gz") and not name.startswith("-")]
    return [json.loads(line)["uuid"] for body in files for line in gzip.decompress(body).splitlines()]


def hours_arrive(app: App, installation: Installation, customer: Customer) -> None:
    """Land two hours and export them. Every event arrives once, with a few tokens."""
    starts = installation.newest_hours(2)
    hours = [SAMPLE.hour(start) for start in starts]
    for hour in hours:
        installation.land(hour)
    asked = customer.entra.tokens_asked

    app.tick()
    exported = app.exported("acme", starts)

    assert {hour["status"] for hour in exported} == {"exported"}
    found = contents(customer.container)
    assert sorted(uuids(found)) == sorted(each for hour in hours for each in hour.truth().event_ids())
    assert sum(name.endswith("_complete") for name in found) == 4
    # One credential for the destination in the worker's process, which caches its token.
    assert customer.entra.tokens_asked == asked + 1


def test_hours_travel_by_service_principal_over_https(installation: Installation, customer: Customer) -> None:
    """Test, activation, export, rotation and revocation of the secret, all with real tokens."""
    (first, _) = installation.newest_hours(2)
    body = installation.destination("acme", SAMPLE, first)
    path = "/destinations/acme"
    with installation.app(**customer.settings) as app:
        made = app.api.put(path, customer.destination(body, FIRST))
        assert made.status == 201, made
        assert made.body["credentials"] == {
            "type": "service_principal",
            "tenant_id": TENANT,
            "client_id": CLIENT,
        }
        tested = ok(app.api.post(f"{path}/test-upload"))
        assert [(step["step"], step["status"]) for step in tested["steps"]] == [
            (step, "passed") for step in STEPS
        ]
        assert contents(customer.container) == {}
        assert app.api.post(f"{path}/activate").status == 200

        hours_arrive(app, installation, customer)

        answers = [
            made,
            *secrets_rotate(app, customer, body),
            app.api.get(path),
            app.api.get(f"{path}/hours"),
        ]
        log = app.log
    places = [("the log", log.encode()), ("answers", repr(answers).encode()), *stored(installation)]
    assert {where for where, _ in places} >= {"table destinations, document", "table ledger, document"}
    shown = {
        (where, secret)
        for where, content in places
        for secret in (FIRST, SECOND, WRONG)
        if any(form in content for form in disguises(secret))
    }
    assert shown == set()


def secrets_rotate(app: App, customer: Customer, body: Json) -> list[Answer]:
    """Replace the secret as customers do: a wrong one changes nothing, a working one is stored.

    Returns the answers to the requests with a secret.
    """
    path = "/destinations/acme"
    refused = app.api.put(path, customer.destination(body, WRONG))
    assert (refused.status, refused.body["code"]) == (422, "secret_wrong")
    assert [step["status"] for step in refused.body["steps"]] == ["failed", *["skipped"] * 4]
    assert ok(app.api.post(f"{path}/test-upload"))["ok"]

    # The directory gets a new secret, and then loses the old one.
    customer.entra.directory.secrets[CLIENT] = SECOND
    customer.entra.directory.expired.add(FIRST)
    stale = ok(app.api.post(f"{path}/test-upload"))
    assert stale["steps"][0]["code"] == "secret_expired"
    taken = app.api.put(path, customer.destination(body, SECOND))
    assert taken.status == 200
    assert ok(app.api.post(f"{path}/test-upload"))["ok"]
    forced = app.api.put(f"{path}?force=true", customer.destination(body, WRONG))
    assert forced.status == 200
    assert not ok(app.api.post(f"{path}/test-upload"))["ok"]
    return [refused, taken, forced]


@pytest.mark.slow
def test_a_container_that_goes_away_is_told_and_all_is_caught_up_when_it_is_back(
    installation: Installation, customer: Customer
) -> None:
    """Ledger and destination show the same error. Another destination goes on meanwhile."""
    starts = installation.newest_hours(2)
    hours = [SAMPLE.hour(start) for start in starts]
    for hour in hours:
        installation.land(hour)
    with installation.app(**customer.settings) as app:
        app.activate(customer.destination(installation.destination("acme", SAMPLE, starts[0]), FIRST))
        app.activate(installation.destination("fine", SAMPLE, starts[0]))
        customer.container.delete_container()

        app.tick()
        app.exported("fine", starts)
        app.until(lambda: app.destination("acme")["status"] == "failing", "the fault is shown")

        error = app.destination("acme")["last_error"]
        assert error["code"] == "container_not_found"
        assert error["fix"].startswith("Create it: az storage container create")
        failed = [hour for hour in app.hours("acme", starts) if hour["status"] == "failed"]
        assert failed
        assert all(hour["error"] == error for hour in failed)

        customer.container.create_container()
        assert ok(app.api.post("/destinations/acme/test-upload"))["ok"]
        app.tick()
        app.exported("acme", starts)
        assert app.destination("acme")["status"] == "active"
    expected = sorted(each for hour in hours for each in hour.truth().event_ids())
    assert sorted(uuids(contents(customer.container))) == expected


@pytest.mark.slow
def test_an_hour_travels_without_any_secret(installation: Installation, customer: Customer) -> None:
    """The token of the exporter's identity is exchanged in the customer's tenant; no secret is stored."""
    (start,) = installation.newest_hours(1)
    installation.land(SAMPLE.hour(start))
    trusting, identity = "77777777-7777-4777-8777-777777777777", "55555555-5555-4555-8555-555555555555"
    customer.entra.identities = {identity: "object"}
    body = customer.destination(installation.destination("acme", SAMPLE, start), FIRST)
    body["credentials"] = {"type": "workload_identity", "tenant_id": TENANT, "client_id": trusting}
    settings = {
        **customer.settings,
        **customer.entra.of_identities,
        "AzureWebJobsStorage__clientId": identity,
    }
    with installation.app(**settings) as app:
        app.api.put("/destinations/acme", body)
        refused = ok(app.api.post("/destinations/acme/test-upload"))
        assert refused["steps"][0]["code"] == "client_not_found"
        customer.entra.directory.trusted[trusting] = "object"
        shown = app.activate(body)
        app.tick()
        app.exported("acme", [start])

    assert shown["credentials"] == body["credentials"]
    assert sorted(uuids(contents(customer.container))) == sorted(SAMPLE.hour(start).truth().event_ids())
