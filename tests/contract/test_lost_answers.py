"""Answers that get lost after the write landed: the SDK tries again, and is told that somebody was faster.

It was us. None of these may be reported as a conflict, but for the one whose outcome cannot be told.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from exporter.domain.errors import Conflict, DestinationFault, Transient
from exporter.domain.hour_record import HourRecord
from infra.local.azurite import Endpoints
from tests.contract.backends import HOUR, KEY, NOW, AzuriteBackend, Seen, azurite_backend, commit
from tests.contract.transports import LosesAnswers
from tests.support.fakes.blobs import md5_base64

NAME = "187520_2020-01-25_17#1.json.gz"
ALL = 100


@pytest.fixture
def lossy() -> LosesAnswers:
    """Make connections that lose answers."""
    return LosesAnswers()


@pytest.fixture
def backend(endpoints: Endpoints, lossy: LosesAnswers) -> Iterator[AzuriteBackend]:
    """Give a test the real gateways over those connections."""
    with azurite_backend(endpoints, lossy) as opened:
        yield opened


def is_commit(method: str, url: str) -> bool:
    """Whether a request commits a blob's blocks."""
    return method == "PUT" and "comp=blocklist" in url


def is_block(method: str, url: str) -> bool:
    """Whether a request stages a block."""
    return method == "PUT" and "comp=block&" in url


def is_write(method: str, _url: str) -> bool:
    """Whether a request changes anything."""
    return method in ("PUT", "POST", "DELETE", "MERGE")


def upload(backend: AzuriteBackend, etag: str | None = None) -> None:
    """Upload a blob as an export does."""
    with backend.container.upload(NAME, attempt="first") as blob:
        blob.stage(b"con")
        blob.stage(b"tent")
        commit(backend.container, blob, b"content", name=NAME, attempt="first", etag=etag)


@pytest.mark.parametrize("times", [1, ALL])
def test_a_commit_is_found_to_have_landed(backend: AzuriteBackend, lossy: LosesAnswers, times: int) -> None:
    """Of a new blob and over a former one; even if no try at all got an answer."""
    former = backend.container.put(NAME, b"former", content_type="text/plain", etag=None)
    lossy.lose(is_commit, times)
    upload(backend, former)
    assert lossy.lost

    lossy.lose(is_commit, 0)
    backend.container.delete(NAME, etag=backend.container.find(NAME)[0].etag)
    lossy.lose(is_commit, times)
    upload(backend)

    assert lossy.lost
    assert backend.see(NAME) == Seen(b"content", "application/gzip", md5_base64(b"content"))


def test_a_block_is_sent_again(backend: AzuriteBackend, lossy: LosesAnswers) -> None:
    """Which changes nothing: a block has its name."""
    lossy.lose(is_block)

    upload(backend)

    assert lossy.lost
    assert backend.see(NAME).body == b"content"


def test_a_block_that_never_got_an_answer_is_a_fault(backend: AzuriteBackend, lossy: LosesAnswers) -> None:
    """The customer's storage does not answer; the next attempt stages everything anew."""
    lossy.lose(is_block, ALL)

    with pytest.raises(DestinationFault, match="unreachable"):
        upload(backend)


@pytest.mark.parametrize("times", [1, ALL])
def test_a_put_is_found_to_have_landed(backend: AzuriteBackend, lossy: LosesAnswers, times: int) -> None:
    """And its ETag is returned, so that one can go on."""
    lossy.lose(is_write, times)
    first = backend.container.put("marker", b"1", content_type="application/json", etag=None)
    assert lossy.lost
    lossy.lose(is_write, times)
    backend.container.put("marker", b"2", content_type="application/json", etag=first)

    assert lossy.lost
    assert backend.see("marker").body == b"2"


