"""The queues of notices: calls of webhooks that are to be made, and notices for those who build on them."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from exporter.domain.notifications import Notification, NotificationKind

if TYPE_CHECKING:
    from exporter.storage.clients import Account

QUEUE = "webhook-calls"


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    """The form of a message; ``exporter.storage.own.messages`` says which keys it may not have."""

    v: Literal[1]
    notice: str
    type: NotificationKind
    destination: str
    at: datetime
    facts: dict[str, Any]
    tries: int = 0


_MESSAGE = msgspec.json.Decoder(_Message)


class NoticeQueues:
    """The queue ``webhook-calls``, and the one that the setting ``NOTICE_QUEUE`` names, if it does."""

    def __init__(self, account: "Account", published: str | None = None) -> None:
        from exporter.storage.own.queues import TextQueue  # noqa: PLC0415  who only reads a message needs no SDK

        self._calls = TextQueue(account, QUEUE)
        self._published = TextQueue(account, published, base64=True) if published else None

    def publish(self, notice: Notification) -> None:
        """Queue a notice for those who build on it, if there is a queue for that."""
        if self._published is not None:
            self._published.send([encode_notice(notice)])

    def call(self, notice: Notification, *, tries: int = 0, delay: timedelta = timedelta()) -> None:
        """Queue a call of the destination's webhook."""
        self._calls.send([encode_notice(notice, tries)], delay)


def encode_notice(notice: Notification, tries: int = 0) -> str:
    """Return the message for a notice."""
    message = _Message(1, notice.id, notice.kind, notice.destination_id, notice.at, notice.facts, tries)
    return msgspec.json.encode(message).decode()


def parse_notice(message: str | bytes) -> tuple[Notification, int]:
    """Read a message: the notice, and how often its call was tried; ValueError says what is wrong."""
    try:
        found = _MESSAGE.decode(message)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not a message of the queue of notices: {error}") from error
    return Notification(found.notice, found.type, found.destination, found.at, found.facts), found.tries
