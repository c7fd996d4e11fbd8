"""Poll a queue for one function; delete, return or move each message afterwards.

Delivery is at least once, as in Azure: a message is deleted after its function has succeeded. After a failure
it is visible again after ``visibilityTimeout``; after ``maxDequeueCount`` failures it moves to
``<queue>-poison``.
"""

import base64
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from azure.core.exceptions import (
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.queue import QueueClient, QueueMessage

from infra.local.host import clock
from infra.local.host.functions import Function, QueueTrigger
from infra.local.host.invoker import Invoker
from infra.local.host.log_levels import LogLevels
from infra.local.host.message_lease import MessageLease
from infra.local.host.messages import QueueBody
from infra.local.host.settings import QueueSettings
from infra.local.host.storage import Trouble, send

POLL_SECONDS_MIN = 0.1
POISON_SUFFIX = "-poison"
# The real host tries so often to reach storage before it ends. It waits 0.8, 1.6, 3.2, 6.4 and 12.8 seconds
# in between: about half a minute.
TRIES_MAX = 6
FIRST_WAIT_SECONDS = 0.8
# The category of the records of the host's own SDK.
SDK_CATEGORY = "Azure.Core"
_log = logging.getLogger("host")

type Metadata = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class ListenerHost:
    """What a host passes to its listeners. They call ``storage_lost`` when storage cannot be reached."""

    settings: QueueSettings
    invoker: Invoker
    levels: LogLevels
    storage_lost: Callable[[], None]


class QueueListener:
    """Runs a function for each message of a queue, as many at a time as host.json allows."""

    def __init__(
        self,
        function: Function,
        trigger: QueueTrigger,
        clients: tuple[QueueClient, QueueClient],
        host: ListenerHost,
    ) -> None:
        self._function = function
        self._trigger = trigger
        self._queue, poison = clients
        # A failed message of a poison queue is not moved: it stays hidden for the rest of its lease.
        self._poison = None if self._queue.queue_name.endswith(POISON_SUFFIX) else poison
        self._settings = host.settings
        self._invoker = host.invoker
        self._host = host
        self._trouble = Trouble(f"{function.name}, queue {self._queue.queue_name}")
        self._changed = threading.Condition()
        self._running = 0
        self._woken = False
        self._stopping = False

    def wake(self) -> None:
        """Poll at once: there may be a new message."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Receive no more messages."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def settled(self, seconds: float) -> bool:
        """Wait until every received message is settled, but no longer than that; return whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._running == 0, seconds)

    def listen(self) -> None:
        """Poll until stopped. Each empty poll doubles the wait, up to ``maxPollingInterval``."""
        longest = max(self._settings.max_polling_interval.total_seconds(), POLL_SECONDS_MIN)
        delay = POLL_SECONDS_MIN
        while self._has_room():
            found = self._poll_patiently()
            if found is None:
                self._host.storage_lost()
                return
            if found:
                delay = POLL_SECONDS_MIN
                continue
            with self._changed:
                woken = self._changed.wait_for(lambda: self._woken or self._stopping, delay)
            delay = POLL_SECONDS_MIN if woken else min(2 * delay, longest)

    def _has_room(self) -> bool:
        """Wait until another batch may be received; return false when stopped."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._running <= self._settings.new_batch_threshold or self._stopping
            )
            self._woken = False
            return not self._stopping

    def _poll_patiently(self) -> bool | None:
        """Poll, with retries while storage cannot be reached; return None if it stays unreachable."""
        wait = FIRST_WAIT_SECONDS
        for number in range(TRIES_MAX):
            found = self._poll()
            if found is not None:
                return found
            with self._changed:
                if number + 1 < TRIES_MAX and self._changed.wait_for(lambda: self._stopping, wait):
                    return False
            wait *= 2
        return None

    def _poll(self) -> bool | None:
        """Receive a batch, start its invocations and return whether it had messages.

        A missing queue counts as empty. Returns None if storage cannot be reached.
        """
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
            self._complain()
            batch = []
        except Exception as error:  # noqa: BLE001  nothing that one poll raises may end the polling
            self._trouble.report(error)
            return None if isinstance(error, ServiceRequestError | ServiceResponseError) else False
        self._trouble.over()
        with self._changed:
            self._running += len(batch)
        for message in batch:
            threading.Thread(
                target=self._work, args=(message,), name=self._function.name, daemon=True
            ).start()
        return bool(batch)

    def _complain(self) -> None:
        """Warn at each poll that the queue does not exist, as the real host's SDK does."""
        if self._host.levels.keeps(SDK_CATEGORY, logging.WARNING):
            _log.warning("%s: 404, the queue %s does not exist", SDK_CATEGORY, self._queue.queue_name)

    def _work(self, message: QueueMessage) -> None:
        """Work on one message. If storage fails, it is visible again when its lease ends."""
        try:
            self._deliver(message)
        except Exception as error:  # noqa: BLE001  as above
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
            metadata = message_metadata(message, body, self._trigger)
            with MessageLease(self._queue, message, self._settings.lease_seconds):
                outcome = self._invoker.run(self._function, queue_body(body, self._trigger), metadata)
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
            _log.warning("%s: the message was deleted, or received by another host", self._function.name)

    def _give_up(self, message: QueueMessage, why: str) -> None:
        """Move a message to the poison queue, unchanged."""
        if self._poison is not None:
            _log.warning(
                "%s: message %s %s, moved to %s",
                *(self._function.name, message.id, why, self._poison.queue_name),
            )
            send(self._poison, message.content or "")
            self._queue.delete_message(message)

    def _decoded(self, text: str) -> str | None:
        """Return a message's text; None if it cannot be decoded: such a message reaches no function."""
        if not self._settings.base64:
            return text
        try:
            return base64.b64decode(text, validate=True).decode()
        except ValueError:
            return None


def queue_body(text: str, trigger: QueueTrigger) -> QueueBody:
    """Return a message's content as text or bytes, as the function asks."""
    return QueueBody(text.encode() if trigger.binary else text)


def message_metadata(message: QueueMessage, text: str, trigger: QueueTrigger) -> Metadata:
    """Return the properties of a message besides its content.

    As in the host, a top-level key of a JSON message replaces the property of the same name, unless the
    function gets bytes.
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
    return metadata if trigger.binary else metadata | _overrides(text, metadata)


def hand_made_metadata(text: str, trigger: QueueTrigger) -> Metadata:
    """Return the metadata of a message that comes from the admin endpoint and not from a queue."""
    now = clock.now()
    message = QueueMessage(
        text,
        id="admin",
        dequeue_count=1,
        inserted_on=now,
        expires_on=now + timedelta(days=7),
        next_visible_on=now,
    )
    return message_metadata(message, text, trigger)


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
