"""The poison queues: their functions never raise, and log no unreadable text."""

import base64
import json
import logging
from collections.abc import Callable

import azure.functions as func
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.domain.backfill import BackfillStep
from exporter.domain.errors import Conflict, NotConfigured, Transient
from exporter.domain.hour_record import HourStatus
from exporter.domain.verification import VerifyStep
from exporter.messages import BACKFILL_STEPS, EXPORT_HOURS, VERIFY_STEPS
from exporter.ports import Gateways
from exporter.queues.bindings import body_of
from exporter.queues.poison import backfill_step_poison, record_hour, verify_step_poison
from tests.support.fakes.world import World
from tests.support.worlds import HOUR, TASK, a_world, the_record

MESSAGE = json.loads(EXPORT_HOURS.encode(TASK))
# Arbitrary bytes, and bytes similar to a message.
BODIES = st.one_of(
    st.binary(),
    st.text().map(str.encode),
    st.recursive(st.none() | st.integers() | st.text(), st.lists).map(
        lambda value: json.dumps(value).encode()
    ),
    st.dictionaries(
        st.sampled_from(sorted(MESSAGE)), st.none() | st.integers() | st.text() | st.just("events")
    ).map(lambda changes: json.dumps(MESSAGE | changes).encode()),
)


class Unreadable(func.QueueMessage):
    """A message whose body cannot be read."""

    def get_body(self) -> bytes:
        """Raise."""
        raise RuntimeError("no body")


def failing(error: BaseException) -> Callable[[], Gateways]:
    """Return gateways that raise."""

    def gateways() -> Gateways:
        raise error

    return gateways


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(BODIES)
def test_no_message_raises(body: bytes) -> None:
    """No JSON, another version, an invalid key, or a valid message."""
    world = a_world()

    record_hour(func.QueueMessage(body=body), "export-hours", lambda: world.gateways)
    verify_step_poison(func.QueueMessage(body=body))
    backfill_step_poison(func.QueueMessage(body=body))


@pytest.mark.parametrize(
    "error", [Transient("out of reach"), NotConfigured(()), Conflict("other"), OSError()]
)
def test_no_error_of_the_exporter_raises(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Missing settings, or storage that fails at the first call or at the write."""
    message = func.QueueMessage(body=EXPORT_HOURS.encode(TASK).encode())
    worlds = [a_world(world=World(crash_at=number, error=error)) for number in (1, 2)]

    record_hour(message, "export-hours", failing(error))
    for world in worlds:
        record_hour(message, "export-hours", lambda world=world: world.gateways)  # type: ignore[misc]  # a default

    # After a conflict the function reads again, and then records.
    assert sum("could not be recorded" in each.message for each in caplog.records) == (
        1 if isinstance(error, Conflict) else 3
    )


def test_an_hour_is_recorded_and_logged_under_the_same_id(caplog: pytest.LogCaptureFixture) -> None:
    """The operator finds the log line with the id in the answer."""
    world = a_world()

    record_hour(
        func.QueueMessage(body=EXPORT_HOURS.encode(TASK).encode()), "export-hours", lambda: world.gateways
    )

    record = the_record(world)
    assert record.status is HourStatus.FAILED
    assert record.error is not None
    error_id = record.error.fix.rstrip(".").rpartition(" ")[2]
    assert [error_id in each.message for each in caplog.records] == [True]
    assert HOUR.key in caplog.text


def test_an_unreadable_message_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Only the fact is logged: the text may be a secret."""
    secret = "AccountKey=c2VjcmV0"  # noqa: S105  a made-up one
    messages = [
        func.QueueMessage(body=json.dumps(MESSAGE | {"hour": secret}).encode()),
        func.QueueMessage(body=secret.encode()),
        Unreadable(),
    ]

    for message in messages:
        record_hour(message, "export-hours", failing(AssertionError("not asked")))
        verify_step_poison(message)
        backfill_step_poison(message)

    assert secret not in caplog.text
    assert [each.levelno for each in caplog.records] == [logging.ERROR] * 3 * len(messages)


def test_a_step_that_was_given_up_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A tick queues it again."""
    verify_step_poison(func.QueueMessage(body=VERIFY_STEPS.encode(VerifyStep("acme", "v1", HOUR)).encode()))

    backfill_step_poison(
        func.QueueMessage(body=BACKFILL_STEPS.encode(BackfillStep("acme", "b1", 7)).encode())
    )

    assert "v1" in caplog.text
    assert "b1, step 7" in caplog.text


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (MESSAGE_TEXT := EXPORT_HOURS.encode(TASK).encode(), MESSAGE_TEXT),
        (base64.b64encode(MESSAGE_TEXT), MESSAGE_TEXT),
        (b"no json!", b"no json!"),
        (b"\xff", b"\xff"),
        (b"", b""),
    ],
)
def test_messages_of_this_and_earlier_releases_are_decoded(sent: bytes, body: bytes) -> None:
    """Earlier releases sent base64, which may still be in a queue after an upgrade."""
    assert body_of(func.QueueMessage(body=sent)) == body
