"""The table of faults, row by row: the real SDK asks a server that answers as Azure Storage does."""

import inspect
import logging
import shlex
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import azure.core.exceptions
import azure.identity
import pytest
from _pytest.mark import ParameterSet
from azure.core.exceptions import HttpResponseError

from exporter.destinations.connection_test import ROLE_WAITS, run_connection_test
from exporter.domain.destination import Credentials, CredentialsType, Destination, StorageTarget
from exporter.domain.errors import DestinationFault, Scope
from exporter.storage.customer.credentials import CUSTOMER_PATIENCE
from exporter.storage.customer.errors import customer_storage
from exporter.storage.customer.fault_table import FAULTS, Action, FaultRow, Place
from infra.local.certificates import make_certificate
from tests.contract.backends import CIPHER, NOW, a_destination
from tests.contract.customers import CALLS, by_key, container_at, customers, sealed, upload
from tests.contract.servers import Answer, Server, answering, nobody
from tests.contract.tls import answering_over_tls

NAME = "it's/187520_2020-01-25_17#1.json.gz"
STEPS = ["sign_in", "write", "read", "list", "delete"]
TOKEN = "sv=2026-01-01&ss=b&srt=co&sp=rwdl&sig=c2VjcmV0LXNpZ25hdHVyZQ%3D%3D"  # noqa: S105  a made-up one
SIGNATURE = "c2VjcmV0LXNpZ25hdHVyZQ"


def answers() -> list[ParameterSet]:
    """Return each row with each answer that it is made for."""
    found, status = [], 403
    for row in FAULTS:
        if row.code == "container_not_found":
            status = 409  # the rows above are about access
        texts = row.words or ("Words.",)
        found += [(row, Answer(status, code, text)) for code in row.answers for text in texts]
        if not row.words:
            found += [(row, Answer(each)) for each in row.statuses]
    return [
        pytest.param(row, answer, id=f"{number} {row.code} {answer.code or int(answer.status)}")
        for number, (row, answer) in enumerate(found)
    ]


@pytest.mark.parametrize(("row", "answer"), answers())
def test_every_row_is_read_out_of_an_answer(row: FaultRow, answer: Answer) -> None:
    """The code, with a message and a fix of one sentence each that name what they are about."""
    with (
        answering(answer) as server,
        container_at(by_key(server.url)) as container,
        pytest.raises(DestinationFault) as raised,
    ):
        container.find("")

    fault = raised.value.fault
    assert fault.code == row.code
    for sentence in (fault.message, fault.fix):
        assert sentence.endswith(".")
        assert "{" not in sentence
        assert sentence.count(". ") == 0


def test_what_is_about_one_blob_names_it_and_holds_up_no_other_hour() -> None:
    """In the message, and in the command of the fix, as a shell takes it."""
    of_one_blob = {row.code: row for row in FAULTS if row.scope is Scope.BLOB}
    assert of_one_blob.keys() == {
        "immutable",
        "snapshots_present",
        "blob_archived",
        "blob_leased",
        "blob_in_the_way",
    }

    for row in of_one_blob.values():
        answer = Answer(409, row.answers[0])
        with answering(answer) as server, container_at(by_key(server.url)) as container:
            for call in (
                lambda container: container.read(NAME),
                lambda container: container.put(NAME, b"", content_type="text/plain", etag=None),
                lambda container: container.delete(NAME, etag='"1"'),
                lambda container: upload(container, NAME),
            ):
                with pytest.raises(DestinationFault) as raised:
                    call(container)
                fault = raised.value.fault
                assert (fault.code, fault.scope) == (row.code, Scope.BLOB)
                assert f"the blob {NAME} in raw" in fault.message
                if "az storage blob" in fault.fix:
                    assert "--account-name acme --container-name raw " in fault.fix
                    assert shlex.quote(NAME) in fault.fix


