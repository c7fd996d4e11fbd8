"""Turns: large hours one at a time, small ones together, and one that computes while others wait."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest

from exporter.domain.errors import Busy
from exporter.export.work_slots import LARGE_BYTES, SMALL_BYTES_MAX, Request, WorkSlots

SOON = timedelta(milliseconds=50)
SECONDS_MAX = 10.0


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """Return threads to work in."""
    with ThreadPoolExecutor(8) as pool:
        yield pool


class Watch:
    """Counts how many are within at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def __enter__(self) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._now -= 1


def all_of(futures: list[Future[None]]) -> None:
    """Wait for all."""
    for future in futures:
        future.result(SECONDS_MAX)


def test_of_large_hours_one_is_staged_at_a_time(threads: ThreadPoolExecutor) -> None:
    """Even while it waits for storage: what it holds in memory, it holds all the time."""
    turns, watch = WorkSlots(), Watch()

    def stage() -> None:
        with turns.staging(LARGE_BYTES) as turn, watch, turn.computing(), turn.waiting():
            threading.Event().wait(0.01)

    all_of([threads.submit(stage) for _ in range(8)])

    assert watch.most == 1


def test_slices_of_an_hour_have_their_turns_in_their_order(threads: ThreadPoolExecutor) -> None:
    """In whatever order their threads request them; other hours keep their places in the queue."""
    turns, staged = WorkSlots(), list[object]()

    def stage(hour: str, number: int) -> None:
        with turns.staging(LARGE_BYTES, Request(hour, number)):
            staged.append((hour, number))

    futures = []
    with turns.staging(LARGE_BYTES, Request("a", 1)):
        for waiting, (hour, number) in enumerate((("a", 3), ("b", 1), ("a", 5), ("a", 2), ("a", 4)), start=1):
            futures.append(threads.submit(stage, hour, number))
            while len(turns._large._waiting) < waiting:
                threading.Event().wait(0.001)
    all_of(futures)

    assert staged == [("a", 2), ("a", 3), ("b", 1), ("a", 4), ("a", 5)]


def test_small_hours_are_staged_together_also_beside_a_large_one(threads: ThreadPoolExecutor) -> None:
    """As many as there is room for: each waits until all of them have begun."""
    turns = WorkSlots()
    size = SMALL_BYTES_MAX // 7
    together = threading.Barrier(8)

    def stage(size: int) -> None:
        with turns.staging(size) as turn, turn.computing(), turn.waiting():
            together.wait(SECONDS_MAX)

    all_of([threads.submit(stage, each) for each in (100 * LARGE_BYTES, *[size] * 7)])


def test_small_hours_do_not_take_more_room_than_there_is() -> None:
    """The next one waits until another gives its room back, and not for ever."""
    turns = WorkSlots(wait=SOON)
    with ExitStack() as staged:
        staged.enter_context(turns.staging(LARGE_BYTES - 1))
        other = staged.enter_context(ExitStack())
        other.enter_context(turns.staging(LARGE_BYTES - 1))
        left = SMALL_BYTES_MAX - 2 * (LARGE_BYTES - 1)
        with pytest.raises(Busy, match="no work slot"), turns.staging(left + 1):
            pass
        other.close()
        with turns.staging(left + 1):
            pass


def test_a_large_hour_that_waits_too_long_gives_up_and_the_next_has_its_turn() -> None:
    """So that no message outlasts the time that a function has."""
    turns = WorkSlots(wait=SOON)
    with turns.staging(LARGE_BYTES), pytest.raises(Busy), turns.staging(LARGE_BYTES):
        pass

    with turns.staging(LARGE_BYTES):
        pass


@pytest.mark.parametrize("computing_max", [1, 2])
def test_no_more_compute_at_once_than_may(threads: ThreadPoolExecutor, computing_max: int) -> None:
    """However many are staged; those that wait for storage do not count."""
    turns, watch = WorkSlots(computing_max), Watch()

    def stage() -> None:
        with turns.staging(1) as turn, turn.computing():
            for _ in turn.read(iter(range(5))):
                with watch:
                    threading.Event().wait(0.001)

    all_of([threads.submit(stage) for _ in range(8)])

    assert watch.most == computing_max


def test_what_waits_for_storage_lets_others_compute(threads: ThreadPoolExecutor) -> None:
    """A piece that never comes, and a block that is never taken, would hold up no other hour."""
    turns, come = WorkSlots(), threading.Event()

    def pieces() -> Iterator[int]:
        come.wait(SECONDS_MAX)
        yield 1

    def stage() -> None:
        with turns.staging(1) as turn, turn.computing():
            assert list(turn.read(pieces())) == [1]

    waiting = threads.submit(stage)
    with turns.staging(1) as turn, turn.computing():
        come.set()
    all_of([waiting])


def test_turns_go_round(threads: ThreadPoolExecutor) -> None:
    """One that computes again and again does not keep another waiting to its end."""
    turns, begun = WorkSlots(), threading.Event()
    ended: list[str] = []

    def long() -> None:
        with turns.staging(1) as turn, turn.computing():
            begun.set()
            for _ in turn.read(iter(range(200))):
                threading.Event().wait(0.002)
            ended.append("long")

    def short() -> None:
        begun.wait(SECONDS_MAX)
        with turns.staging(1) as turn, turn.computing():
            ended.append("short")

    all_of([threads.submit(long), threads.submit(short)])

    assert ended == ["short", "long"]


@pytest.mark.parametrize("where", ["reading", "sending"])
def test_a_failure_gives_everything_back(where: str) -> None:
    """The next hour has its turn, large or small."""
    turns = WorkSlots(wait=SOON)

    def pieces() -> Iterator[int]:
        yield 1
        raise OSError(where)

    def fail(act: Callable[[], None]) -> None:
        for size in (1, LARGE_BYTES):
            with pytest.raises(OSError, match=where):
                act_on(size, act)

    def act_on(size: int, act: Callable[[], None]) -> None:
        with turns.staging(size) as turn, turn.computing():
            if where == "sending":
                with turn.waiting():
                    act()
            list(turn.read(pieces()))

    def send() -> None:
        raise OSError(where)

    fail(send)
    for size in (SMALL_BYTES_MAX // 2 - 1, LARGE_BYTES):
        with turns.staging(size) as turn, turn.computing():
            pass
