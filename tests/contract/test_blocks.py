"""Staging in parallel: order, bounds and failures, with a server that takes its time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from exporter.domain.errors import Transient
from exporter.storage import blocks
from exporter.storage.blocks import BlockPool, StagedBlocks

SECONDS_MAX = 10
IN_FLIGHT_MAX = 3


@pytest.fixture
def pool() -> Iterator[BlockPool]:
    """Make a small pool, and end its threads."""
    small = BlockPool(threads=2, in_flight_max=IN_FLIGHT_MAX)
    yield small
    small.close()


def nothing(_block_id: str, _block: bytes) -> None:
    """Send a block to nowhere."""


def in_background(call: Callable[[], object]) -> threading.Thread:
    """Begin something that will have to wait."""
    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_staging_waits_while_too_many_blocks_are_under_way(pool: BlockPool) -> None:
    """Of all uploads together: that bounds the memory, however fast the rows come."""
    go_on, sent = threading.Semaphore(0), []

    def send(block_id: str, _block: bytes) -> None:
        go_on.acquire(timeout=SECONDS_MAX)
        sent.append(block_id)

    with StagedBlocks(send, pool, "one") as one, StagedBlocks(send, pool, "two") as two:
        one.stage(b"1")
        two.stage(b"2")
        one.stage(b"3")
        fourth = in_background(lambda: two.stage(b"4"))
        fourth.join(0.05)
        assert fourth.is_alive()

        go_on.release()
        fourth.join(SECONDS_MAX)
        assert not fourth.is_alive()
        for _ in range(IN_FLIGHT_MAX):
            go_on.release()
        ids = one.arrived() + two.arrived()

    assert sorted(sent) == sorted(ids)
    assert (one.size, two.size) == (2, 2)


def test_block_ids_tell_attempts_apart_and_have_one_length(pool: BlockPool) -> None:
    """However attempts are called: the service refuses blocks of a blob whose ids differ in length."""
    ids = []
    for attempt in ("a", "b", "x" * 100, "ü"):
        with StagedBlocks(nothing, pool, attempt) as staged:
            for _ in range(11):
                staged.stage(b"1")
            ids += staged.arrived()

    assert len(set(ids)) == 44
    assert {len(block_id) for block_id in ids} == {47}
    assert ids[:11] == sorted(ids[:11])


def test_a_failure_is_raised_by_what_comes_next(pool: BlockPool) -> None:
    """By a later block, and by the commit, each time it is tried."""

    def send(_block_id: str, _block: bytes) -> None:
        raise Transient("busy")

    with StagedBlocks(send, pool, "one") as staged:
        with suppress(Transient):
            for _ in range(100):
                staged.stage(b"1")
        for _ in range(2):
            with pytest.raises(Transient, match="busy"):
                staged.arrived()
        with pytest.raises(Transient, match="busy"):
            staged.stage(b"1")


def test_leaving_early_sends_no_more_than_what_is_under_way(pool: BlockPool) -> None:
    """What waits for a thread is dropped, and nobody is left behind."""
    go_on, begun = threading.Event(), []

    def send(block_id: str, _block: bytes) -> None:
        begun.append(block_id)
        go_on.wait(SECONDS_MAX)

    with StagedBlocks(send, pool, "one") as staged:
        for _ in range(IN_FLIGHT_MAX):
            staged.stage(b"1")
        leaving = threading.Timer(0.05, go_on.set)
        leaving.start()
    leaving.join()

    assert len(begun) == 2
    with StagedBlocks(nothing, pool, "two") as again:
        for _ in range(2 * IN_FLIGHT_MAX):
            again.stage(b"1")
        assert len(again.arrived()) == 2 * IN_FLIGHT_MAX


def test_nothing_is_no_block(pool: BlockPool) -> None:
    """The service refuses blocks without a byte."""
    with StagedBlocks(nothing, pool, "one") as staged:
        staged.stage(b"")
        assert staged.arrived() == []


def test_more_blocks_than_a_blob_can_have_are_refused(
    pool: BlockPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, instead of by the service when everything was sent."""
    monkeypatch.setattr(blocks, "BLOCKS_MAX", 2)
    with StagedBlocks(nothing, pool, "one") as staged:
        staged.stage(b"1")
        staged.stage(b"2")
        with pytest.raises(ValueError, match="more than 2 blocks"):
            staged.stage(b"3")


def test_a_pool_that_is_closed_takes_nothing_and_blocks_nobody(pool: BlockPool) -> None:
    """Whoever comes later is told, as often as they come."""
    pool.close()
    with StagedBlocks(nothing, pool, "one") as staged:
        for _ in range(2 * IN_FLIGHT_MAX):
            with pytest.raises(RuntimeError):
                staged.stage(b"1")