def test_only_a_missing_right_may_pass_by_itself() -> None:
    """Azure spreads a new role over minutes; every other fault stays until it is repaired."""
    assert {row.code for row in FAULTS if row.may_pass} == {"missing_action"}


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        ("clock_wrong", "Request date header too old: 'Fri, 31 Jan 2020 13:00:00 GMT'"),
        ("clock_wrong", "Lifetime validation failed. The token is expired."),
        ("secret_wrong", "The MAC signature found in the HTTP request is not the same as any computed one."),
        ("secret_wrong", "Signature did not match. String to sign used was rwdl"),
    ],
)
def test_the_detail_of_a_refused_signature_tells_cases_apart(code: str, detail: str) -> None:
    """Azure gives all of them the same code, and says the rest in an element of its own."""
    words = f"Server failed to authenticate the request.</Message><AuthenticationErrorDetail>{detail}"
    xml = f"<Error><Code>AuthenticationFailed</Code><Message>{words}</AuthenticationErrorDetail></Error>"
    with answering(Answer(403, "AuthenticationFailed")) as server:
        server.body = b'<?xml version="1.0" encoding="utf-8"?>' + xml.encode()
        with container_at(by_key(server.url)) as container, pytest.raises(DestinationFault) as raised:
            container.find("")

    assert raised.value.fault.code == code


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html><body>Welcome</body></html>"),
        (200, b'{"hello": "world"}'),
        (200, b""),
        (400, b"Bad Request"),
        (404, b"<html>Not found</html>"),
        (405, b""),
        (501, b""),
    ],
)
@pytest.mark.parametrize("call", ["find", "put", "delete"])
def test_an_endpoint_that_is_no_blob_service_is_told_as_that(status: int, body: bytes, call: str) -> None:
    """A web server at the address, say."""
    with answering(Answer(status)) as server:
        server.body = body
        with container_at(by_key(server.url)) as container, pytest.raises(DestinationFault) as raised:
            CALLS[call](container)

    assert raised.value.fault.code == "not_a_blob_service"


def test_a_certificate_that_nobody_trusts_is_a_failure_of_tls(tmp_path: Path) -> None:
    """Told apart from a network that is down, and nothing is sent."""
    with (
        answering_over_tls(make_certificate(tmp_path), Answer(200), body=b"") as url,
        container_at(by_key(url)) as container,
        pytest.raises(DestinationFault) as raised,
    ):
        container.find("")

    assert raised.value.fault.code == "tls_failed"
    assert "CERTIFICATE_VERIFY_FAILED" in raised.value.fault.message


def by_signature(url: str) -> Destination:
    """Return a destination with a shared access signature."""
    secret = CIPHER.seal(TOKEN, destination_id="acme", field="sas_token")
    return replace(
        a_destination("raw", ""),
        storage=StorageTarget("raw", f"{url}/acme"),
        credentials=Credentials(CredentialsType.SAS, secret),
    )


