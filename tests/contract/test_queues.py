"""Our own queues: all are there after a tick, and their messages are the JSON that was sent."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue import QueueClient

from exporter.domain.hour_task import HourTask
from exporter.domain.notifications import Delivery, Notification, NotificationKind
from exporter.messages import EXPORT_HOURS, WEBHOOK_CALLS, WORK_QUEUES
from exporter.notify.notifications import WAITS
from exporter.storage.clients import Account
from exporter.storage.own.queues import OwnQueues, Queue
from infra.local import azurite
from tests.contract.backends import HOUR, KEY
from tests.contract.transports import CountsCalls
from tests.support.worlds import NOW

NAMES = sorted(name for queue in WORK_QUEUES for name in (queue.name, queue.poison))


@pytest.fixture
def transport() -> Iterator[CountsCalls]:
    """Return a transport that counts."""
    with CountsCalls() as counting:
        yield counting


@pytest.fixture
def account(transport: CountsCalls) -> Iterator[Account]:
    """Return an account that is empty."""
    with azurite.running() as endpoints:
        yield Account(endpoints.connection_string, transport=transport)


def test_all_queues_are_made_and_one_that_was_deleted_comes_back(
    account: Account, transport: CountsCalls
) -> None:
    """A look at them costs one call; so it may be taken at every tick."""
    account.queues.create_queue("somebody-elses")
    queues = OwnQueues(account)

    queues.ensure()
    assert names(account) == sorted([*NAMES, "somebody-elses"])

    account.queues.delete_queue(NAMES[3])
    queues.ensure()
    assert names(account) == sorted([*NAMES, "somebody-elses"])

    transport.made.clear()
    queues.ensure()
    assert len(transport.made) == 1


def test_every_queue_has_its_length_with_its_poison_queue(account: Account) -> None:
    """A queue that does not exist has no message."""
    Queue(account, EXPORT_HOURS).send([HourTask(KEY, HOUR)] * 3)
    account.queues.create_queue(WEBHOOK_CALLS.poison)
    account.queues.get_queue_client(WEBHOOK_CALLS.poison).send_message("given up")

    lengths = OwnQueues(account).lengths()

    assert sorted(lengths) == NAMES
    assert {name: count for name, count in lengths.items() if count} == {
        EXPORT_HOURS.name: 3,
        WEBHOOK_CALLS.poison: 1,
    }


def names(account: Account) -> list[str]:
    """Return the names of all queues."""
    return sorted(queue.name for queue in account.queues.list_queues())


def test_a_message_is_its_json_and_a_notice_for_others_is_base64(account: Account) -> None:
    """The host hands ours over as they are; whoever reads ``NOTICE_QUEUE`` may use Functions' default."""
    task = HourTask(KEY, HOUR)
    Queue(account, EXPORT_HOURS).send([task], delay=timedelta())
    told = Delivery(Notification("n1", NotificationKind.HOUR_EXPORTED, "acme", NOW, {"rows": 1}))
    Queue(account, replace(WEBHOOK_CALLS, name="for-others"), base64=True).send([told])
    Queue(account, WEBHOOK_CALLS).send([told])

    (sent,) = contents(account, "export-hours")
    assert sent == EXPORT_HOURS.encode(task)
    assert EXPORT_HOURS.parse(sent) == task
    assert [json.loads(each)["notice"] for each in contents(account, "webhook-calls")] == ["n1"]
    (published,) = contents(account, "for-others")
    assert not published.startswith("{")


def test_a_message_that_waits_for_a_day_is_delivered(account: Account, transport: CountsCalls) -> None:
    """The service deletes a message at the end of its time, which is longer than the longest wait."""
    told = Delivery(Notification("n1", NotificationKind.DESTINATION_HEALED, "acme", NOW, {}), tries=7)
    Queue(account, WEBHOOK_CALLS).send([told], delay=WAITS[-1])

    query = parse_qs(urlsplit(transport.made[-1][1]).query)
    assert int(query["messagettl"][0]) > int(query["visibilitytimeout"][0]) == WAITS[-1].total_seconds()


def contents(account: Account, queue: str) -> list[str]:
    """Return the messages of a queue, as they are stored."""
    client: QueueClient = account.queues.get_queue_client(queue)
    try:
        return [message.content for message in client.peek_messages(max_messages=32)]
    except ResourceNotFoundError:
        return []
