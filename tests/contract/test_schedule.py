"""The schedule, and the queue that it fills."""

from datetime import timedelta

from exporter.domain.data_types import DataType
from exporter.domain.hour import Hour
from exporter.domain.hour_task import HourTask
from exporter.domain.stream_progress import StreamProgress
from exporter.domain.streams import Stream, StreamKey
from tests.contract.backends import HOUR, KEY, Backend

MERGED_IDS = StreamKey("acme", Stream(DataType.MERGED_IDS, 189524))


def test_progress_is_kept_stream_by_stream(backend: Backend) -> None:
    """The latest word counts, whatever was there."""
    schedule = backend.gateways.schedule
    assert schedule.all() == {}
    assert schedule.get(KEY) is None

    schedule.put(KEY, StreamProgress(KEY, HOUR, HOUR))
    schedule.put(MERGED_IDS, StreamProgress(MERGED_IDS, HOUR, HOUR.plus(3)))
    schedule.put(KEY, StreamProgress(KEY, HOUR, HOUR.plus(9), place="acme|raw"))

    assert schedule.get(KEY) == StreamProgress(KEY, HOUR, HOUR.plus(9), place="acme|raw")
    assert schedule.all() == {
        KEY: StreamProgress(KEY, HOUR, HOUR.plus(9), place="acme|raw"),
        MERGED_IDS: StreamProgress(MERGED_IDS, HOUR, HOUR.plus(3)),
    }


def test_the_progress_of_many_streams_is_kept_at_once(backend: Backend) -> None:
    """More of them than fit into one transaction, in a table that is not there yet; the last one counts."""
    schedule = backend.gateways.schedule
    schedule.put_all({})
    keys = [StreamKey(f"d{number:03}", KEY.stream) for number in range(150)]
    schedule.put_all({key: StreamProgress(key, HOUR, HOUR) for key in keys})

    schedule.put_all({keys[7]: StreamProgress(keys[7], HOUR, HOUR.plus(9))})

    progress = {key: StreamProgress(key, HOUR, HOUR) for key in keys}
    assert schedule.all() == progress | {keys[7]: StreamProgress(keys[7], HOUR, HOUR.plus(9))}


def test_the_progress_of_some_streams_is_read_by_their_range(backend: Backend) -> None:
    """Both ends are in it; unreadable rows outside it are not reported."""
    schedule = backend.gateways.schedule
    keys = [StreamKey(name, KEY.stream) for name in ("acme", "acme-2", "b", "c", "d")]
    for key in keys:
        schedule.put(key, StreamProgress(key, HOUR, HOUR))
    for key in (keys[0], keys[3]):
        backend.spoil("schedule", "stream", str(key))

    found = schedule.between(keys[2], keys[3])

    assert found == {keys[2]: StreamProgress(keys[2], HOUR, HOUR)}
    assert [row.row_key for row in found.unreadable] == [str(keys[3])]


def test_progress_that_is_forgotten_is_gone_and_the_rest_stays(backend: Backend) -> None:
    """Forgetting what is not known is fine, even before anything ever was."""
    schedule = backend.gateways.schedule
    schedule.forget(KEY)
    for key in (KEY, MERGED_IDS):
        schedule.put(key, StreamProgress(key, HOUR, HOUR))

    for _ in range(2):
        schedule.forget(KEY)

    assert schedule.all() == {MERGED_IDS: StreamProgress(MERGED_IDS, HOUR, HOUR)}


def test_tasks_are_queued_in_their_order(backend: Backend) -> None:
    """And say what they are for when they come out."""
    hours = backend.gateways.hours
    assert hours.waiting() == 0
    tasks = [HourTask(KEY, HOUR), HourTask(MERGED_IDS, Hour.parse("2020-01-31T23"), "backfill:7")]

    hours.send(iter(tasks))
    hours.send([])

    assert hours.waiting() == 2
    assert backend.sent() == tasks
    assert hours.waiting() == 0


def test_many_tasks_are_queued_each_once(backend: Backend) -> None:
    """Several threads send them, so only about in their order."""
    hours = backend.gateways.hours
    tasks = [HourTask(KEY, HOUR.plus(number)) for number in range(100)]

    hours.send(iter(tasks))

    assert hours.waiting() == 100
    taken = [*backend.sent(), *backend.sent(), *backend.sent(), *backend.sent()]
    assert sorted(task.hour for task in taken) == [task.hour for task in tasks]


def test_the_oldest_task_says_when_it_was_sent(backend: Backend) -> None:
    """By the clock of the queue; a delayed one does not count, because no worker could take it."""
    hours = backend.gateways.hours
    assert hours.oldest() is None
    hours.send([HourTask(KEY, HOUR)], delay=timedelta(seconds=30))
    assert hours.oldest() is None

    hours.send([HourTask(KEY, HOUR)])

    found = hours.oldest()
    assert found is not None
    assert found.tzinfo is not None
    backend.sent()
    assert hours.oldest() is None


def test_a_delayed_message_is_in_the_queue_but_not_delivered_yet(backend: Backend) -> None:
    """It counts as waiting, and comes out only when its time is over."""
    hours = backend.gateways.hours

    hours.send([HourTask(KEY, HOUR)], delay=timedelta(seconds=30))

    assert backend.sent() == []
    assert hours.waiting() == 1
