"""Whatever our own storage answers, it has a meaning: the real SDK, asking loopback servers."""

import gc
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from http import HTTPStatus

import pytest
from azure.core.exceptions import HttpResponseError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.domain.errors import ExportError, Transient
from exporter.domain.hour_record import HourRecord
from exporter.domain.hour_task import HourTask
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import LandingBlob
from exporter.domain.versioned import UnreadableRowError
from exporter.ports import Gateways
from exporter.storage.blocks import BlockPool
from exporter.storage.clients import Account
from exporter.wiring import Customers, gateways_of
from tests.contract.answers import BODIES, RAW
from tests.contract.backends import HASTE, HOUR, KEY, NOW
from tests.contract.servers import Answer, Server, Talker
from tests.support.fakes.world import World

BLOB = LandingBlob("events/187520/2020/01/25/17/a.json.gz", '"0x1"', 9)


def _upload(at: Gateways) -> None:
    with at.state.upload("a") as upload:
        upload.stage(b"x")
        upload.commit(md5="")


CALLS: dict[str, Callable[[Gateways], object]] = {
    "get a row": lambda at: at.ledger.get(KEY, HOUR),
    "list rows": lambda at: list(at.ledger.states(KEY, HOUR, HOUR)),
    "create a row": lambda at: at.ledger.put(HourRecord(KEY, HOUR), None),
    "update a row": lambda at: at.ledger.put(HourRecord(KEY, HOUR), '"0x1"'),
    "overwrite a row": lambda at: at.schedule.put(KEY, StreamProgress(KEY, HOUR, HOUR)),
    "delete a row": lambda at: at.schedule.forget(KEY),
    "delete a row if": lambda at: at.reopened.forget(KEY, HOUR, '"0x1"'),
    "send a message": lambda at: at.hours.send([HourTask(KEY, HOUR)]),
    "count messages": lambda at: at.hours.waiting(),
    "look at the oldest message": lambda at: at.hours.oldest(),
    "list landing": lambda at: list(at.landing.blobs(KEY.stream, HOUR)),
    "read landing": lambda at: list(at.landing.read(BLOB)),
    "survey landing": lambda at: at.landing.survey(NOW),
    "check landing": lambda at: at.landing.check(),
    "write a blob": lambda at: at.state.put("a", [b"x"]),
    "upload a blob": _upload,
    "read a blob": lambda at: list(at.state.read("a") or ()),
    "list blobs": lambda at: at.state.names("a/"),
    "delete a blob": lambda at: at.state.delete("a"),
}

# Over such answers the SDK forgets to close connections; they are closed when its objects are collected.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def own_gateways(url: str) -> Iterator[Gateways]:
    """Return gateways to our own account, whose three services are at one address."""
    key = "AccountName=own;AccountKey=b3du"
    account = Account(
        f"{key};BlobEndpoint={url};QueueEndpoint={url};TableEndpoint={url}", retry=replace(HASTE, retries=0)
    )
    pool, world = BlockPool(), World()
    customers = Customers(
        containers=world.containers,
        webhooks=world.webhooks,
        export_api=world.puller.api,
        cipher=world.cipher,
    )
    yield gateways_of(account, pool, customers, landing="landing")
    pool.close()
    account.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module")
def own(server: Server) -> Iterator[Gateways]:
    """Return gateways to the server."""
    yield from own_gateways(server.url)


@pytest.fixture(scope="module")
def own_talker(talker: Talker) -> Iterator[Gateways]:
    """Return gateways to the talker."""
    yield from own_gateways(talker.url)


def outcome(own: Gateways, call: str) -> Exception | None:
    """Return what a call raised; None if it went through. Any other error fails the test."""
    try:
        CALLS[call](own)
    except (ExportError, HttpResponseError, UnreadableRowError) as error:
        return error
    return None


@settings(max_examples=60, deadline=None)
@given(
    status=st.sampled_from([200, 201, 202, 204, 302, 400, 403, 404, 409, 412, 418, 429, 500, 503, 599]),
    code=st.sampled_from(["", "ServerBusy", "ConditionNotMet", "TableNotFound", "AuthorizationFailure"]),
    body=st.sampled_from(sorted(BODIES)),
    kind=st.sampled_from(
        ["application/xml", "application/json", "text/html", "text/xml; charset=nobody", ""]
    ),
)
@example(status=403, code="AuthorizationFailure", body="json", kind="application/json")
@example(status=409, code="", body="json text", kind="application/json")
@example(status=503, code="ServerBusy", body="json", kind="application/json")
@example(status=503, code="ServerBusy", body="no text", kind="application/xml")
@example(status=404, code="", body="list", kind="application/json")
def test_no_answer_of_our_own_storage_is_an_error_of_the_sdks_parsers(  # noqa: PLR0913, PLR0917  an answer's parts
    status: int, code: str, body: str, kind: str, server: Server, own: Gateways
) -> None:
    """5xx and throttling pass; a refusal that stays says its status."""
    server.answer = Answer(status, code, headers={"Content-Type": kind})
    server.body = BODIES[body] or None

    for call in CALLS:
        error = outcome(own, call)
        # A busy service that names another reason contradicts itself.
        if status in {429, 500, 503, 599} and code in {"", "ServerBusy"}:
            assert isinstance(error, Transient), (call, error)
        if isinstance(error, HttpResponseError):
            assert error.status_code == status, (call, error)


@pytest.mark.parametrize("words", RAW)
def test_what_is_no_answer_of_our_own_storage_passes(
    words: str, talker: Talker, own_talker: Gateways
) -> None:
    """Another protocol, broken headers, lengths that do not fit: a proxy is in the way, and will not stay."""
    talker.words = RAW[words]

    for call in CALLS:
        error = outcome(own_talker, call)
        status = error.status_code if isinstance(error, HttpResponseError) else None
        assert status is None or status < HTTPStatus.INTERNAL_SERVER_ERROR or status > 599, (call, error)
