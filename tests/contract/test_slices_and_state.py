"""The slices of large hours, and what is too large for a row: on the twins, and on Azurite."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from exporter.domain.claims import Claim
from exporter.domain.errors import Conflict
from exporter.domain.hour_content import RowCounts
from exporter.domain.marker import Part, StagedFile
from exporter.domain.slices import SliceRecord, SliceResult
from exporter.ports import BlobStore, Slices
from exporter.storage.blocks import BlockPool
from exporter.storage.clients import Account
from exporter.storage.own.blob_store import BLOCK_BYTES, BlobContainer
from exporter.storage.own.slices import SlicesTable
from infra.local.azurite import Endpoints
from tests.contract.backends import HASTE
from tests.support.fakes.blobs import md5_base64
from tests.support.fakes.world import World
from tests.support.worlds import EVENTS, HOUR, NOW

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Own:
    """The gateways under test."""

    slices: Slices
    state: BlobStore


@pytest.fixture(params=["twin", "azurite"])
def own(request: pytest.FixtureRequest) -> Iterator[Own]:
    """Run a test twice: on the twins, and on a table and a container of its own."""
    if request.param == "twin":
        world = World()
        yield Own(world.slices, world.gateways.state)
        return
    endpoints: Endpoints = request.getfixturevalue("endpoints")
    account, name = Account(endpoints.connection_string, retry=HASTE), f"slices{next(_numbers)}"
    pool = BlockPool()
    try:
        yield Own(SlicesTable(account, name), BlobContainer(account, pool, name))
    finally:
        pool.close()
        account.close()


def a_slice(number: int, run: str = "run-1") -> SliceRecord:
    """Return a slice that a worker is staging."""
    return SliceRecord(EVENTS, HOUR, run, number, claim=Claim("worker", NOW))


RESULT = SliceResult(
    RowCounts(exported=3, rejected=1),
    (StagedFile(Part("a#2.json.gz", 3, 99, "md5=="), "worker", 1),),
    "acme/keys",
)


def test_slices_of_a_run_are_listed_in_order_and_no_others(own: Own) -> None:
    """Numbers sort as numbers; a run whose name begins like another's is another."""
    for number in (10, 2, 1):
        own.slices.put(a_slice(number), None)
    own.slices.put(a_slice(3, "run-10"), None)
    own.slices.put(replace(a_slice(4), hour=HOUR.plus(1)), None)

    found = own.slices.all(EVENTS, HOUR, "run-1")

    assert [each.value.number for each in found] == [1, 2, 10]
    assert own.slices.all(EVENTS, HOUR, "run-2") == []


def test_what_was_staged_comes_back_as_it_was(own: Own) -> None:
    """Counts, parts with what was sent of them, digest and excluded keys."""
    etag = own.slices.put(a_slice(1), None)
    for result in (RESULT, replace(RESULT, excluded=2, excluded_sha256="ab")):
        staged = replace(a_slice(1), claim=None, result=result, excluded_keys="acme/excluded")
        etag = own.slices.put(staged, etag)

        found = own.slices.get(EVENTS, HOUR, "run-1", 1)

        assert found is not None
        assert found.value == staged
    assert own.slices.get(EVENTS, HOUR, "run-1", 2) is None


def test_of_two_workers_one_gets_a_slice(own: Own) -> None:
    """The other one wrote over what is not there any more."""
    etag = own.slices.put(a_slice(1), None)
    own.slices.put(replace(a_slice(1), claim=Claim("faster", NOW)), etag)

    with pytest.raises(Conflict):
        own.slices.put(replace(a_slice(1), claim=Claim("slower", NOW)), etag)
    with pytest.raises(Conflict):
        own.slices.put(replace(a_slice(1), claim=Claim("third", NOW)), None)


def test_a_run_that_is_over_leaves_nothing(own: Own) -> None:
    """And takes nothing of another one with it."""
    own.slices.put(a_slice(1), None)
    own.slices.put(a_slice(1, "run-2"), None)

    own.slices.discard(EVENTS, HOUR, "run-1")

    assert own.slices.all(EVENTS, HOUR, "run-1") == []
    assert len(own.slices.all(EVENTS, HOUR, "run-2")) == 1


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES])
def test_state_of_any_size_comes_back_byte_for_byte(own: Own, size: int) -> None:
    """In one request, or in blocks; what was there before is gone."""
    body = bytes(number % 251 for number in range(min(size, 1000))) * (size // 1000 + 1)
    body = body[:size]
    own.state.put("acme/a", [b"before"])
    own.state.put("acme/a", [body[:7], body[7:]])

    found = own.state.read("acme/a")

    assert found is not None
    assert b"".join(found) == body


def test_a_folder_is_listed_and_its_blobs_deleted_one_by_one(own: Own) -> None:
    """Neighbours whose names begin alike are not listed; nothing there is fine."""
    assert own.state.names("acme/hour/") == []
    own.state.delete("acme/hour/a")
    for name in ("acme/hour/a", "acme/hour/b", "acme/hour2/a"):
        own.state.put(name, [b"x"])

    assert own.state.names("acme/hour/") == ["acme/hour/a", "acme/hour/b"]
    own.state.delete("acme/hour/a")

    assert own.state.read("acme/hour/a") is None
    assert own.state.read("acme/hour/b") is not None
    assert own.state.read("acme/hour2/a") is not None
    assert own.state.read("never") is None


@pytest.mark.parametrize("blocks", [[], [b"one"], [b"one", b"two", b"", b"three"]])
def test_state_that_is_sent_block_by_block_is_there_once_it_is_committed(
    own: Own, blocks: list[bytes]
) -> None:
    """Not before; and an empty one, too."""
    with own.state.upload("acme/spool") as upload:
        for block in blocks:
            upload.stage(block)
        assert own.state.read("acme/spool") is None
        upload.commit(md5=md5_base64(b"".join(blocks)))

    found = own.state.read("acme/spool")
    assert found is not None
    assert b"".join(found) == b"".join(blocks)
