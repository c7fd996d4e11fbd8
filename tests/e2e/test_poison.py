"""Invalid messages: each ends with a line in the log, and none stays in a queue."""

import base64
import json
import re
import urllib.request
from collections import Counter
from contextlib import suppress
from datetime import timedelta

from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueClient, generate_queue_sas

from exporter.messages import WORK_QUEUES
from tests.support.installation import App, Installation, now

LINE = re.compile(r"ERROR .*: poison [0-9a-f]{32}: a message of (\S+) cannot be read")
UNREADABLE = {
    "no JSON, and no base64": b"no json!",
    "nothing": b"",
    "JSON of another shape": b"[1, 2]",
    "of a release to come": json.dumps({"v": 99, "destination": "acme"}).encode(),
    "base64 of what is no UTF-8": base64.b64encode(b"\xff\xfe\x00"),
    "bytes that are no UTF-8": b"\xff\xfe",
    "keys that mean something to the host": json.dumps(
        {"id": {}, "insertionTime": "yesterday", "dequeueCount": "often", "popReceipt": "mine"}
    ).encode(),
}


def test_no_message_ends_without_a_line_of_ours(installation: Installation) -> None:
    """Seven kinds, in each of the queues. The line names the queue and not the content."""
    for queue in WORK_QUEUES:
        for content in UNREADABLE.values():
            put(installation, queue.name, content)

    quick = {"AzureFunctionsJobHost__extensions__queues__maxDequeueCount": "2"}
    with installation.app(**quick) as app:
        wanted = dict.fromkeys((queue.name for queue in WORK_QUEUES), len(UNREADABLE))
        app.until(lambda: lines(app) == wanted, "a line for each message")
        app.until(lambda: left(installation) == 0, "nothing in any queue")

    assert lines(app) == wanted
    assert "yesterday" not in "".join(line for line in app.log.splitlines() if ": poison " in line)


def lines(app: App) -> dict[str, int]:
    """Return the number of messages of each queue in the log."""
    return dict(Counter(LINE.findall(app.log)))


def put(installation: Installation, queue: str, content: bytes) -> None:
    """Send unchanged bytes to a queue: the SDK would decode them first."""
    text = installation.connection_string
    with QueueClient.from_connection_string(text, queue) as client:
        with suppress(ResourceExistsError):
            client.create_queue()
        access = generate_queue_sas(
            *(str(client.account_name), queue),
            account_key=client.credential.account_key,
            permission="a",
            expiry=now() + timedelta(hours=1),
        )
        request = urllib.request.Request(  # noqa: S310  http to loopback
            f"{client.url}/messages?{access}",
            data=b"<QueueMessage><MessageText>%b</MessageText></QueueMessage>" % content,
            headers={"Content-Type": "application/xml", "x-ms-version": "2021-02-12"},
            method="POST",
        )
    with urllib.request.urlopen(request) as answer:  # noqa: S310  http to loopback
        assert answer.status == 201


def left(installation: Installation) -> int:
    """Return the number of messages in all queues, including hidden ones."""
    return sum(installation.waiting(name) for queue in WORK_QUEUES for name in (queue.name, queue.poison))
