"""Polling a queue for one function, and settling its messages.

At least once, as in Azure: a message is deleted after its function has succeeded. After a failure it comes
back when ``visibilityTimeout`` is over; after ``maxDequeueCount`` failures it moves to ``<queue>-poison``.
"""

import base64
import binascii
import json
import logging
import threading
from datetime import timedelta

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage

from infra.local.host import clock
from infra.local.host.functions import Function
from infra.local.host.invoker import Invoker
from infra.local.host.message_lease import MessageLease
from infra.local.host.messages import QueueBody
from infra.local.host.settings import QueueSettings
from infra.local.host.storage import Trouble, send

POLL_SECONDS_MIN = 0.1
POISON_SUFFIX = "-poison"
_log = logging.getLogger("host")

type Metadata = dict[str, str | int]


class QueueListener:
    """Feeds the messages of a queue to a function, as many at a time as host.json allows."""

    def __init__(
        self,
        function: Function,
        clients: tuple[QueueClient, QueueClient],
        settings: QueueSettings,
        invoker: Invoker,
    ) -> None:
        self._function = function
        self._queue, poison = clients
        # A failed message of a poison queue has nowhere to go: it stays hidden for the rest of its lease.
        self._poison = None if self._queue.queue_name.endswith(POISON_SUFFIX) else poison
        self._settings = settings
        self._invoker = invoker
        self._trouble = Trouble(f"{function.name}, queue {self._queue.queue_name}")
        self._changed = threading.Condition()
        self._running = 0
        self._woken = False
        self._stopping = False

    def wake(self) -> None:
        """Look again now: something may have been queued."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Receive no more."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def settled(self, seconds: float) -> bool:
        """Wait, but not longer than this, until every received message is dealt with."""
        with self._changed:
            return self._changed.wait_for(lambda: self._running == 0, seconds)

    def listen(self) -> None:
        """Poll until stopped; while there is nothing, ever less often, up to ``maxPollingInterval``."""
        longest = max(self._settings.max_polling_interval.total_seconds(), POLL_SECONDS_MIN)
        delay = POLL_SECONDS_MIN
        while self._has_room():
            if self._poll():
                delay = POLL_SECONDS_MIN
                continue
            with self._changed:
                woken = self._changed.wait_for(lambda: self._woken or self._stopping, delay)
            delay = POLL_SECONDS_MIN if woken else min(2 * delay, longest)

    def _has_room(self) -> bool:
        """Wait until another batch may be fetched; false when stopped."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._running <= self._settings.new_batch_threshold or self._stopping
            )
            self._woken = False
            return not self._stopping

    def _poll(self) -> bool:
        """Receive a batch and start on it; tell whether there was anything. No queue is an empty queue."""
        size = self._settings.batch_size
        try:
            batch = list(
                self._queue.receive_messages(
                    messages_per_page=size,
                    max_messages=size,
                    visibility_timeout=self._settings.lease_seconds,
                )
            )
        except ResourceNotFoundError:
            batch = []
        except AzureError as error:
            self._trouble.report(error)
            return False
        self._trouble.over()
        with self._changed:
            self._running += len(batch)
        for message in batch:
            threading.Thread(
                target=self._work, args=(message,), name=self._function.name, daemon=True
            ).start()
        return bool(batch)

    def _work(self, message: QueueMessage) -> None:
        """Deal with one message. If storage fails, it comes back when its lease is over."""
        try:
            self._deliver(message)
        except AzureError as error:
            self._trouble.report(error)
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _deliver(self, message: QueueMessage) -> None:
        body = self._decoded(message.content or "")
        if body is None:
            self._give_up(message, "cannot be decoded")
        elif (message.dequeue_count or 0) > self._settings.max_dequeue_count:
            self._give_up(message, "was received too often")
        else:
            text = body.decode("utf-8", "replace")
            with MessageLease(self._queue, message, self._settings.lease_seconds):
                outcome = self._invoker.run(self._function, QueueBody(text), message_metadata(message, text))
            self._settle(message, failed=outcome.error is not None)

    def _settle(self, message: QueueMessage, *, failed: bool) -> None:
        try:
            if not failed:
                self._queue.delete_message(message)
            elif (message.dequeue_count or 0) >= self._settings.max_dequeue_count:
                self._give_up(message, f"failed {message.dequeue_count} times")
            elif self._poison is not None:
                delay = self._settings.visibility_timeout
                self._queue.update_message(
                    message.id, message.pop_receipt, visibility_timeout=int(delay.total_seconds())
                )
        except ResourceNotFoundError:
            _log.warning("%s: its message has gone, or was received again", self._function.name)

    def _give_up(self, message: QueueMessage, why: str) -> None:
        """Move a message to the poison queue, as it is."""
        if self._poison is not None:
            _log.warning(
                "%s: message %s %s, moved to %s",
                *(self._function.name, message.id, why, self._poison.queue_name),
            )
            send(self._poison, message.content or "")
            self._queue.delete_message(message)

    def _decoded(self, text: str) -> bytes | None:
        if not self._settings.base64:
            return text.encode()
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return None


def message_metadata(message: QueueMessage, text: str) -> Metadata:
    """Return what the function may ask of a message besides its text.

    As in the host, top-level keys of a JSON message stand in for properties of the same name.
    """
    metadata: Metadata = {
        "QueueTrigger": text,
        "Id": message.id,
        "DequeueCount": message.dequeue_count or 0,
        "PopReceipt": message.pop_receipt or "",
    }
    times = {
        "InsertionTime": message.inserted_on,
        "ExpirationTime": message.expires_on,
        "NextVisibleTime": message.next_visible_on,
    }
    metadata |= {name: time.isoformat() for name, time in times.items() if time}
    return metadata | _overrides(text, metadata)


def hand_made_metadata(text: str) -> Metadata:
    """Return the metadata of a message that never was in a queue: the admin endpoint's."""
    now = clock.now()
    message = QueueMessage(
        text,
        id="admin",
        dequeue_count=1,
        inserted_on=now,
        expires_on=now + timedelta(days=7),
        next_visible_on=now,
    )
    return message_metadata(message, text)


def _overrides(text: str, metadata: Metadata) -> Metadata:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(document, dict):
        return {}
    names = {name.lower(): name for name in metadata}
    return {
        names.get(str(key).lower(), str(key)): str(value)
        for key, value in document.items()
        if isinstance(value, str | int | float)
    }