@pytest.mark.parametrize("times", [1, ALL])
def test_a_deletion_is_found_to_have_landed(backend: AzuriteBackend, lossy: LosesAnswers, times: int) -> None:
    """What is gone is gone."""
    etag = backend.container.put("marker", b"1", content_type="application/json", etag=None)
    lossy.lose(is_write, times)

    backend.container.delete("marker", etag=etag)

    assert lossy.lost
    assert backend.names() == []


def test_a_refresh_whose_answer_is_lost_is_a_conflict(backend: AzuriteBackend, lossy: LosesAnswers) -> None:
    """The new ETag does not say whose it is; a rival may have refreshed the blob. The next attempt looks."""
    etag = backend.container.put("marker", b"1", content_type="application/json", etag=None)
    lossy.lose(is_write)

    with pytest.raises(Conflict):
        backend.container.refresh("marker", etag=etag)

    assert lossy.lost
    assert backend.container.find("marker")[0].etag != etag
    assert backend.see("marker").body == b"1"


@pytest.mark.parametrize("times", [1, ALL])
def test_a_claim_is_found_to_have_landed(backend: AzuriteBackend, lossy: LosesAnswers, times: int) -> None:
    """On an hour that has no record yet, and on one that has."""
    ledger = backend.gateways.ledger
    ledger.put(HourRecord(KEY, HOUR.plus(1)), None)
    lossy.lose(is_write, times)
    first = ledger.put(HourRecord(KEY, HOUR), None)
    assert lossy.lost

    taken = HourRecord(KEY, HOUR).claimed_by("ours", "schedule", NOW)
    lossy.lose(is_write, times)
    second = ledger.put(taken, first)

    assert lossy.lost
    found = ledger.get(KEY, HOUR)
    assert found is not None
    assert (found.value, found.etag) == (taken, second)


def test_a_destination_is_found_to_have_been_saved(backend: AzuriteBackend, lossy: LosesAnswers) -> None:
    """The one who saved it is not told that somebody else has changed it."""
    destinations = backend.gateways.destinations
    first = destinations.put(backend.destination, None)
    lossy.lose(is_write)

    second = destinations.put(replace(backend.destination, name="new"), first)

    assert lossy.lost
    assert [(found.value.name, found.etag) for found in destinations.all()] == [("new", second)]


@pytest.mark.parametrize("times", [1, ALL])
def test_names_are_found_to_have_been_taken(backend: AzuriteBackend, lossy: LosesAnswers, times: int) -> None:
    """A transaction is sent again, too; the second time its conditions do not hold any more."""
    destinations = backend.gateways.destinations
    destinations.put(replace(backend.destination, id="before"), None)
    lossy.lose(is_write, times)

    etag = destinations.put_with_names(backend.destination, None, {"acme|raw": None})

    assert lossy.lost
    found = destinations.get("acme")
    assert found is not None
    assert (found.value, found.etag) == (backend.destination, etag)


def test_rejected_rows_are_found_to_be_kept(backend: AzuriteBackend, lossy: LosesAnswers) -> None:
    """Their commit has no condition, but a rival's may have come in between: here it has not."""
    lossy.lose(is_commit)
    with backend.gateways.rejected.upload("first") as rows:
        rows.stage(b"rows")
        rows.commit(md5=md5_base64(b"rows"))

    assert lossy.lost
    assert [seen.body for seen in backend.seen_rejected().values()] == [b"rows"]


def test_our_own_storage_that_does_not_answer_is_passing(
    backend: AzuriteBackend, lossy: LosesAnswers
) -> None:
    """Nobody is told to repair anything."""
    lossy.lose(lambda _method, _url: True, ALL)

    for call in (
        lambda: backend.gateways.ledger.get(KEY, HOUR),
        lambda: list(backend.gateways.landing.blobs(KEY.stream, HOUR)),
        backend.gateways.hours.waiting,
        backend.gateways.schedule.all,
        backend.gateways.destinations.active,
        lambda: backend.gateways.rejected.names(""),
    ):
        with pytest.raises(Transient, match="our own storage did not answer"):
            call()
