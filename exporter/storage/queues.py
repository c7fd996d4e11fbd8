"""The queue of hours to export."""

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from azure.core.exceptions import HttpResponseError

from exporter.domain.ledger import HourTask
from exporter.storage.accounts import Account
from exporter.storage.errors import is_missing, or_create, own_storage
from exporter.storage.messages import encode

if TYPE_CHECKING:
    from azure.storage.queue import QueueClient

QUEUE = "export-hours"
# A day. What waited longer is asked for again by any tick, if it is owed still.
TIME_TO_LIVE_SECONDS = 24 * 3600


class ExportQueue:
    """The queue ``export-hours``; it is created with its first message."""

    def __init__(self, account: Account, queue: str = QUEUE) -> None:
        self._account = account
        self._queue = queue

    @cached_property
    def _client(self) -> "QueueClient":
        from azure.storage.queue import TextBase64EncodePolicy  # noqa: PLC0415  imported where it is needed

        # Base64, because that is what the Functions host expects.
        return self._account.queues.get_queue_client(
            self._queue, message_encode_policy=TextBase64EncodePolicy()
        )

    def send(self, tasks: Iterable[HourTask]) -> None:
        """Queue tasks, in their order."""
        with own_storage():
            for task in tasks:
                self._send(encode(task))

    def waiting(self) -> int:
        """Return about how many messages are in the queue, those included that are being worked on."""
        with own_storage():
            try:
                return self._client.get_queue_properties().approximate_message_count or 0
            except HttpResponseError as error:
                if not is_missing(error):
                    raise
                return 0

    def _send(self, message: str) -> None:
        or_create(
            lambda: self._client.send_message(message, time_to_live=TIME_TO_LIVE_SECONDS),
            self._client.create_queue,
        )
