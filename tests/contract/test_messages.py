"""Messages of the queue of hours: what is sent is what the trigger reads."""

import json
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.domain.hour import Hour
from exporter.domain.hour_task import HourTask
from exporter.domain.streams import DataType, Stream, StreamKey
from exporter.storage.own.messages import encode, parse
from tests.contract.backends import HOUR, KEY

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
MESSAGE = json.loads(encode(HourTask(KEY, HOUR)))

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
    """Whether it is read as text or as bytes."""
    assert parse(encode(task)) == task
    assert parse(encode(task).encode()) == task


def test_a_message_says_what_it_is_for_in_plain_json() -> None:
    """Other versions of the exporter read it too, and none of its keys means something to the host."""
    assert MESSAGE == {
        "v": 1,
        "destination": "acme",
        "data_type": "events",
        "source_id": 187520,
        "hour": "2020-01-25T17",
        "requested_by": "schedule",
    }
    assert not TAKEN & MESSAGE.keys()


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ("", ""),
        ("no json", ""),
        ("[]", ""),
        (b"\xff", ""),
        (json.dumps({**MESSAGE, "v": 2}), "v"),
        (json.dumps({**MESSAGE, "more": 1}), "more"),
        (json.dumps({**MESSAGE, "data_type": "rows"}), "data_type"),
        (json.dumps({**MESSAGE, "source_id": "1"}), "source_id"),
        (json.dumps({**MESSAGE, "hour": "2020-01-25T17:00"}), "hour"),
        *((json.dumps({key: MESSAGE[key] for key in MESSAGE if key != gone}), gone) for gone in MESSAGE),
    ],
)
def test_a_malformed_message_is_refused_with_what_is_wrong(message: str | bytes, what: str) -> None:
    """Nothing is made up for it."""
    with pytest.raises(ValueError, match=f"not a message of the queue of hours: .*{what}"):
        parse(message)
