"""Notices: what is told to the people concerned, as it happens. They are hints; the API tells what is so."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class NotificationKind(StrEnum):
    """What a notice is about."""

    HOUR_EXPORTED = "hour_exported"
    DESTINATION_FAILING = "destination_failing"
    DESTINATION_HEALED = "destination_healed"
    BACKFILL_ENDED = "backfill_ended"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where a destination's notices go. The secret that they are signed with is here in encrypted form."""

    url: str
    sealed: str


@dataclass(frozen=True, slots=True)
class Notification:
    """One notice. The same happening has the same ``id``, so that one that comes twice is known."""

    id: str
    kind: NotificationKind
    destination_id: str
    at: datetime
    facts: dict[str, object]


def notification(
    kind: NotificationKind, destination_id: str, at: datetime, *which: str, **facts: object
) -> Notification:
    """Return a notice; ``which`` tells apart what may happen to the same destination more than once."""
    text = "|".join((kind, destination_id, *which))
    return Notification(hashlib.sha256(text.encode()).hexdigest()[:32], kind, destination_id, at, facts)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notification on its way to a receiver; ``tries`` counts the calls that failed."""

    notification: Notification
    tries: int = 0
