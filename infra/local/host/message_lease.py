"""Keep a received message hidden from other hosts while a function works on it."""

import logging
import threading
from types import TracebackType
from typing import Self

from azure.core.exceptions import HttpResponseError
from azure.storage.queue import QueueClient, QueueMessage

# The message was received by another host, deleted or cleared: the lease is lost.
_LOST = (400, 404)
_log = logging.getLogger("host")


class MessageLease:
    """Within ``with``, renews the lease each time that half of it has passed.

    Every renewal changes the pop receipt. After the block, the message has the latest one.
    """

    def __init__(self, client: QueueClient, message: QueueMessage, seconds: int) -> None:
        self._client = client
        self._message = message
        self._seconds = seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="message lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _renew(self) -> None:
        wait = self._seconds / 2
        while not self._done.wait(wait):
            wait = self._seconds / 2
            try:
                renewed = self._client.update_message(
                    self._message.id, self._message.pop_receipt, visibility_timeout=self._seconds
                )
            except Exception as error:  # noqa: BLE001  the lease is to be renewed whatever one try raises
                if isinstance(error, HttpResponseError) and error.status_code in _LOST:
                    _log.warning("%s: the lease of a message is lost", self._client.queue_name)
                    return
                wait = self._seconds / 10
            else:
                self._message.pop_receipt = renewed.pop_receipt
