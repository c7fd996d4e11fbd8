"""Notifications about a destination, and the headers of webhook calls.

A notification may be lost or come twice; the API has the facts. Calls follow the Standard Webhooks
specification, version 1.0 (https://github.com/standard-webhooks/standard-webhooks).
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from exporter.domain.versioned import LEFT_OUT_AT_DEFAULT

# The form of a secret: this, and a key in base64. Other texts are keys as they are.
SECRET_PREFIX = "whsec_"  # noqa: S105  no secret, the form of one
# As the specification has it.
KEY_BYTES_MIN, KEY_BYTES_MAX = 24, 64
# Receivers have so long to change to a new secret; meanwhile calls are signed with both.
OLD_SECRET_FOR = timedelta(hours=24)
# The longest wait that a receiver can ask for.
RETRY_AFTER_MAX = timedelta(days=1)


class NotificationKind(StrEnum):
    """The subject of a notification."""

    HOUR_EXPORTED = "hour_exported"
    DESTINATION_FAILING = "destination_failing"
    DESTINATION_HEALED = "destination_healed"
    BACKFILL_ENDED = "backfill_ended"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Webhook:
    """The URL for a destination's notifications, and the encrypted secret that signs them."""

    url: str
    sealed: str
    old_sealed: str | None = field(default=None, metadata=LEFT_OUT_AT_DEFAULT)
    """The secret before, encrypted; calls are signed with both until ``old_until``."""
    old_until: datetime | None = field(default=None, metadata=LEFT_OUT_AT_DEFAULT)
    ended_at: datetime | None = field(default=None, metadata=LEFT_OUT_AT_DEFAULT)
    """When the receiver answered 410 (gone); it is not called since."""

    def secrets(self, now: datetime) -> tuple[str, ...]:
        """Return the encrypted secrets that sign a call at a time, the newest first."""
        if self.old_sealed is None or self.old_until is None or now >= self.old_until:
            return (self.sealed,)
        return self.sealed, self.old_sealed


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification. The same event has the same ``id``, so that receivers can drop repeats."""

    id: str
    kind: NotificationKind
    destination_id: str
    at: datetime
    facts: dict[str, object]


def notification(
    kind: NotificationKind, destination_id: str, at: datetime, *discriminators: str, **facts: object
) -> Notification:
    """Return a notification; the ``discriminators`` distinguish events of the same kind and destination."""
    text = "|".join((kind, destination_id, *discriminators))
    return Notification(hashlib.sha256(text.encode()).hexdigest()[:32], kind, destination_id, at, facts)


def secret_objection(secret: str) -> str | None:
    """Return what is wrong with a secret that begins as the specification says; None if nothing is."""
    if not secret.startswith(SECRET_PREFIX):
        return None
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        return None
    return f"must be {SECRET_PREFIX} and {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes in base64"


def call_headers(sent: "Notification", body: bytes, secrets: Iterable[str], now: datetime) -> dict[str, str]:
    """Return the headers of a call: id, time, and a signature by each secret, the newest first.

    ``X-Export-Signature`` is by the newest alone.
    """
    seconds, (newest, *others) = int(now.timestamp()), secrets
    signatures = (standard_signature(sent.id, body, each, seconds) for each in (newest, *others))
    return {
        "Content-Type": "application/json",
        "webhook-id": sent.id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(signatures),
        "X-Export-Notice": sent.id,
        "X-Export-Signature": signature(body, newest, seconds),
    }


def standard_signature(notification_id: str, body: bytes, secret: str, at_seconds: int) -> str:
    """Return ``v1,…``: the HMAC-SHA256 of ``id.timestamp.body``, in base64.

    The key is what follows ``whsec_``, decoded; of another secret, its UTF-8 bytes.
    """
    text = secret.removeprefix(SECRET_PREFIX)
    key = secret.encode() if text == secret else base64.b64decode(text)
    signed = f"{notification_id}.{at_seconds}.".encode() + body
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


def signature(body: bytes, secret: str, at_seconds: int) -> str:
    """Return ``t=1580000000,v1=…``: the hexadecimal HMAC-SHA256 of time, full stop and body.

    The receiver checks the sender with it, and by the time detects a replay.
    """
    signed = f"{at_seconds}.".encode() + body
    return f"t={at_seconds},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notification on its way to a receiver; ``tries`` counts the calls that failed."""

    notification: Notification
    tries: int = 0


_OK, _REDIRECT = 200, 300


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """The status of a receiver's answer, and its header ``Retry-After``, empty if it has none."""

    status: int
    retry_after: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the status says that the receiver has the call: 200 to 299."""
        return _OK <= self.status < _REDIRECT

    def wait(self, now: datetime) -> timedelta:
        """Return how long the receiver asks to be left alone: nothing, or at most a day.

        The header is a number of seconds or a date (RFC 9110, 10.2.3); other texts ask for nothing.
        """
        text = self.retry_after.strip()
        if text.isascii() and text.isdigit():
            asked = timedelta(seconds=min(int(text[:9]), RETRY_AFTER_MAX.total_seconds()))
        else:
            asked = _until(text, now)
        return min(max(asked, timedelta()), RETRY_AFTER_MAX)


def _until(text: str, now: datetime) -> timedelta:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return timedelta()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
