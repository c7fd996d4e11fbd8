"""The credentials in a request."""

import json
from typing import Any

import pytest

from exporter.domain.allowed_hosts import AllowedHosts
from exporter.domain.destination import Credentials, CredentialsType
from exporter.domain.errors import Invalid
from exporter.http.destination_model import parse_draft
from exporter.http.destination_view import credentials_view

HOSTS = AllowedHosts()
GUID = "3f0c1e6a-0000-4000-8000-00000000000A"
OTHER = "4f0c1e6a-0000-4000-8000-00000000000b"
SAS = "sv=2026-01-01&ss=b&srt=co&sp=rwdl&se=2027-01-01T00:00:00Z&sig=c2lnbmF0dXJl%2B%3D"
PRINCIPAL = {
    "type": "service_principal",
    "tenant_id": GUID,
    "client_id": OTHER,
    "client_secret": "hunter2~8Q",
}
STORAGE = {"container": "raw", "account_url": "https://acme.blob.core.windows.net"}


def body(credentials: object, storage: object = STORAGE) -> dict[str, Any]:
    """Return a request with these credentials."""
    return {
        "name": "Acme",
        "events": {"project_id": 187520},
        "storage": storage,
        "credentials": credentials,
    }


def problems(credentials: object, storage: object = STORAGE) -> dict[str, str]:
    """Return the problems of a request, by field."""
    with pytest.raises(Invalid) as refused:
        parse_draft("acme", body(credentials, storage), HOSTS)
    return {problem.field: problem.message for problem in refused.value.problems}


@pytest.mark.parametrize(
    ("credentials", "secret", "ids"),
    [
        (PRINCIPAL, "hunter2~8Q", (GUID.lower(), OTHER)),
        (
            PRINCIPAL | {"tenant_id": "Contoso.onmicrosoft.com"},
            "hunter2~8Q",
            ("contoso.onmicrosoft.com", OTHER),
        ),
        ({"type": "managed_identity"}, None, (None, None)),
        ({"type": "managed_identity", "client_id": OTHER}, None, (None, OTHER)),
        ({"type": "workload_identity", "tenant_id": GUID, "client_id": OTHER}, None, (GUID.lower(), OTHER)),
        ({"type": "sas", "sas_token": SAS}, SAS, (None, None)),
        ({"type": "sas", "sas_token": f"?{SAS}"}, SAS, (None, None)),
        ({"type": "sas"}, None, (None, None)),
    ],
)
def test_each_type_is_accepted(
    credentials: dict[str, object], secret: str | None, ids: tuple[str | None, str | None]
) -> None:
    """With or without its secret."""
    draft = parse_draft("acme", body(credentials), HOSTS)

    assert (draft.credentials_type.value, draft.secret) == (credentials["type"], secret)
    assert (draft.tenant_id, draft.client_id) == ids
    assert secret is None or secret not in repr(draft)


def test_all_problems_are_reported_at_once_by_field_name() -> None:
    """Also the missing account URL; the type of the credentials is in no path."""
    credentials = {
        "type": "service_principal",
        "tenant_id": "a b",
        "client_id": 7,
        "client_secret": "",
        "x": 1,
    }

    assert set(problems(credentials, {"container": "R"})) == {
        "storage.account_url",
        "storage.container",
        "credentials.tenant_id",
        "credentials.client_id",
        "credentials.client_secret",
        "credentials.x",
    }


@pytest.mark.parametrize(
    "credentials", [PRINCIPAL, {"type": "managed_identity"}, {"type": "sas", "sas_token": SAS}]
)
def test_only_a_connection_string_names_the_account_by_itself(credentials: object) -> None:
    """All other types need the account URL."""
    assert set(problems(credentials, {"container": "raw"})) == {"storage.account_url"}


def test_the_url_is_that_of_the_account_and_not_of_the_container() -> None:
    """The portal shows both; with an IP address of an emulator, the path names the account."""
    for path in ("/raw", "/raw/", "/a/b"):
        found = problems(PRINCIPAL, STORAGE | {"account_url": f"https://acme.blob.core.windows.net{path}"})
        assert set(found) == {"storage.account_url"}
    url = "https://127.0.0.1:10000/devstoreaccount1"
    draft = parse_draft("acme", body(PRINCIPAL, STORAGE | {"account_url": url}), AllowedHosts(("127.0.0.1",)))
    assert draft.storage.account_url == url


@pytest.mark.parametrize("kind", ["password", "", None, 7, ["sas"], {"sas": 1}])
def test_an_unknown_type_is_reported_with_the_known_ones(kind: object) -> None:
    """Of any value."""
    found = problems({"type": kind})

    assert set(found) == {"credentials.type"}
    assert "managed_identity" in found["credentials.type"]


@pytest.mark.parametrize("credentials", [None, 7, "sas", []])
def test_invalid_credentials_are_reported(credentials: object) -> None:
    """The message does not repeat them."""
    assert set(problems(credentials)) == {"credentials"}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "hunter2",
        "sv=2026-01-01&sp=rwdl",
        f"https://acme.blob.core.windows.net/raw?{SAS}",
        f"{SAS}&x=a b",
        f"{SAS}#x",
        f"{SAS}\n",
        f"/evil?{SAS}",
        "sig=" + "a" * 5000,
    ],
)
def test_an_invalid_signature_is_refused_and_not_repeated(token: str) -> None:
    """Users paste the whole URL, or something else."""
    found = problems({"type": "sas", "sas_token": token})

    assert set(found) == {"credentials.sas_token"}
    assert not token or token not in json.dumps(found)
    assert "c2lnbmF0dXJl" not in json.dumps(found)


@pytest.mark.parametrize("secret", [" hunter2", "hunter2 ", "hun\nter2", "hunter\u00fc"])
def test_a_secret_that_was_pasted_badly_is_refused_and_not_repeated(secret: str) -> None:
    """Surrounding spaces are a common mistake."""
    found = problems(PRINCIPAL | {"client_secret": secret})

    assert set(found) == {"credentials.client_secret"}
    assert "hunter" not in json.dumps(found)


@pytest.mark.parametrize("tenant", ["", "common ", "a/b", "https://login.example", "x", "a" * 300])
def test_a_tenant_is_an_id_or_a_domain(tenant: str) -> None:
    """It becomes part of the URL that the secret is sent to."""
    assert set(problems(PRINCIPAL | {"tenant_id": tenant})) == {"credentials.tenant_id"}


@pytest.mark.parametrize(
    ("credentials", "shown"),
    [
        (
            Credentials(CredentialsType.SERVICE_PRINCIPAL, "sealed", "t", "c"),
            {"type": "service_principal", "tenant_id": "t", "client_id": "c"},
        ),
        (
            Credentials(CredentialsType.MANAGED_IDENTITY, client_id="c"),
            {"type": "managed_identity", "client_id": "c"},
        ),
        (Credentials(CredentialsType.MANAGED_IDENTITY), {"type": "managed_identity", "client_id": None}),
        (
            Credentials(CredentialsType.WORKLOAD_IDENTITY, "", "t", "c"),
            {"type": "workload_identity", "tenant_id": "t", "client_id": "c"},
        ),
        (Credentials(CredentialsType.SAS, "sealed"), {"type": "sas"}),
        (Credentials(CredentialsType.CONNECTION_STRING, "sealed"), {"type": "connection_string"}),
    ],
    ids=str,
)
def test_the_public_parts_are_shown_and_the_secret_never(
    credentials: Credentials, shown: dict[str, object]
) -> None:
    """Also not in encrypted form."""
    assert credentials_view(credentials) == shown
