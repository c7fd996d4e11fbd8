"""The queue trigger of the hours of sources."""

from concurrent.futures import ThreadPoolExecutor
from typing import cast

import azure.functions as func
import pytest

from exporter import wiring
from exporter.domain.errors import Busy
from exporter.domain.pulls import PullStatus, PullTask
from exporter.export.work_slots import WorkSlots
from exporter.messages import PULL_HOURS
from exporter.queues import pull
from exporter.queues.pull import BUSY_DELAY, PULLS_MAX, SMALL_BYTES_MAX, pull_hour, room_to_unpack
from exporter.settings import OwnStorage, Settings
from exporter.storage.own.queues import OwnQueues
from tests.support.pulling import HOUR, Pulling, answer, event, landed, numbers

TASK = PullTask("acme", HOUR)
MESSAGE = func.QueueMessage(body=PULL_HOURS.encode(TASK).encode())


@pytest.fixture
def pulling(monkeypatch: pytest.MonkeyPatch) -> Pulling:
    """Return the world of the process: one source, and an hour with a row."""
    found = Pulling()
    found.answers(answer([event(1)]))
    queues, turns = cast("OwnQueues", None), WorkSlots()
    app = wiring.App(Settings(OwnStorage(), ()), found.world.gateways, queues, lambda: 0, turns)
    monkeypatch.setattr(wiring, "_built", app)
    monkeypatch.setattr(wiring, "now", lambda: found.now)
    return found


def test_an_hour_is_pulled_and_the_next_one_is_queued(pulling: Pulling) -> None:
    """The queue never waits for the timer while hours are due."""
    pulling.wait(hours=1)

    pull_hour(MESSAGE)

    assert pulling.record.status is PullStatus.PULLED
    assert pulling.world.puller.queue.take() == [PullTask("acme", HOUR.plus(1))]


def test_a_process_pulls_as_many_hours_at_once_as_it_has_room_for(
    pulling: Pulling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two, so that both requests of a source are under way; a further message waits, and goes back then."""
    assert PULLS_MAX == 2
    monkeypatch.setattr(pull, "ROOM_WAIT_SECONDS", 0.01)
    for _ in range(PULLS_MAX):
        assert pull._room.acquire(blocking=False)
    try:
        pull_hour(MESSAGE)
    finally:
        pull._room.release(PULLS_MAX)

    assert pulling.world.puller.hours.get("acme", HOUR) is None
    assert pulling.world.puller.queue.delayed == [(TASK, BUSY_DELAY)]


def test_a_message_is_taken_as_soon_as_there_is_room(pulling: Pulling) -> None:
    """It waits in the process: no hour is late by the delay of a message that goes back."""
    for _ in range(PULLS_MAX):
        assert pull._room.acquire(blocking=False)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(pull_hour, MESSAGE)
        assert not waiting.done()
        assert pulling.world.puller.api.requests == []
        pull._room.release(PULLS_MAX)
        waiting.result(60)

    assert pulling.record.status is PullStatus.PULLED
    assert pulling.world.puller.queue.delayed == []


def test_one_large_answer_is_unpacked_at_a_time(pulling: Pulling, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one is stored meanwhile, and unpacked later; it is not asked for again."""
    large = SMALL_BYTES_MAX + 1
    monkeypatch.setattr(pull, "room_to_unpack", lambda _bytes: room_to_unpack(large, 0))
    with room_to_unpack(large, 0):
        pull_hour(MESSAGE)
        assert pulling.record.answer is not None
        assert (pulling.record.status, pulling.record.failures) == (PullStatus.OWED, 0)
        with pytest.raises(Busy), room_to_unpack(large, 0):
            pass
    assert landed(pulling.world) == []
    pulling.wait(seconds=30)

    pull_hour(MESSAGE)

    assert pulling.record.status is PullStatus.PULLED
    assert numbers(landed(pulling.world)) == [1]
    assert pulling.world.puller.api.requests == [HOUR]


def test_a_small_answer_does_not_wait_for_a_large_one(pulling: Pulling) -> None:
    """A large one may take minutes."""
    with room_to_unpack(SMALL_BYTES_MAX + 1, 0):
        pull_hour(MESSAGE)

    assert pulling.record.status is PullStatus.PULLED
