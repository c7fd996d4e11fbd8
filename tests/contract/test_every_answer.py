"""Whatever a customer's storage answers, it has a meaning: the real SDK, asking loopback servers."""

import gc
import traceback
import warnings
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.destinations.connection_test import run_connection_test
from exporter.domain.connection_test import ConnectionReport
from exporter.domain.errors import Conflict, DestinationFault, ExportError, ForeignBlocks, Transient
from exporter.ports import Container
from exporter.storage.customer.containers import CustomerContainers
from exporter.storage.customer.fault_table import FAULTS
from tests.contract.backends import NOW
from tests.contract.servers import Answer, Server, Talker, answering, talking
from tests.contract.test_errors import CALLS, SIGNATURE, by_signature, customers, sealed

STEPS = ("sign_in", "write", "read", "list", "delete")
# The error codes of Azure's Blob service and those that all of its storage services share, as their reference
# pages list them, by HTTP status.
DOCUMENTED: dict[int, str] = {
    304: "ConditionNotMet",
    400: """
        BlockListTooLong ConditionHeadersNotSupported EmptyMetadataKey FeatureVersionMismatch
        InvalidAuthenticationInfo InvalidBlobOrBlock InvalidBlobTier InvalidBlockId InvalidBlockList
        InvalidHeaderValue InvalidHttpVerb InvalidInput InvalidMd5 InvalidMetadata InvalidOperation
        InvalidPageRange InvalidQueryParameterValue InvalidRange InvalidResourceName InvalidSourceBlobType
        InvalidSourceBlobUrl InvalidUri InvalidVersionForPageBlobOperation InvalidXmlDocument
        InvalidXmlNodeValue Md5Mismatch MetadataTooLarge MissingRequiredHeader MissingRequiredQueryParameter
        MissingRequiredXmlNode MultipleConditionHeadersNotSupported OutOfRangeInput
        OutOfRangeQueryParameterValue PreviousSnapshotNotFound PreviousSnapshotOperationNotSupported
        RequestUrlFailedToParse UnsupportedHeader UnsupportedQueryParameter UnsupportedXmlNode
        InfiniteLeaseDurationRequired AuthorizationResourceTypeMismatch
    """,
    401: "NoAuthenticationInformation InvalidAuthenticationInfo",
    403: """
        AccountIsDisabled AuthenticationFailed AuthorizationFailure AuthorizationPermissionMismatch
        AuthorizationProtocolMismatch AuthorizationServiceMismatch AuthorizationSourceIPMismatch
        CannotVerifyCopySource InsufficientAccountPermissions KeyBasedAuthenticationNotPermitted
        UnauthorizedBlobOverwrite
    """,
    404: "BlobNotFound CannotVerifyCopySource ContainerNotFound ResourceNotFound",
    405: "UnsupportedHttpVerb",
    409: """
        AccountAlreadyExists AccountBeingCreated AccountProtectedFromDeletion BlobAlreadyExists BlobArchived
        BlobBeingRehydrated BlobImmutableDueToLegalHold BlobImmutableDueToPolicy BlobNotArchived
        BlobOperationNotSupported BlobOverwritten BlobTierInadequateForContentLength
        BlobUsesCustomerSpecifiedEncryption BlockCountExceedsLimit CannotChangeToLowerTier
        ContainerAlreadyExists ContainerBeingDeleted ContainerDisabled ContainerHasLegalHold
        ContainerImmutabilityPolicyLocked ContentLengthLargerThanTierLimit CopyAcrossAccountsNotSupported
        CopyIdMismatch IncrementalCopyBlobMismatch IncrementalCopyOfEarlierVersionSnapshotNotAllowed
        IncrementalCopySourceMustBeSnapshot InvalidBlobType LeaseAlreadyBroken LeaseAlreadyPresent
        LeaseIdMismatchWithLeaseOperation LeaseIsBreakingAndCannotBeAcquired LeaseIsBreakingAndCannotBeChanged
        LeaseIsBrokenAndCannotBeRenewed LeaseNotPresentWithLeaseOperation NoPendingCopyOperation
        OperationNotAllowedOnIncrementalCopyBlob PendingCopyOperation PreviousSnapshotCannotBeNewer
        PublicAccessNotPermitted ResourceAlreadyExists ResourceTypeMismatch RmsLimitExceeded
        SequenceNumberIncrementTooLarge SnapshotCountExceeded SnapshotOperationRateExceeded SnapshotsPresent
        SystemInUse
    """,
    411: "MissingContentLengthHeader",
    412: """
        AppendPositionConditionNotMet ConditionNotMet LeaseIdMismatchWithBlobOperation
        LeaseIdMismatchWithContainerOperation LeaseIdMissing LeaseLost LeaseNotPresentWithBlobOperation
        LeaseNotPresentWithContainerOperation MaxBlobSizeConditionNotMet SequenceNumberConditionNotMet
        SourceConditionNotMet TargetConditionNotMet
    """,
    413: "RequestBodyTooLarge",
    416: "InvalidRange",
    429: "TooManyRequests",
    500: "CannotVerifyCopySource InternalError OperationTimedOut",
    503: "ServerBusy",
}
KNOWN = {code for row in FAULTS for code in row.answers}
ANSWERS = [(status, code) for status, codes in DOCUMENTED.items() for code in codes.split()]
MADE_UP = st.tuples(
    st.sampled_from([*DOCUMENTED, 402, 406, 410, 418, 422, 451, 499, 501, 505, 507, 599]),
    st.from_regex(r"[A-Z][a-z]{2,12}([A-Z][a-z]{1,12}){0,3}", fullmatch=True),
)
# What stands beside the code in an answer, and shall not be passed on.
WORDS = f"Call of https://acme.example/raw?sig={SIGNATURE} failed."
BODIES = {
    "error": b"",
    "html": f"<html><head><title>Oops</title></head><body><p>{WORDS}</p></body></html>".encode(),
    "broken html": f"<!DOCTYPE html><html><br><p>{WORDS}".encode(),
    "json": f'{{"error": {{"code": 7, "message": null, "detail": "{WORDS}"}}}}'.encode(),
    "json text": b'{"error": "nothing"}',
    "list": b"[1, 2]",
    "xml": b'<?xml version="1.0"?><Error><Message/></Error>',
    "half": b'<?xml version="1.0" encoding="utf-8"?><Error><Code>Half',
    "no text": bytes(range(256)),
    "other encoding": '<?xml version="1.0" encoding="utf-16"?><Error><Code>X</Code></Error>'.encode("utf-16"),
    "long": b"x" * 100_000,
}


