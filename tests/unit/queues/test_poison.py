"""The functions that drain the poison queues: they never raise, and tell no one what they cannot read."""

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
# Whatever there is, and what is nearly a message.
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
    """A message of which not even the text can be had."""

    def get_body(self) -> bytes:
        """Raise."""
        raise RuntimeError("no body")


def failing(error: BaseException) -> Callable[[], Gateways]:
    """Return gateways that cannot be had."""

    def gateways() -> Gateways:
        raise error

    return gateways


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(BODIES)
def test_no_message_makes_it_raise(body: bytes) -> None:
    """No JSON, another version, a name that no table takes, or just what it should be."""
    world = a_world()

    record_hour(func.QueueMessage(body=body), "export-hours", lambda: world.gateways)
    verify_step_poison(func.QueueMessage(body=body))
    backfill_step_poison(func.QueueMessage(body=body))


@pytest.mark.parametrize(
    "error", [Transient("out of reach"), NotConfigured(()), Conflict("other"), OSError()]
)
def test_no_trouble_of_ours_makes_it_raise(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is configured, or the storage is out of reach at the first call or at the writing."""
    message = func.QueueMessage(body=EXPORT_HOURS.encode(TASK).encode())
    worlds = [a_world(world=World(crash_at=number, error=error)) for number in (1, 2)]

    record_hour(message, "export-hours", failing(error))
    for world in worlds:
        record_hour(message, "export-hours", lambda world=world: world.gateways)  # type: ignore[misc]  # a default

    # Who is overtaken looks again, and has something to record then.
    assert sum("could not be recorded" in each.message for each in caplog.records) == (
        1 if isinstance(error, Conflict) else 3
    )


def test_an_hour_is_recorded_and_logged_under_the_same_id(caplog: pytest.LogCaptureFixture) -> None:
    """So the operator finds what the customer was told."""
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


def test_what_cannot_be_read_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody knows what is in it; that it was there is."""
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


def test_a_step_that_was_given_up_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """A tick sends it again."""
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
def test_a_message_is_read_as_it_was_sent_by_this_release_and_those_before(sent: bytes, body: bytes) -> None:
    """They sent base64, which may still be in a queue when this one takes over."""
    assert body_of(func.QueueMessage(body=sent)) == body
