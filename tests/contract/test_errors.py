"""What errors of the services and of the network become: the real SDK, asking servers that answer so."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from exporter.domain.allowed_hosts import OwnContainers
from exporter.domain.destination import StorageTarget
from exporter.domain.errors import Conflict, DestinationFault, Transient
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.streams import LandingBlob
from exporter.messages import EXPORT_HOURS
from exporter.storage.clients import Account, ByIdentity
from exporter.storage.own.errors import create_if_missing, own_storage
from exporter.storage.own.landing import LandingContainer
from exporter.storage.own.ledger import LedgerTable
from exporter.storage.own.queues import Queue
from tests.contract.backends import HOUR, KEY
from tests.contract.customers import (
    CALLS,
    KEY_TEXT,
    ONCE,
    SIGNATURE,
    by_key,
    by_signature,
    container_at,
    customers,
    sealed,
)
from tests.contract.servers import Answer, answering, answering_by_half, breaking_off, nobody, saying_nothing

READ, WRITE, DELETE = (
    f"Microsoft.Storage/storageAccounts/blobServices/containers/blobs/{verb}"
    for verb in ("read", "write", "delete")
)


FAULTS = [
    ("account_not_found", Answer(404, "ResourceNotFound")),
    ("container_not_found", Answer(404, "ContainerNotFound")),
    ("container_being_deleted", Answer(409, "ContainerBeingDeleted")),
    ("secret_wrong", Answer(403, "AuthenticationFailed", "Server failed to authenticate the request.")),
    ("secret_wrong", Answer(403, "AuthorizationFailure", "Server failed to authenticate the request.")),
    ("secret_wrong", Answer(401, "NoAuthenticationInformation")),
    ("secret_wrong", Answer(401)),
    (
        "secret_expired",
        Answer(403, "AuthenticationFailed", "Signature not valid in the specified time frame: Start [..]"),
    ),
    ("key_not_permitted", Answer(403, "KeyBasedAuthenticationNotPermitted")),
    ("missing_action", Answer(403, "AuthorizationPermissionMismatch")),
    ("network_blocked", Answer(403, "AuthorizationFailure", "This request is not authorized.")),
    ("account_disabled", Answer(403, "AccountIsDisabled")),
    ("access_refused", Answer(403, "SomethingNew")),
    ("immutable", Answer(409, "BlobImmutableDueToPolicy")),
    ("immutable", Answer(409, "BlobImmutableDueToLegalHold")),
    ("snapshots_present", Answer(409, "SnapshotsPresent")),
    ("blob_archived", Answer(409, "BlobArchived")),
    ("blob_in_the_way", Answer(409, "InvalidBlobType")),
    ("storage_refused", Answer(400, "InvalidHeaderValue")),
    ("storage_refused", Answer(409, "SomethingNew")),
    ("blob_leased", Answer(412, "LeaseIdMissing")),
    ("redirected", Answer(307, headers={"Location": "http://127.0.0.1:9/elsewhere"})),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("code", "answer"), FAULTS, ids=lambda each: getattr(each, "code", each))
def test_what_only_the_customer_can_repair_is_a_fault(code: str, answer: Answer, call: str) -> None:
    """Whatever we asked for; with a sentence that says what happened and one that says what to do."""
    with answering(answer) as server, container_at(by_key(server.url)) as container:
        with pytest.raises(DestinationFault) as raised:
            CALLS[call](container)

        fault = raised.value.fault
        assert fault.code == code
        for sentence in (fault.message, fault.fix):
            assert sentence.endswith(".")
            assert sentence[0].isupper()
            assert "{" not in sentence
        assert KEY_TEXT not in "".join(traceback.format_exception(raised.value))
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("call", "action"),
    [("find", READ), ("read", READ), ("put", WRITE), ("upload", WRITE), ("delete", DELETE)],
)
def test_a_missing_right_is_named(call: str, action: str) -> None:
    """By the name that it has in a role's definition."""
    answer = Answer(403, "AuthorizationPermissionMismatch")
    with answering(answer) as server, container_at(by_key(server.url)) as container:
        with pytest.raises(DestinationFault) as raised:
            CALLS[call](container)
        assert action in raised.value.fault.message


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "answer",
    [
        Answer(503, "ServerBusy"),
        Answer(500, "OperationTimedOut"),
        Answer(500, "InternalError"),
        Answer(429, "TooManyRequests"),
        Answer(502),
    ],
    ids=lambda answer: f"{answer.status} {answer.code}",
)
def test_a_busy_service_is_passing(answer: Answer, call: str) -> None:
    """Nobody is told to repair it."""
    with (
        answering(answer) as server,
        container_at(by_key(server.url)) as container,
        pytest.raises(Transient),
    ):
        CALLS[call](container)