# Over such answers the SDK forgets to close connections; they are closed when its objects are collected.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def opened() -> Iterator[CustomerContainers]:
    """Open customers' containers once."""
    with customers() as containers:
        yield containers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Run a server that gives one answer to everything."""
    with answering(Answer(200)) as running:
        yield running


@pytest.fixture(scope="module")
def talker() -> Iterator[Talker]:
    """Run a server that says anything."""
    with talking() as running:
        yield running


def outcome(container: Container, call: str) -> ExportError | None:
    """Return what a call was told; None if it went through. Anything else that it raises fails the test."""
    try:
        CALLS[call](container)
    except ExportError as error:
        told = "".join(traceback.format_exception(error))
        assert SIGNATURE not in told
        return error
    return None


def tried(containers: CustomerContainers, url: str) -> ConnectionReport:
    """Run a test upload: it always has five steps, and says of each that failed what to do."""
    report = run_connection_test(
        sealed(by_signature(url)), containers, test_id="0" * 32, now=NOW, pause=lambda _: None
    )
    assert tuple(step.name for step in report.steps) == STEPS
    for step in report.steps:
        if step.fault is not None:
            assert step.fault.code
            assert step.fault.message.endswith(".")
            assert step.fault.fix.endswith(".")
            assert SIGNATURE not in f"{step.fault.message} {step.fault.fix}"
    return report


@pytest.mark.parametrize(("status", "code"), ANSWERS)
def test_every_documented_code_has_a_meaning_for_every_call(
    status: int, code: str, server: Server, opened: CustomerContainers
) -> None:
    """5xx and throttling pass; what no row of the table knows is named with status, code and place."""
    server.answer, server.body = Answer(status, code, WORDS), None
    container = opened.open(sealed(by_signature(server.url)))

    for call in CALLS:
        error = outcome(container, call)
        match error:
            case None:
                assert (call, code) in {("read", "BlobNotFound"), ("delete", "BlobNotFound")}
            case Conflict():
                assert call not in {"find", "read"}
            case Transient():
                assert status in {429, 500, 503}
            case ForeignBlocks():
                assert call == "upload"
            case DestinationFault() if error.fault.code == "storage_refused":
                assert code not in KNOWN
                assert f"HTTP {status} {code}" in error.fault.message
                assert ("container raw" if call == "find" else "in raw") in error.fault.message
            case DestinationFault():
                assert status < 500
            case _:
                raise AssertionError(f"{call}: {error!r}")
    assert not tried(opened, server.url).ok


@settings(max_examples=100, deadline=None)
@given(
    answer=st.one_of(st.sampled_from(ANSWERS), MADE_UP),
    body=st.sampled_from(sorted(BODIES)),
    kind=st.sampled_from(
        ["application/xml", "text/html", "application/json", "text/xml; charset=nobody", ""]
    ),
)
@example(answer=(503, "ServerBusy"), body="json", kind="application/json")
@example(answer=(503, "ServerBusy"), body="no text", kind="application/xml")
@example(answer=(409, "SnapshotsPresent"), body="no text", kind="application/json")
@example(answer=(599, "Made"), body="html", kind="application/xml")
@example(answer=(418, "Made"), body="json", kind="application/json")
@example(answer=(404, "Made"), body="html", kind="application/xml")
@example(answer=(409, "BlobArchived"), body="html", kind="application/xml")
@example(answer=(404, "BlobNotFound"), body="json", kind="application/json")
def test_no_answer_whatever_its_code_and_body_leaves_the_tree_of_errors(
    answer: tuple[int, str], body: str, kind: str, server: Server, opened: CustomerContainers
) -> None:
    """Nor does a test upload ever fail: it says which step did."""
    server.answer = Answer(*answer, WORDS, headers={"Content-Type": kind})
    server.body = BODIES[body] or None
    container = opened.open(sealed(by_signature(server.url)))

    for call in CALLS:
        error = outcome(container, call)
        if answer[0] >= HTTPStatus.INTERNAL_SERVER_ERROR:
            assert isinstance(error, Transient)
        if isinstance(error, DestinationFault):
            # The code in the header is read, whatever the SDK makes of the body.
            assert error.fault.code != "not_a_blob_service"
    assert not tried(opened, server.url).ok


OK = b"HTTP/1.1 200 OK\r\n"
RAW = {
    "nothing": b"",
    "another protocol": b"SSH-2.0-OpenSSH_9.9\r\n",
    "a secret as status": f"HTTP/1.1 {SIGNATURE}\r\n\r\n".encode(),
    "a secret as reason": f"HTTP/1.1 418 {SIGNATURE}\r\nContent-Length: 0\r\n\r\n".encode(),
    "a secret as code": f"HTTP/1.1 409 No\r\nx-ms-error-code: {SIGNATURE}\r\n\r\n".encode(),
    "a status of six digits": b"HTTP/1.1 123456 What\r\n\r\n",
    "status zero": b"HTTP/1.1 000 What\r\nContent-Length: 0\r\n\r\n",
    "another version": b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no header": OK + b"\r\n",
    "a header that is none": OK + b"what is this\r\n\r\n",
    "a long header": OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
    "many headers": OK + b"X: y\r\n" * 200 + b"\r\n",
    "a longer length": OK + b"Content-Length: 1000\r\n\r\nshort",
    "a shorter length": OK + b"Content-Length: 2\r\n\r\nlonger",
    "a length that is none": OK + b"Content-Length: many\r\n\r\nx",
    "a negative length": OK + b"Content-Length: -1\r\n\r\nx",
    "chunks that are none": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nx",
    "half of a chunk": OK + b"Transfer-Encoding: chunked\r\n\r\n10\r\nx",
    "gzip that is none": OK + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
    "a range that is none": b"HTTP/1.1 206 OK\r\nContent-Range: all\r\nContent-Length: 1\r\n\r\nx",
    "a date that is none": OK + b"Last-Modified: soon\r\nETag: 1\r\nContent-Length: 0\r\n\r\n",
    "a redirection to nowhere": b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n",
    "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "only to go on": b"HTTP/1.1 100 Continue\r\n\r\n",
    "an empty list": OK + b"Content-Type: application/xml\r\nContent-Length: 21\r\n\r\n<EnumerationResults/>",
}


@pytest.mark.parametrize("words", RAW)
def test_what_is_no_answer_at_all_is_told_as_a_fault(
    words: str, talker: Talker, opened: CustomerContainers
) -> None:
    """Another protocol, broken headers, lengths that do not fit; what it repeats of ours is not passed on."""
    talker.words = RAW[words]
    container = opened.open(sealed(by_signature(talker.url)))

    for call in CALLS:
        error = outcome(container, call)
        assert error is None or isinstance(error, DestinationFault)
    assert not tried(opened, talker.url).ok
