"""When a shared access signature expires, as it says itself."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

from exporter.domain.destination import CredentialsType

# So long before, destinations, the log and an alert say that credentials expire.
EXPIRES_SOON = timedelta(days=14)
_SIGNATURE = "sharedaccesssignature="


def expiry_of(kind: CredentialsType, secret: str) -> datetime | None:
    """Return when a secret expires; None if it does not say: keys, client secrets, stored policies."""
    if kind is CredentialsType.SAS:
        return _expiry(secret)
    if kind is CredentialsType.CONNECTION_STRING:
        parts = (part.strip() for part in secret.split(";"))
        signatures = (part[len(_SIGNATURE) :] for part in parts if part.lower().startswith(_SIGNATURE))
        return next(map(_expiry, signatures), None)
    return None


def _expiry(signature: str) -> datetime | None:
    """Return the time in the field ``se``: ``2026-12-31T23:59:59Z``, or a day, which is its 00:00 UTC."""
    try:
        found = datetime.fromisoformat(parse_qs(signature.lstrip("?")).get("se", [""])[0])
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