@pytest.mark.parametrize("code", ["ConditionNotMet", "BlobAlreadyExists", "TargetConditionNotMet"])
@pytest.mark.parametrize("status", [409, 412])
def test_a_failed_condition_is_a_conflict(status: int, code: str) -> None:
    """Azure says either, depending on the call; and a look shows that it was not our own write."""
    with answering(Answer(status, code)) as server, container_at(by_key(server.url)) as container:
        server.by_method["HEAD"] = Answer(200, headers={"ETag": '"0x2"', "x-ms-blob-type": "BlockBlob"})
        for call in ("put", "delete"):
            with pytest.raises(Conflict):
                CALLS[call](container)


def test_a_blob_is_not_taken_for_deleted_because_its_container_is_gone() -> None:
    """A look after a lost answer tells a missing blob from a missing container."""
    with answering(Answer(503, "ServerBusy")) as server, container_at(by_key(server.url)) as container:
        server.by_method["HEAD"] = Answer(404, "ContainerNotFound")
        for call in ("put", "delete"):
            with pytest.raises(DestinationFault, match="container_not_found"):
                CALLS[call](container)


def test_a_condition_that_nobody_set_is_no_conflict() -> None:
    """A list and a read have none: as a conflict, the hour would wait for a rival who is not there."""
    with answering(Answer(412, "ConditionNotMet")) as server, container_at(by_key(server.url)) as container:
        for call in ("find", "read"):
            with pytest.raises(DestinationFault, match="storage_refused"):
                CALLS[call](container)


@pytest.mark.parametrize("network", [nobody, breaking_off, saying_nothing])
@pytest.mark.parametrize("call", ["find", "put"])
def test_a_network_that_does_not_let_us_through_is_a_fault(
    network: Callable[[], AbstractContextManager[str]], call: str
) -> None:
    """Refused, reset or silent; and what is written about it does not repeat the URL, which has a secret."""
    with network() as url, container_at(by_signature(url)) as container:
        with pytest.raises(DestinationFault) as raised:
            CALLS[call](container)

        assert raised.value.fault.code == "unreachable"
        assert SIGNATURE not in "".join(traceback.format_exception(raised.value))


def test_an_answer_that_breaks_off_is_a_fault_of_the_customers_network_and_passes_in_ours() -> None:
    """The SDK asks again a few times, and then makes something of it that looks like an answer."""
    with answering_by_half() as url:
        with container_at(by_signature(url)) as container, pytest.raises(DestinationFault) as raised:
            container.read("marker")
        assert raised.value.fault.code == "unreachable"
        assert SIGNATURE not in "".join(traceback.format_exception(raised.value))

        account = Account(by_key(url), retry=ONCE)
        with pytest.raises(Transient, match="did not answer"):
            list(LandingContainer(account).read(LandingBlob("a.json", '"1"', 1000)))
        account.close()


def test_an_account_without_an_address_is_not_found() -> None:
    """Azure gives every account a name in the DNS; one that has none is misspelled or deleted."""
    with container_at(by_signature("https://acme.blob.invalid")) as container:
        with pytest.raises(DestinationFault) as raised:
            container.find("")

        assert raised.value.fault.code == "account_not_found"
        assert SIGNATURE not in "".join(traceback.format_exception(raised.value))


