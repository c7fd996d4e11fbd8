"""Queues of our own account: all that there have to be, and the queues of hours to export."""

import math
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from azure.core.exceptions import HttpResponseError, ResourceExistsError

from exporter.domain.hour_task import HourTask
from exporter.storage.clients import Account
from exporter.storage.own import backfill_steps, notifications, verify_steps
from exporter.storage.own.errors import create_if_missing, own_storage
from exporter.storage.own.messages import BACKFILL_QUEUE, QUEUE, encode, poison_queue
from exporter.storage.sdk_errors import is_missing

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

# A day. What waited longer is asked for again by any tick, if it is owed still.
TIME_TO_LIVE_SECONDS = 24 * 3600
# The queues that functions of ours listen to. The host polls each of them, and its poison queue, for as long
# as it runs, and complains every time of one that is not there.
WORK_QUEUES = (QUEUE, BACKFILL_QUEUE, backfill_steps.QUEUE, verify_steps.QUEUE, notifications.QUEUE)


class OwnQueues:
    """The work queues with their poison queues."""

    def __init__(self, account: Account, queues: Iterable[str] = WORK_QUEUES) -> None:
        self._account = account
        self._names = [name for queue in queues for name in (queue, poison_queue(queue))]

    def ensure(self) -> None:
        """Create those that are not there: one call if all are. One that is being deleted stays away."""
        with own_storage():
            there = {queue.name for queue in self._account.queues.list_queues()}
            for name in self._names:
                if name not in there:
                    with suppress(ResourceExistsError):
                        self._account.queues.create_queue(name)


class TextQueue:
    """A queue of texts; it is created with its first message.

    Texts are sent as they are, unless the queue is read by others, who may expect ``base64``: Functions does,
    by default.
    """

    def __init__(self, account: Account, queue: str, *, base64: bool = False) -> None:
        self._account = account
        self._queue = queue
        self._base64 = base64

    @cached_property
    def _client(self) -> "QueueClient":
        from azure.storage.queue import TextBase64EncodePolicy  # noqa: PLC0415  imported where it is needed

        policy = TextBase64EncodePolicy() if self._base64 else None
        return self._account.queues.get_queue_client(self._queue, message_encode_policy=policy)

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
        create_if_missing(
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
