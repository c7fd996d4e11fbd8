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
from tests.contract.answers import BODIES, DOCUMENTED, RAW, WORDS
from tests.contract.backends import NOW
from tests.contract.customers import CALLS, SIGNATURE, by_signature, customers, sealed
from tests.contract.servers import Answer, Server, Talker

STEPS = ("sign_in", "write", "read", "list", "delete")
KNOWN = {code for row in FAULTS for code in row.answers}
ANSWERS = [(status, code) for status, codes in DOCUMENTED.items() for code in codes.split()]
MADE_UP = st.tuples(
    st.sampled_from([*DOCUMENTED, 402, 406, 410, 418, 422, 451, 499, 501, 505, 507, 599]),
    st.from_regex(r"[A-Z][a-z]{2,12}([A-Z][a-z]{1,12}){0,3}", fullmatch=True),
)


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