def test_a_redirection_is_not_followed() -> None:
    """It could lead anywhere, past the list of allowed hosts."""
    with answering(Answer(200)) as elsewhere:
        answer = Answer(302, headers={"Location": f"{elsewhere.url}/acme/raw"})
        with (
            answering(answer) as server,
            container_at(by_key(server.url)) as container,
            pytest.raises(DestinationFault, match="redirected"),
        ):
            container.find("")
        assert elsewhere.asked == []


def test_a_call_is_tried_a_few_times() -> None:
    """And then no more."""
    retry = replace(ONCE, retries=3)
    with (
        answering(Answer(503, "ServerBusy")) as server,
        container_at(by_key(server.url), retry) as container,
    ):
        with pytest.raises(Transient):
            container.find("")
        assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("connection_string", "code"),
    [
        ("", "secret_wrong"),
        ("nonsense", "secret_wrong"),
        ("AccountKey=c2VjcmV0", "secret_wrong"),
        (by_key("http://10.0.0.1"), "host_not_allowed"),
        (by_key("https://acme.blob.core.example"), "host_not_allowed"),
        (by_key("http://acme.blob.invalid"), "host_not_allowed"),
    ],
)
def test_a_connection_string_that_leads_nowhere_we_may_go_is_refused(
    connection_string: str, code: str
) -> None:
    """Before anything is sent, and without repeating any of it."""
    with customers() as containers, pytest.raises(DestinationFault) as raised:
        containers.open(sealed(connection_string))

    fault = raised.value.fault
    assert fault.code == code
    for secret in ("c2VjcmV0", "nonsense"):
        assert secret not in f"{fault.message} {fault.fix}"


@pytest.mark.parametrize(
    ("storage", "code"),
    [
        (StorageTarget("raw", "http://127.0.0.1:1/other"), "account_mismatch"),
        (StorageTarget("raw", "http://127.0.0.1:2/acme"), "account_mismatch"),
        (StorageTarget("landing", "http://localhost:1/acme/"), "container_not_allowed"),
        (StorageTarget("azure-webjobs-hosts"), "container_not_allowed"),
    ],
)
def test_a_stored_destination_that_may_not_be_written_to_is_refused(
    storage: StorageTarget, code: str
) -> None:
    """Settings may have been changed since it was saved, and so may what is checked then."""
    destination = replace(sealed(by_key("http://127.0.0.1:1")), storage=storage)
    own = OwnContainers.at("http://127.0.0.1:1/acme", "landing")
    with customers(own=own) as containers:
        with pytest.raises(DestinationFault) as raised:
            containers.open(destination)
        containers.open(replace(destination, storage=StorageTarget("raw", "http://localhost:1/acme")))

    assert raised.value.fault.code == code


def test_a_key_that_is_none_is_a_wrong_secret() -> None:
    """The request cannot even be signed."""
    with nobody() as url, container_at(by_key(url, key="not base64")) as container:
        with pytest.raises(DestinationFault) as raised:
            container.find("")
        assert raised.value.fault.code == "secret_wrong"


def test_a_secret_that_cannot_be_decrypted_is_a_fault() -> None:
    """It was sealed for another destination, or with a key that is gone."""
    other = replace(sealed(by_key("http://127.0.0.1:1")), id="other")
    with customers() as containers, pytest.raises(DestinationFault) as raised:
        containers.open(other)

    assert raised.value.fault.code == "secret_unreadable"


def test_a_container_is_opened_once_and_anew_with_new_credentials() -> None:
    """Clients hold connections."""
    with customers() as containers:
        destination = sealed(by_key("http://127.0.0.1:1"))
        first = containers.open(destination)
        assert containers.open(replace(destination, name="renamed")) is first

        changed = sealed(by_key("http://127.0.0.1:2"))
        assert containers.open(changed) is not first


