"""Notifications: to the webhook of a destination, and to a queue for integrations.

A notification never delays an export and never fails one: it is queued, and another function calls the
webhook. If a worker dies right after a commit, the notification is lost; the API has the facts.
"""

import json
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from exporter.domain.backfill import Backfill
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Conflict, Fault, NotPossible, Transient
from exporter.domain.hour_record import HourRecord
from exporter.domain.notifications import (
    Delivery,
    Notification,
    NotificationKind,
    Webhook,
    WebhookAnswer,
    call_headers,
    notification,
)
from exporter.domain.versioned import Versioned
from exporter.ports import Gateways

# The wait after the n-th failed call. The last failure gives up: two days outlast most outages.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720, 1440))
SECRET_FIELD = "notify.secret"  # noqa: S105  the name of a field
# The receiver is no longer there, and wants no further calls.
_GONE = 410
_log = logging.getLogger(__name__)


def hour_exported(gateways: Gateways, destination: Destination, record: HourRecord, attempt: str) -> None:
    """Notify that an hour is in the container; ``attempt`` is the id of the attempt."""
    stream = record.key.stream
    sent = notification(
        NotificationKind.HOUR_EXPORTED,
        destination.id,
        record.finished_at or record.hour.end,
        *(str(record.key), record.hour.key, attempt),
        data_type=str(stream.data_type),
        source_id=stream.source_id,
        hour=record.hour.key,
        rows=record.content.rows.exported,
        parts=[part.name for part in record.content.parts],
        requested_by=record.work.requested_by,
    )
    _send(gateways, destination, sent)


def failing(gateways: Gateways, destination: Destination, fault: Fault, now: datetime) -> None:
    """Notify that the customer's storage begins to refuse."""
    facts = {"code": fault.code, "message": fault.message, "fix": fault.fix}
    sent = notification(NotificationKind.DESTINATION_FAILING, destination.id, now, now.isoformat(), **facts)
    _send(gateways, destination, sent)


def healed(gateways: Gateways, destination: Destination, now: datetime) -> None:
    """Notify that the customer's storage accepts files again."""
    sent = notification(NotificationKind.DESTINATION_HEALED, destination.id, now, now.isoformat())
    _send(gateways, destination, sent)


def backfill_ended(gateways: Gateways, backfill: Backfill, now: datetime) -> None:
    """Notify that a backfill has ended."""
    found = None
    with suppress(Transient):
        found = gateways.destinations.get(backfill.destination_id)
    if found is None:
        return
    sent = notification(
        NotificationKind.BACKFILL_ENDED,
        backfill.destination_id,
        backfill.finished_at or now,
        *(backfill.id, str(backfill.step)),
        backfill=backfill.id,
        status=str(backfill.status),
        start=backfill.start,
        end=backfill.end,
        failed_hours=len(backfill.failed),
    )
    _send(gateways, found.value, sent)


def _send(gateways: Gateways, destination: Destination, sent: Notification) -> None:
    with suppress(Transient):
        gateways.notifications.send([Delivery(sent)])
        if destination.webhook is not None and destination.webhook.ended_at is None:
            gateways.webhook_calls.send([Delivery(sent)])


def call_webhook(sent: Notification, tries: int, gateways: Gateways, now: datetime) -> bool:
    """Call the webhook of the notification's destination; return whether the notification is finished.

    ``tries`` is the number of failed calls before. A failed call is queued again with a delay, a longer one
    if the receiver asks for it; after the last one the notification is given up. Status 410 ends the webhook.
    """
    found = gateways.destinations.get(sent.destination_id)
    webhook = found.value.webhook if found else None
    if found is None or webhook is None or webhook.ended_at or found.value.status is Status.DELETED:
        return True
    try:
        answer = _call(gateways, webhook, sent, now)
    except Transient as transient:
        error, wait = str(transient), timedelta()
    else:
        if answer.accepted:
            return True
        if answer.status == _GONE:
            _end(gateways, found, webhook, now)
            return True
        error, wait = f"the server answered {answer.status}", answer.wait(now)
    last = tries >= len(WAITS)
    text = "webhook of %s: call %d failed: %s%s"
    _log.warning(text, sent.destination_id, tries + 1, error, "; given up" if last else "")
    if not last:
        gateways.webhook_calls.send([Delivery(sent, tries + 1)], delay=max(WAITS[tries], wait))
    return last


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """A call of a webhook: the status of the answer, if there was one, and what was wrong, if anything."""

    status: int | None
    error: str | None


def call_for_test(gateways: Gateways, destination: Destination, *, now: datetime, new_id: str) -> WebhookCall:
    """Call a destination's webhook with a notification of type ``test``; it is called once.

    A webhook that has ended is called, too. ``NotPossible`` (``no_webhook``) if the destination has none.
    """
    if destination.webhook is None:
        raise NotPossible(
            "no_webhook", f"The destination {destination.id} has no webhook: save it with notify.url first."
        )
    sent = notification(NotificationKind.TEST, destination.id, now, new_id)
    try:
        answer = _call(gateways, destination.webhook, sent, now)
    except Transient as transient:
        return WebhookCall(None, str(transient))
    except ValueError:
        return WebhookCall(None, "its secret cannot be decrypted: save the destination with notify.secret")
    return WebhookCall(answer.status, None if answer.accepted else f"the server answered {answer.status}")


def _call(gateways: Gateways, webhook: Webhook, sent: Notification, now: datetime) -> WebhookAnswer:
    """Call a webhook once.

    ``Transient`` if there is no answer; ``ValueError`` if its newest secret cannot be decrypted.
    """
    body = body_of(sent)
    headers = call_headers(sent, body, _secrets(gateways, webhook, sent.destination_id, now), now)
    return gateways.webhooks.post(webhook.url, body, headers)


def _secrets(gateways: Gateways, webhook: Webhook, destination_id: str, now: datetime) -> list[str]:
    """Return the secrets that sign a call, the newest first; an old one without its key signs no more."""
    newest, *old = webhook.secrets(now)
    secrets = [gateways.cipher.open(newest, destination_id=destination_id, field=SECRET_FIELD)]
    for sealed in old:
        with suppress(ValueError):
            secrets.append(gateways.cipher.open(sealed, destination_id=destination_id, field=SECRET_FIELD))
    return secrets


def _end(gateways: Gateways, found: Versioned[Destination], webhook: Webhook, now: datetime) -> None:
    """End a webhook until the destination is put again; if that has just changed, the next call does it."""
    _log.warning("webhook of %s: the server answered 410, so it is not called again", found.value.id)
    with suppress(Conflict):
        gateways.destinations.put(replace(found.value, webhook=replace(webhook, ended_at=now)), found.etag)


def body_of(sent: Notification) -> bytes:
    """Return the body of the webhook call, as JSON."""
    document = {
        "id": sent.id,
        "type": sent.kind,
        "destination": sent.destination_id,
        "at": sent.at.isoformat().replace("+00:00", "Z"),
        **sent.facts,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
