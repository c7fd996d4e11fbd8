"""Signing in with tokens: the real azure-identity, against a token service that answers as Entra ID does."""

import logging
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from exporter.destinations.connection_test import run_connection_test
from exporter.domain.allowed_hosts import AllowedHosts
from exporter.domain.destination import Credentials, CredentialsType, Destination, StorageTarget
from exporter.domain.errors import DestinationFault, ExportError, Transient
from exporter.ports import Container
from exporter.storage.blocks import BlockPool
from exporter.storage.customer import entra
from exporter.storage.customer.containers import CustomerContainers
from exporter.storage.customer.credentials import ClientSettings
from infra.local import azurite
from infra.local.certificates import Certificate, make_certificate
from infra.local.entra import Directory, EntraStandIn, entra_running
from tests.contract.backends import CIPHER, HASTE, NOW, a_destination
from tests.contract.customers import ONCE
from tests.contract.servers import Answer, nobody, saying_nothing
from tests.contract.tls import answering_over_tls

TENANT = "11111111-1111-4111-8111-111111111111"
CLIENT = "22222222-2222-4222-8222-222222222222"
SECRET = "Abc8Q~the.secret-of_the~application.40"  # noqa: S105  a made-up one
SECRET_ID = "33333333-3333-4333-8333-333333333333"  # noqa: S105  a made-up one
EXPIRED = "Old8Q~the.secret-of-last-year"
DISABLED = "44444444-4444-4444-8444-444444444444"
HOSTS = AllowedHosts(("127.0.0.1", "localhost"))
# No service is asked twice, except where a test says so.
QUICK = replace(ONCE, connect_seconds=2, read_seconds=2)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certificate]:
    """Make an authority, which this process trusts for as long as the file's tests run."""
    made = make_certificate(tmp_path_factory.mktemp("tls"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("REQUESTS_CA_BUNDLE", str(made.authority))
        yield made


@pytest.fixture
def tokens(certificate: Certificate) -> Iterator[EntraStandIn]:
    """Run a token service that knows an application."""
    directory = Directory(TENANT, {CLIENT: SECRET, DISABLED: SECRET}, {EXPIRED}, {DISABLED})
    with entra_running(certificate, directory) as server:
        yield server


@pytest.fixture(scope="module")
def account_url(certificate: Certificate) -> Iterator[str]:
    """Run an Azurite over https, which takes tokens."""
    with azurite.running(tls=certificate) as endpoints:
        yield endpoints.account_url


@dataclass(frozen=True)
class Customer:
    """How a customer's destination signs in."""

    authority: str
    account_url: str
    secret: str = SECRET
    tenant_id: str = TENANT
    client_id: str = CLIENT

    @property
    def destination(self) -> Destination:
        """The destination, with its secret sealed."""
        sealed = CIPHER.seal(self.secret, destination_id="acme", field="client_secret")
        return replace(
            a_destination("raw", ""),
            storage=StorageTarget("raw", self.account_url),
            credentials=Credentials(
                CredentialsType.SERVICE_PRINCIPAL, sealed, self.tenant_id, self.client_id
            ),
        )

    @contextmanager
    def containers(self, retry: object = QUICK) -> Iterator[CustomerContainers]:
        """Open customers' containers, and close them."""
        pool = BlockPool()
        opened = CustomerContainers(CIPHER, HOSTS, pool, ClientSettings.new(self.authority, retry))  # type: ignore[arg-type]  # a patience
        try:
            yield opened
        finally:
            pool.close()
            opened.close()

    def refusal(self) -> DestinationFault:
        """Return what signing in fails with."""
        with self.containers() as containers, pytest.raises(DestinationFault) as raised:
            containers.open(self.destination).sign_in()
        return raised.value


def test_a_service_principal_writes_reads_lists_and_deletes(tokens: EntraStandIn, account_url: str) -> None:
    """Through real tokens, over https; one token serves all calls, and a test upload gets one of its own."""
    customer = Customer(tokens.url, account_url)
    destination = customer.destination
    with customer.containers(HASTE) as containers:
        container = containers.open(destination)
        with pytest.raises(DestinationFault, match="container_not_found"):
            container.find("")
        container._client.create_container()

        etag = container.put("a#1", b"1", content_type="text/plain", etag=None)
        assert [blob.name for blob in containers.open(destination).find("")] == ["a#1"]
        container.delete("a#1", etag=etag)
        assert tokens.tokens_asked == 1

        report = run_connection_test(destination, containers, test_id="a" * 32, now=NOW)
        assert report.ok, report
        assert container.find("") == []
        assert tokens.tokens_asked == 2


def in_threads(count: int, work: Container) -> list[BaseException | None]:
    """Sign in from that many threads at once; return what each failed with."""
    begin = threading.Barrier(count)
    outcomes: list[BaseException | None] = [None] * count

    def run(number: int) -> None:
        begin.wait()
        try:
            work.sign_in()
        except ExportError as error:
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_eight_threads_that_start_cold_ask_for_one_token(tokens: EntraStandIn) -> None:
    """The SDK alone would ask eight times, for each destination, in each process."""
    tokens.token_delay_seconds = 0.2
    customer = Customer(tokens.url, "https://127.0.0.1:1/acme")
    destination = customer.destination
    with customer.containers() as containers:
        assert in_threads(8, containers.open(destination)) == [None] * 8
        assert in_threads(8, containers.open(destination)) == [None] * 8

    assert tokens.tokens_asked == 1


def test_eight_threads_that_are_refused_are_refused_by_one_request(tokens: EntraStandIn) -> None:
    """Those that waited for it share its outcome; a later call asks again."""
    tokens.token_delay_seconds = 0.2
    customer = Customer(tokens.url, "https://127.0.0.1:1/acme", secret="wrong")  # noqa: S106  a made-up one
    with customer.containers() as containers:
        container = containers.open(customer.destination)

        outcomes = in_threads(8, container)

        assert all(isinstance(outcome, DestinationFault) for outcome in outcomes)
        assert tokens.tokens_asked == 1
        tokens.directory.secrets[CLIENT] = "wrong"
        container.sign_in()
        assert tokens.tokens_asked == 2


@pytest.mark.parametrize(
    ("code", "changes", "words"),
    [
        ("tenant_not_found", {"tenant_id": SECRET_ID}, SECRET_ID),
        ("tenant_not_found", {"tenant_id": "contoso.example"}, "contoso.example"),
        ("client_not_found", {"client_id": SECRET_ID}, SECRET_ID),
        ("client_disabled", {"client_id": DISABLED}, DISABLED),
        ("secret_wrong", {"secret": "wrong-secret"}, "does not accept"),
        ("secret_wrong", {"secret": SECRET_ID}, "the secret's ID, not its value"),
        ("secret_expired", {"secret": EXPIRED}, "expired"),
    ],
)
def test_what_entra_refuses_is_told_precisely(
    tokens: EntraStandIn, code: str, changes: dict[str, str], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With a sentence on what happened, one on what to do, and no secret anywhere."""
    caplog.set_level(logging.DEBUG)
    customer = replace(Customer(tokens.url, "https://127.0.0.1:1/acme"), **changes)

    refusal = customer.refusal()

    fault = refusal.fault
    assert fault.code == code
    assert words in fault.message
    for sentence in (fault.message, fault.fix):
        assert sentence.endswith(".")
        assert sentence[0].isupper()
        assert "{" not in sentence
    # Of what was pasted as the secret, nothing is repeated; an ID that was meant as another field's is.
    secret = changes.get("secret", SECRET)
    told = "".join(traceback.format_exception(refusal)) + fault.message + fault.fix + caplog.text
    assert secret not in told


@pytest.mark.parametrize("number", [number for row in entra.ROWS for number in row.numbers] + [999999])
def test_every_number_of_the_table_is_read(certificate: Certificate, number: int) -> None:
    """Out of the SDK's own error, whatever else its text says."""
    expected = next((row.code for row in entra.ROWS if number in row.numbers), "sign_in_refused")
    words = f"AADSTS{number}: Words of {CLIENT}. Trace ID: 1"
    body = f'{{"error": "invalid_client", "error_description": "{words}"}}'.encode()
    with answering_over_tls(certificate, Answer(401), body=body) as url:
        refusal = Customer(url, "https://127.0.0.1:1/acme").refusal()

    assert refusal.fault.code == expected
    if expected == "sign_in_refused":
        assert f"AADSTS{number}" in refusal.fault.message


def test_what_does_not_answer_as_entra_is_told_as_that(certificate: Certificate) -> None:
    """A wrong authority, or a proxy in between; whatever it says, also where the SDK trips over it."""
    for answer, body in (
        (Answer(403), b"<html>Forbidden"),
        (Answer(200), b"<html>"),
        (Answer(200), b"{}"),
        (Answer(200), b"[]"),
        (Answer(200), b'"text"'),
        (Answer(200), b'{"token_endpoint": 7, "authorization_endpoint": null, "issuer": []}'),
        (Answer(200), bytes(range(256))),
    ):
        with answering_over_tls(certificate, answer, body=body) as url:
            fault = Customer(url, "https://127.0.0.1:1/acme").refusal().fault
        assert fault.code == "unreachable"
        assert url in fault.message


@pytest.mark.parametrize("network", [nobody, saying_nothing])
def test_entra_out_of_reach_is_no_wrong_secret(network: object) -> None:
    """The SDK calls it an authentication error."""
    with network() as url:  # type: ignore[operator]  # a context manager
        customer = Customer(url.replace("http:", "https:"), "https://127.0.0.1:1/acme")
        begun = time.monotonic()
        fault = customer.refusal().fault

    assert fault.code == "unreachable"
    assert "Entra ID" in fault.message
    assert time.monotonic() - begun < 10


def test_a_token_service_with_a_certificate_that_nobody_trusts_is_out_of_reach(
    tokens: EntraStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The secret is not sent to it."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(make_certificate(tmp_path).authority))

    fault = Customer(tokens.url, "https://127.0.0.1:1/acme").refusal().fault

    assert fault.code == "unreachable"
    assert "CERTIFICATE_VERIFY_FAILED" in fault.message
    assert tokens.asked == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_token_service_is_asked_again_and_then_passing(tokens: EntraStandIn, status: int) -> None:
    """There is nothing to repair."""
    customer = Customer(tokens.url, "https://127.0.0.1:1/acme")
    tokens.failures = [status]
    with customer.containers(replace(QUICK, retries=1)) as containers:
        containers.open(customer.destination).sign_in()

    tokens.failures = [status] * 9
    with customer.containers() as containers, pytest.raises(Transient, match=str(status)):
        containers.open(customer.destination).sign_in()


def test_a_token_goes_to_no_other_service_whatever_a_server_asks_for(
    tokens: EntraStandIn, certificate: Certificate
) -> None:
    """A challenge could name the management of the customer's whole subscription, or another tenant."""
    challenge = (
        f"Bearer authorization_uri={tokens.url}/{SECRET_ID}/oauth2/authorize"
        " resource_id=https://management.azure.com"
    )
    answer = Answer(401, "InvalidAuthenticationInfo", "Issuer validation failed.")
    answer = replace(answer, headers={"WWW-Authenticate": challenge})
    with answering_over_tls(certificate, answer, body=answer.xml) as url:
        customer = Customer(tokens.url, f"{url}/acme")
        with customer.containers() as containers, pytest.raises(DestinationFault) as raised:
            containers.open(customer.destination).find("")

    assert raised.value.fault.code == "tenant_mismatch"
    assert not any(SECRET_ID in asked for asked in tokens.asked)
    assert tokens.tokens_asked == 1


def test_credentials_are_made_once_for_a_destination_and_anew_when_they_change(tokens: EntraStandIn) -> None:
    """A token outlives renaming; a new secret does not go on with the old one's."""
    customer = Customer(tokens.url, "https://127.0.0.1:1/acme")
    with customer.containers() as containers:
        destination = customer.destination
        containers.open(destination).sign_in()
        containers.open(replace(destination, name="renamed")).sign_in()
        assert tokens.tokens_asked == 1

        containers.open(customer.destination).sign_in()
        assert tokens.tokens_asked == 2


def test_tokens_are_not_sent_in_the_clear() -> None:
    """Not even on this machine."""
    customer = Customer("https://127.0.0.1:1", "http://127.0.0.1:1/acme")
    with customer.containers() as containers, pytest.raises(DestinationFault, match="https_required"):
        containers.open(customer.destination).find("")


IDENTITY, OTHER_IDENTITY = "55555555-5555-4555-8555-555555555555", "66666666-6666-4666-8666-666666666666"
TRUSTING = "77777777-7777-4777-8777-777777777777"


@contextmanager
def exchanging(tokens: EntraStandIn, identity: str | None = IDENTITY) -> Iterator[Container]:
    """Open a destination of an application that trusts the exporter's identity, which this process has."""
    tokens.identities = {IDENTITY: "the object id of the identity", OTHER_IDENTITY: "another one"}
    tokens.directory.trusted = {TRUSTING: "the object id of the identity"}
    destination = replace(
        Customer(tokens.url, "https://127.0.0.1:1/acme").destination,
        credentials=Credentials(CredentialsType.WORKLOAD_IDENTITY, "", TENANT, TRUSTING),
    )
    pool = BlockPool()
    settings = ClientSettings.new(tokens.url, QUICK, identity=identity)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in tokens.of_identities.items():
            environment.setenv(name, value)
        opened = CustomerContainers(CIPHER, HOSTS, pool, settings)
        try:
            yield opened.open(destination)
        finally:
            pool.close()
            opened.close()


def test_the_exporters_identity_takes_the_place_of_a_secret(tokens: EntraStandIn) -> None:
    """Its token is for the exchange alone, and is exchanged once in the customer's tenant."""
    with exchanging(tokens) as container:
        container.sign_in()
        container.sign_in()

    token = f"POST /{TENANT}/oauth2/v2.0/token"
    assert [each for each in tokens.asked if not each.startswith("GET")] == [
        "identity api://AzureADTokenExchange",
        token,
    ]


@pytest.mark.parametrize(
    ("identity", "trusted", "code", "words"),
    [
        (IDENTITY, {}, "client_not_found", TRUSTING),
        (OTHER_IDENTITY, {TRUSTING: "the object id of the identity"}, "identity_not_trusted", "AADSTS700213"),
        (SECRET_ID, {TRUSTING: "the object id of the identity"}, "identity_not_assigned", SECRET_ID),
        (None, {TRUSTING: "the object id of the identity"}, "identity_not_assigned", "of its own"),
    ],
)
def test_an_identity_that_is_not_trusted_is_told(
    tokens: EntraStandIn, identity: str | None, trusted: dict[str, str], code: str, words: str
) -> None:
    """By the token service, or by Azure, which has no such identity for the exporter."""
    with exchanging(tokens, identity) as container:
        tokens.directory.trusted = trusted
        with pytest.raises(DestinationFault) as raised:
            container.sign_in()

    assert raised.value.fault.code == code
    assert words in raised.value.fault.message


def test_a_busy_exchange_is_passing(tokens: EntraStandIn) -> None:
    """There is nothing to repair."""
    with exchanging(tokens) as container:
        tokens.failures = [503] * 9
        with pytest.raises(Transient, match="503"):
            container.sign_in()


@pytest.mark.parametrize(
    ("authority", "audience"),
    [
        ("https://login.microsoftonline.com", "api://AzureADTokenExchange"),
        ("https://login.microsoftonline.us", "api://AzureADTokenExchangeUSGov"),
        ("https://login.partner.microsoftonline.cn", "api://AzureADTokenExchangeChina"),
    ],
)
def test_each_cloud_has_an_audience_of_its_own(authority: str, audience: str) -> None:
    """The token of the identity is meant for the exchange and nothing else."""
    assert entra.exchange_scope(authority) == f"{audience}/.default"