@contextmanager
def own_account(answer: Answer, *, tables: bool = False) -> Iterator[Account]:
    """Open our own account at a server that answers so."""
    with answering(answer, tables=tables) as server:
        account = Account(by_key(server.url), retry=ONCE)
        try:
            yield account
        finally:
            account.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(503, "ServerBusy"), Transient),
        (Answer(500, "OperationTimedOut"), Transient),
        (Answer(429, "TooManyRequests"), Transient),
        (Answer(409, "TableBeingDeleted"), Transient),
        (Answer(409, "EntityAlreadyExists"), Conflict),
        (Answer(412, "UpdateConditionNotSatisfied"), Conflict),
        (Answer(412, "ConditionNotMet"), Conflict),
        (Answer(403, "AuthorizationPermissionMismatch"), HttpResponseError),
        (Answer(403, "AuthenticationFailed"), HttpResponseError),
        (Answer(400, "InvalidInput"), HttpResponseError),
    ],
    ids=lambda each: getattr(each, "code", None) or each.__name__,
)
@pytest.mark.parametrize("etag", [None, 'W/"1"'])
def test_answers_of_our_own_tables(answer: Answer, error: type[Exception], etag: str | None) -> None:
    """A missing role of ours is our bug: nothing tells a customer about it."""
    with own_account(answer, tables=True) as account, pytest.raises(error):
        LedgerTable(account).put(HourRecord(KEY, HOUR), etag)


def test_our_own_tables_that_are_busy_are_not_taken_for_empty_ones() -> None:
    """An empty ledger would mean that every hour is owed."""
    with own_account(Answer(503, "ServerBusy"), tables=True) as account:
        with pytest.raises(Transient):
            list(LedgerTable(account).states(KEY, HOUR, HOUR))
        with pytest.raises(Transient):
            LedgerTable(account).get(KEY, HOUR)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(503, "ServerBusy"), Transient),
        (Answer(409, "ContainerBeingDeleted"), Transient),
        (Answer(403, "AuthorizationFailure"), HttpResponseError),
    ],
    ids=lambda each: getattr(each, "code", None) or each.__name__,
)
def test_answers_of_our_own_blobs_and_queues(answer: Answer, error: type[Exception]) -> None:
    """The same reading for all services."""
    with own_account(answer) as account:
        with pytest.raises(error):
            list(LandingContainer(account).blobs(KEY.stream, HOUR))
        with pytest.raises(error):
            LandingContainer(account).earliest_hour(KEY.stream)
        with pytest.raises(error):
            Queue(account, EXPORT_HOURS).waiting()
        with pytest.raises(error):
            Queue(account, EXPORT_HOURS).send([HourTask(KEY, HOUR)])


def test_a_container_of_ours_that_is_being_deleted_comes_back_in_a_while() -> None:
    """Until then it can neither be used nor created."""
    with pytest.raises(Transient), own_storage():
        create_if_missing(
            _raising(ResourceNotFoundError, "ContainerNotFound"),
            _raising(ResourceExistsError, "ContainerBeingDeleted"),
        )


def _raising(kind: type[HttpResponseError], code: str) -> Callable[[], None]:
    """Return a call that fails so."""

    class Failed(kind):  # type: ignore[misc,valid-type]  # a class made here of one given
        error_code = code

    def call() -> None:
        raise Failed(code)

    return call


def test_an_account_is_given_in_one_way() -> None:
    """By a connection string or by an identity, and not by both."""
    with pytest.raises(ValueError, match="either"):
        Account()
    with pytest.raises(ValueError, match="either"):
        Account("UseDevelopmentStorage=true", identity=ByIdentity({}))


def test_development_storage_is_the_emulator_at_its_usual_ports() -> None:
    """As every tool of Azure's reads that setting."""
    account = Account("UseDevelopmentStorage=true;")
    urls = [account.blobs.url, account.queues.url, account.tables.url]
    account.close()

    assert [url.rstrip("/") for url in urls] == [
        f"http://127.0.0.1:{port}/devstoreaccount1" for port in (10000, 10001, 10002)
    ]


def test_an_account_with_an_identity_is_reached_by_its_urls() -> None:
    """Over https, with a token for storage; nothing is asked before the first call."""
    services = ("blob", "queue", "table")
    account = Account(
        identity=ByIdentity({each: f"https://ours.{each}.core.windows.net" for each in services})
    )
    urls = [account.blobs.url, account.queues.url, account.tables.url]
    account.close()

    assert [url.rstrip("/") for url in urls] == [
        f"https://ours.{service}.core.windows.net" for service in ("blob", "queue", "table")
    ]
