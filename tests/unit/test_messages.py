"""Queue messages: what is sent is what the functions of the queues read."""

import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.backfill import BackfillStep
from exporter.domain.data_types import DataType
from exporter.domain.hour import Hour
from exporter.domain.hour_task import HourTask, SliceRef
from exporter.domain.notifications import Delivery, NotificationKind, notification
from exporter.domain.pulls import PullTask
from exporter.domain.streams import Stream, StreamKey
from exporter.domain.verification import VerifyStep
from exporter.messages import (
    BACKFILL_HOURS,
    BACKFILL_STEPS,
    EXPORT_HOURS,
    PULL_HOURS,
    VERIFY_STEPS,
    WEBHOOK_CALLS,
    WORK_QUEUES,
    QueueSpec,
)
from tests.support.worlds import EVENTS, HOUR, NOW

# By these the Functions host would override what it says about a message.
TAKEN = {
    "id",
    "dequeueCount",
    "popReceipt",
    "insertionTime",
    "expirationTime",
    "nextVisibleTime",
    "queueTrigger",
}
SAMPLES: dict[str, tuple[QueueSpec[Any], Any]] = {
    "hour": (EXPORT_HOURS, HourTask(EVENTS, HOUR)),
    "slice": (BACKFILL_HOURS, HourTask(EVENTS, HOUR, "backfill:b1", slice_ref=SliceRef("run", 7), round=2)),
    "backfill step": (BACKFILL_STEPS, BackfillStep("acme", "b1", 17)),
    "verify step": (VERIFY_STEPS, VerifyStep("acme", "v1", HOUR)),
    "pull": (PULL_HOURS, PullTask("acme", HOUR, "r1")),
    "webhook call": (
        WEBHOOK_CALLS,
        Delivery(notification(NotificationKind.BACKFILL_ENDED, "acme", NOW, "b1", failed_hours=0), 2),
    ),
}
HOUR_MESSAGE = json.loads(EXPORT_HOURS.encode(HourTask(EVENTS, HOUR)))

tasks = st.builds(
    HourTask,
    st.builds(
        StreamKey, st.text(min_size=1), st.builds(Stream, st.sampled_from(DataType), st.integers(0, 2**53))
    ),
    st.datetimes(timezones=st.just(UTC)).map(Hour.containing),
    st.text(),
)


@given(tasks)
def test_a_task_comes_out_as_it_went_in(task: HourTask) -> None:
    """Both as text and as bytes."""
    assert EXPORT_HOURS.parse(EXPORT_HOURS.encode(task)) == task
    assert EXPORT_HOURS.parse(EXPORT_HOURS.encode(task).encode()) == task


@pytest.mark.parametrize(("queue", "message"), SAMPLES.values(), ids=SAMPLES)
def test_every_message_comes_out_as_it_went_in(queue: QueueSpec[Any], message: object) -> None:
    """None of its keys means something to the host."""
    assert queue.parse(queue.encode(message)) == message
    assert queue.parse(queue.encode(message).encode()) == message
    assert not TAKEN & json.loads(queue.encode(message)).keys()


def test_there_is_a_sample_for_each_queue() -> None:
    """So that every queue is tested here; each has a name of its own."""
    assert {queue.name for queue, _ in SAMPLES.values()} == {queue.name for queue in WORK_QUEUES}
    assert len({queue.name for queue in WORK_QUEUES}) == len(WORK_QUEUES)


def test_a_message_is_plain_json_without_optional_keys() -> None:
    """Other versions of the exporter read it too."""
    assert {
        "v": 1,
        "destination": "acme",
        "data_type": "events",
        "source_id": 187520,
        "hour": HOUR.key,
        "requested_by": "schedule",
    } == HOUR_MESSAGE


@pytest.mark.parametrize(("queue", "message"), SAMPLES.values(), ids=SAMPLES)
def test_a_malformed_message_is_refused_with_its_queue_and_what_is_wrong(
    queue: QueueSpec[Any], message: object
) -> None:
    """Not JSON, another version, an unknown key, a missing key: no value is made up."""
    good = json.loads(queue.encode(message))
    optional = {"tries", "slice_ref", "round", "run"}
    bad: list[str | bytes] = [
        *("", "no json", "[]", b"\xff"),
        json.dumps({**good, "v": 2}),
        json.dumps({**good, "more": 1}),
        *(json.dumps({key: good[key] for key in good if key != gone}) for gone in good.keys() - optional),
    ]
    for body in bad:
        with pytest.raises(ValueError, match=f"not a message of the queue {queue.name}: "):
            queue.parse(body)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"data_type": "rows"}, "data_type"),
        ({"source_id": "1"}, "source_id"),
        ({"hour": "2020-01-25T17:00"}, "hour"),
        ({"slice_ref": {"sliced_id": "r", "number": 1, "more": 1}}, "more"),
        ({"slice_ref": {"sliced_id": "r"}}, "number"),
    ],
)
def test_a_wrong_value_is_named(changes: dict[str, object], what: str) -> None:
    """At every level."""
    with pytest.raises(ValueError, match=f"not a message of the queue export-hours: .*{what}"):
        EXPORT_HOURS.parse(json.dumps(HOUR_MESSAGE | changes))
