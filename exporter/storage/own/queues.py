"""Queues of our own account."""

import math
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import HttpResponseError, ResourceExistsError

from exporter.messages import WORK_QUEUES, QueueSpec
from exporter.storage.clients import Account
from exporter.storage.own.errors import create_if_missing, own_storage
from exporter.storage.sdk_errors import is_missing

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

# One day, from its first delivery on. A message that waited longer is sent again by the next tick, if its
# hour or step is still owed.
TIME_TO_LIVE_SECONDS = 24 * 3600
# Few messages are sent one by one, more by so many threads: a call takes some 20 ms in Azure.
ONE_BY_ONE_MAX = 32
SENDERS = 8


class Queue[Message]:
    """A queue of messages; its first message creates it.

    Messages are sent as plain JSON. With ``base64`` they are encoded, as Functions expects by default: for a
    queue that other programs read.
    """

    def __init__(self, account: Account, spec: QueueSpec[Message], *, base64: bool = False) -> None:
        self._account = account
        self._spec = spec
        self._base64 = base64

    @cached_property
    def _client(self) -> "QueueClient":
        from azure.storage.queue import TextBase64EncodePolicy  # noqa: PLC0415  the SDK takes 0.3 s to import

        policy = TextBase64EncodePolicy() if self._base64 else None
        return self._account.queues.get_queue_client(self._spec.name, message_encode_policy=policy)

    def send(self, messages: Iterable[Message], *, delay: timedelta = timedelta()) -> None:
        """Send messages in about their order; each is delivered after the delay, rounded up to whole seconds.

        The first one creates the queue if it is missing. Several threads send many messages.
        """
        seconds = math.ceil(delay.total_seconds())
        texts = map(self._spec.encode, messages)
        with own_storage():
            for text in islice(texts, ONE_BY_ONE_MAX):
                self._send(text, seconds)
            rest = list(texts)
            if rest:
                with ThreadPoolExecutor(SENDERS) as senders:
                    deque(senders.map(self._send, rest, repeat(seconds)), maxlen=0)

    def waiting(self) -> int:
        """Return about how many messages are in the queue, those being worked on included."""
        with own_storage():
            return _length(self._client)

    def oldest(self) -> datetime | None:
        """Return when the first of the messages was sent that a worker could take now."""
        with own_storage():
            try:
                first = self._client.peek_messages(max_messages=1)
            except HttpResponseError as error:
                if not is_missing(error):
                    raise
                return None
        return first[0].inserted_on if first else None

    def _send(self, text: str, delay_seconds: int) -> None:
        create_if_missing(
            lambda: self._client.send_message(
                text,
                visibility_timeout=delay_seconds,
                # The service deletes a message at its end, and the longest delay is a day itself.
                time_to_live=delay_seconds + TIME_TO_LIVE_SECONDS,
            ),
            self._client.create_queue,
        )


def _length(client: "QueueClient") -> int:
    try:
        return client.get_queue_properties().approximate_message_count or 0
    except HttpResponseError as error:
        if not is_missing(error):
            raise
        return 0


class NoQueue:
    """A queue that the settings do not name: its messages are dropped."""

    def send(self, messages: Iterable[object], *, delay: timedelta = timedelta()) -> None:
        """Drop the messages."""

    def waiting(self) -> int:
        """Return 0."""
        return 0

    def oldest(self) -> None:
        """Return None."""


class OwnQueues:
    """The work queues with their poison queues."""

    def __init__(self, account: Account, queues: Iterable[QueueSpec[Any]] = WORK_QUEUES) -> None:
        self._account = account
        self._names = [name for queue in queues for name in (queue.name, queue.poison)]

    def lengths(self) -> dict[str, int]:
        """Return about how many messages each queue has, by its name; a call for each queue.

        Messages being worked on are included. A queue that does not exist has none.
        """
        with own_storage():
            return {name: _length(self._account.queues.get_queue_client(name)) for name in self._names}

    def ensure(self) -> None:
        """Create each queue that does not exist: one call if all do.

        One that is being deleted is left to a later call.
        """
        with own_storage():
            existing = {queue.name for queue in self._account.queues.list_queues()}
            for name in self._names:
                if name not in existing:
                    with suppress(ResourceExistsError):
                        self._account.queues.create_queue(name)
