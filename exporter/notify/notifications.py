"""Telling the people concerned: by a webhook of the destination, and by a queue for those who build on it.

A notice never holds up an export, and never fails one: it is queued, and what calls the webhook is a function
of its own. If a worker dies right after an hour is done, nobody is told: the API is what knows.
"""

import json
import logging
from contextlib import suppress
from datetime import datetime, timedelta

from exporter.domain.backfill import Backfill
from exporter.domain.destination import Destination, Status
from exporter.domain.errors import Fault, Transient
from exporter.domain.hour_record import HourRecord
from exporter.domain.notifications import Delivery, Notification, NotificationKind, notification
from exporter.domain.signatures import signature
from exporter.ports import Gateways

# After the n-th try that has failed. The last one gives up: two days are more than most outages.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720, 1440))
SECRET_FIELD = "notify.secret"  # noqa: S105  the name of a field
_OK, _REDIRECT = 200, 300
_log = logging.getLogger(__name__)


def hour_exported(gateways: Gateways, destination: Destination, record: HourRecord, run: str) -> None:
    """Tell that an hour is in the container."""
    stream = record.key.stream
    told = notification(
        NotificationKind.HOUR_EXPORTED,
        destination.id,
        record.finished_at or record.hour.end,
        *(str(record.key), record.hour.key, run),
        data_type=str(stream.data_type),
        source_id=stream.source_id,
        hour=record.hour.key,
        rows=record.rows.exported,
        parts=[part.name for part in record.parts],
        requested_by=record.requested_by,
    )
    _send(gateways, destination, told)


def failing(gateways: Gateways, destination: Destination, fault: Fault, now: datetime) -> None:
    """Tell that the customer's storage has begun to refuse us."""
    facts = {"code": fault.code, "message": fault.message, "fix": fault.fix}
    told = notification(NotificationKind.DESTINATION_FAILING, destination.id, now, now.isoformat(), **facts)
    _send(gateways, destination, told)


def healed(gateways: Gateways, destination: Destination, now: datetime) -> None:
    """Tell that the customer's storage takes our files again."""
    _send(
        gateways,
        destination,
        notification(NotificationKind.DESTINATION_HEALED, destination.id, now, now.isoformat()),
    )


def backfill_ended(gateways: Gateways, backfill: Backfill, now: datetime) -> None:
    """Tell how a backfill has ended."""
    found = None
    with suppress(Transient):
        found = gateways.destinations.get(backfill.destination_id)
    if found is None:
        return
    told = notification(
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
    _send(gateways, found.value, told)


def _send(gateways: Gateways, destination: Destination, told: Notification) -> None:
    with suppress(Transient):
        gateways.notifications.send([Delivery(told)])
        if destination.webhook is not None:
            gateways.webhook_calls.send([Delivery(told)])


def call_webhook(told: Notification, tries: int, gateways: Gateways, now: datetime) -> bool:
    """Call the webhook of a notice's destination; return whether that is over.

    A call that is not answered with success is queued again, for later; after the last try it is given up.
    """
    found = gateways.destinations.get(told.destination_id)
    webhook = found.value.webhook if found else None
    if found is None or webhook is None or found.value.status is Status.DELETED:
        return True
    secret = gateways.cipher.open(webhook.sealed, destination_id=told.destination_id, field=SECRET_FIELD)
    body = body_of(told)
    headers = {
        "Content-Type": "application/json",
        "X-Export-Notice": told.id,
        "X-Export-Signature": signature(body, secret, int(now.timestamp())),
    }
    try:
        status = gateways.webhooks.post(webhook.url, body, headers)
        wrong = None if _OK <= status < _REDIRECT else f"it answered {status}"
    except Transient as error:
        wrong = str(error)
    if wrong is None:
        return True
    over = tries >= len(WAITS)
    _log.warning(
        "webhook of %s: %s, try %d%s", told.destination_id, wrong, tries + 1, ", given up" if over else ""
    )
    if not over:
        gateways.webhook_calls.send([Delivery(told, tries + 1)], delay=WAITS[tries])
    return over


def body_of(told: Notification) -> bytes:
    """Return what the webhook is sent."""
    document = {
        "id": told.id,
        "type": told.kind,
        "destination": told.destination_id,
        "at": told.at.isoformat().replace("+00:00", "Z"),
        **told.facts,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
