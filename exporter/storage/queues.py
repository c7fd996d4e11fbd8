"""Queues of our own account, and the queues of hours to export."""

import math
from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from azure.core.exceptions import HttpResponseError

from exporter.domain.ledger import HourTask
from exporter.storage.accounts import Account
from exporter.storage.errors import is_missing, or_create, own_storage
from exporter.storage.messages import QUEUE, encode

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

# A day. What waited longer is asked for again by any tick, if it is owed still.
TIME_TO_LIVE_SECONDS = 24 * 3600


class TextQueue:
    """A queue of texts; it is created with its first message."""

    def __init__(self, account: Account, queue: str) -> None:
        self._account = account
        self._queue = queue

    @cached_property
    def _client(self) -> "QueueClient":
        from azure.storage.queue import TextBase64EncodePolicy  # noqa: PLC0415  imported where it is needed

        # Base64, because that is what the Functions host expects.
        return self._account.queues.get_queue_client(
            self._queue, message_encode_policy=TextBase64EncodePolicy()
        )

    def send(self, texts: Iterable[str], delay: timedelta = timedelta()) -> None:
        """Queue texts, in their order; they are delivered after the delay, in whole seconds."""
        with own_storage():
            for text in texts:
                self._send(text, math.ceil(delay.total_seconds()))

    def waiting(self) -> int:
        """Return about how many messages are in the queue, those included that are being worked on."""
        with own_storage():
            try:
                return self._client.get_queue_properties().approximate_message_count or 0
            except HttpResponseError as error:
                if not is_missing(error):
                    raise
                return 0

    def _send(self, message: str, delay_seconds: int) -> None:
        or_create(
            lambda: self._client.send_message(
                message, visibility_timeout=delay_seconds, time_to_live=TIME_TO_LIVE_SECONDS
            ),
            self._client.create_queue,
        )


class ExportQueue:
    """A queue of hours to export."""

    def __init__(self, account: Account, queue: str = QUEUE) -> None:
        self._queue = TextQueue(account, queue)

    def send(self, tasks: Iterable[HourTask], *, delay: timedelta = timedelta()) -> None:
        """Queue tasks, in their order; they are delivered after the delay, in whole seconds."""
        self._queue.send(map(encode, tasks), delay)

    def waiting(self) -> int:
        """Return about how many messages are in the queue, those included that are being worked on."""
        return self._queue.waiting()
