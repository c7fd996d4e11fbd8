"""Signing in as the exporter itself: the real azure-identity, against what Azure offers its functions."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from exporter.domain.destination import Credentials, CredentialsType, Destination, StorageTarget
from exporter.domain.errors import DestinationFault, Fault, Transient
from tests.contract.backends import a_destination
from tests.contract.customers import customers
from tests.contract.servers import Answer, answering, nobody

CLIENT = "22222222-2222-4222-8222-222222222222"
NO_SUCH_IDENTITY = b'{"statusCode": 400, "message": "No User Assigned or Delegated Managed Identity found."}'


def destination(client_id: str | None = None) -> Destination:
    """Return a destination that is written to as the exporter itself."""
    return replace(
        a_destination("raw", ""),
        storage=StorageTarget("raw", "https://127.0.0.1:1/acme"),
        credentials=Credentials(CredentialsType.MANAGED_IDENTITY, client_id=client_id),
    )


@contextmanager
def service(url: str) -> Iterator[None]:
    """Let this process look like a function app whose identity service is there."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("IDENTITY_ENDPOINT", f"{url}/msi/token")
        environment.setenv("IDENTITY_HEADER", "header")
        yield


def fault(client_id: str | None = None) -> Fault:
    """Return why signing in fails."""
    with customers() as containers, pytest.raises(DestinationFault) as raised:
        containers.open(destination(client_id)).sign_in()
    return raised.value.fault


@pytest.mark.parametrize("client_id", [None, CLIENT])
def test_the_exporters_own_identity_signs_in(client_id: str | None) -> None:
    """The one that it has, or the one that is named; asked once."""
    with answering(Answer(200)) as server, service(server.url), customers() as containers:
        server.body = (
            b'{"access_token": "token", "expires_on": "4102444800", "resource": "r", "token_type": "Bearer"}'
        )
        container = containers.open(destination(client_id))
        container.sign_in()
        container.sign_in()

    assert len(server.asked) == 1
    assert (CLIENT in server.asked[0]) == (client_id is not None)


def test_an_identity_that_the_exporter_does_not_have_is_told() -> None:
    """With its id, and whom to ask."""
    with answering(Answer(400)) as server, service(server.url):
        server.body = NO_SUCH_IDENTITY
        told = fault(CLIENT)

    assert told.code == "identity_not_assigned"
    assert CLIENT in told.message


def test_an_exporter_outside_of_azure_has_no_identity() -> None:
    """No service there would give it one."""
    with nobody() as url, service(url):
        assert fault().code == "identity_unavailable"


def test_a_busy_service_of_identities_is_passing() -> None:
    """There is nothing to repair."""
    with answering(Answer(503)) as server, service(server.url), customers() as containers:
        server.body = b'{"statusCode": 503, "message": "Busy."}'
        with pytest.raises(Transient, match="503"):
            containers.open(destination()).sign_in()