@pytest.mark.parametrize("url", ["", "//", "https://[::1", "https://acme.blob.invalid/raw?sig=1"])
def test_an_address_of_which_no_client_can_be_made_is_a_fault_of_signing_in(url: str) -> None:
    """Addresses are checked when they are saved; one that was saved before that is told, too."""
    destination = replace(by_signature("http://127.0.0.1"), storage=StorageTarget("raw", url))
    with customers() as containers:
        report = run_connection_test(destination, containers, test_id="0" * 32, now=NOW)

    assert report.first_fault is not None
    assert report.first_fault.code == "address_unusable"
    assert report.steps[0].fault is report.first_fault


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(403, "AuthorizationPermissionMismatch"), "missing_action"),
        (
            Answer(403, "AuthenticationFailed", "Signature not valid in the specified time frame"),
            "secret_expired",
        ),
        (Answer(404, "ContainerNotFound"), "container_not_found"),
        (Answer(404), "not_a_blob_service"),
        (None, "unreachable"),
    ],
    ids=lambda each: str(getattr(each, "code", each)),
)
def test_a_signature_signs_in_and_is_in_no_error_and_no_log(
    answer: Answer | None, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It stands in every URL, and SDKs like to repeat URLs."""
    caplog.set_level(logging.DEBUG)
    with answering(answer or Answer(200)) as server, nobody() as nowhere, customers() as containers:
        container = containers.open(by_signature(server.url if answer else nowhere))
        with pytest.raises(DestinationFault) as raised:
            container.find("")
        if answer:
            assert SIGNATURE in server.asked[0]

    assert raised.value.fault.code == code
    told = "".join(traceback.format_exception(raised.value)) + caplog.text
    assert SIGNATURE not in told


# The code that each class of the SDK's errors becomes when a call to a customer's storage raises it.
CLASSES: dict[str, str] = {
    "AzureError": "not_a_blob_service",
    "ServiceRequestError": "unreachable",
    "ServiceResponseError": "unreachable",
    "ServiceRequestTimeoutError": "unreachable",
    "ServiceResponseTimeoutError": "unreachable",
    "IncompleteReadError": "unreachable",
    "HttpResponseError": "not_a_blob_service",
    "DecodeError": "not_a_blob_service",
    "ResourceExistsError": "not_a_blob_service",
    "ResourceNotFoundError": "not_a_blob_service",
    "ClientAuthenticationError": "not_a_blob_service",
    "ResourceModifiedError": "not_a_blob_service",
    "ResourceNotModifiedError": "not_a_blob_service",
    "TooManyRedirectsError": "not_a_blob_service",
    "ODataV4Error": "not_a_blob_service",
    "DeserializationError": "not_a_blob_service",
    "SerializationError": "not_a_blob_service",
    "StreamConsumedError": "not_a_blob_service",
    "StreamClosedError": "not_a_blob_service",
    "ResponseNotReadError": "not_a_blob_service",
    # Signing in translates these itself, before a call can meet them; met here, the credentials are wrong.
    "CredentialUnavailableError": "secret_wrong",
    "AuthenticationRequiredError": "secret_wrong",
}


def sdk_errors() -> dict[str, type[BaseException]]:
    """Return every class of errors that the SDKs have in public."""
    modules = (azure.core.exceptions, azure.identity)
    return {
        name: each
        for module in modules
        for name, each in vars(module).items()
        if inspect.isclass(each) and issubclass(each, BaseException)
    }


class Response:
    """An answer without any word of Azure's, as errors refer to it."""

    status_code = 418
    reason = "teapot"
    headers: dict[str, str] = {}  # noqa: RUF012  never written to
    content_type = "text/plain"

    def text(self) -> str:
        """Return the body."""
        return "{}"

    def body(self) -> bytes:
        """Return the body."""
        return b"{}"


def made(kind: type[BaseException]) -> BaseException:
    """Return an error of a class, without calling a constructor that asks for this or that."""
    error = kind.__new__(kind, "words")
    Exception.__init__(error, "words")
    error.__dict__.update(message="words", inner_exception=None, response=None, status_code=None, reason=None)
    if isinstance(error, HttpResponseError) and not kind.__module__.startswith("azure.identity"):
        error.__dict__.update(response=Response(), status_code=418, reason="teapot")
    return error


def test_every_error_of_the_sdks_is_mapped() -> None:
    """A new one, of a new SDK version, is seen here, so that a person decides what it means."""
    assert set(sdk_errors()) == set(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_every_error_of_the_sdks_becomes_what_the_table_says(name: str) -> None:
    """Whatever raises it."""
    error, expected = made(sdk_errors()[name]), CLASSES[name]

    with pytest.raises(BaseException) as raised, customer_storage(Place("acme", "raw"), Action.READ):  # noqa: PT011  any
        raise error

    assert isinstance(raised.value, DestinationFault)
    assert raised.value.fault.code == expected


def test_a_passing_service_is_no_fault() -> None:
    """No person is told to repair it."""
    with answering(Answer(503, "ServerBusy")) as server, customers() as containers:
        report = run_connection_test(sealed(by_key(server.url)), containers, test_id="0" * 32, now=NOW)

    assert [step.fault.code if step.fault else step.skipped for step in report.steps] == [
        False,
        "busy",
        True,
        True,
        True,
    ]


MISSING = Answer(403, "AuthorizationPermissionMismatch")


def tried(server: Server, pause: Callable[[float], None]) -> list[tuple[str, str]]:
    """Run a test upload; return each step with its code, or how it went."""
    with customers() as containers:
        report = run_connection_test(
            sealed(by_key(server.url)), containers, test_id="0" * 32, now=NOW, pause=pause
        )
    return [
        (step.name, step.fault.code if step.fault else "skipped" if step.skipped else "passed")
        for step in report.steps
    ]


def test_without_any_role_every_right_is_named_through_the_real_sdk() -> None:
    """The very data actions, as a role's definition spells them."""
    with answering(MISSING) as server, customers() as containers:
        report = run_connection_test(
            sealed(by_key(server.url)), containers, test_id="0" * 32, now=NOW, pause=lambda _: None
        )

    told = {step.name: step.fault.message for step in report.steps if step.fault}
    for step, verb in (("write", "write"), ("read", "read"), ("list", "read"), ("delete", "delete")):
        assert f"containers/blobs/{verb} on" in told[step]


def test_a_role_that_is_on_its_way_is_told_through_the_real_sdk() -> None:
    """403 at first, then 201."""
    pauses: list[float] = []
    created = Answer(201, headers={"ETag": '"0x1"', "Last-Modified": "Fri, 31 Jan 2020 13:00:00 GMT"})
    with answering(MISSING) as server:

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            server.answer = created if len(pauses) == len(ROLE_WAITS) else MISSING

        steps = dict(tried(server, pause))

    assert steps["write"] == "role_not_effective_yet"
    assert pauses == list(ROLE_WAITS)


def test_a_storage_out_of_reach_costs_an_export_seconds() -> None:
    """The SDK's own patience is a minute and a half; measured at a closed port."""
    begun = time.monotonic()
    with (
        nobody() as url,
        container_at(by_key(url), CUSTOMER_PATIENCE) as container,
        pytest.raises(DestinationFault, match="unreachable"),
    ):
        container.find("")
    assert time.monotonic() - begun < 8
