"""Notifications about a destination, and the signature of webhook calls.

A notification may be lost or come twice; the API has the facts.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
