"""Encrypting stored secrets with the first key of ``SECRETS_KEY``, while it has several."""

from contextlib import suppress
from dataclasses import dataclass, replace

from exporter.domain.destination import Destination
from exporter.domain.errors import Conflict
from exporter.notify.notifications import SECRET_FIELD
from exporter.ports import Cipher, Gateways

# Of one tick, so that it stays short: a thousand destinations are done within an hour.
RENEWED_MAX = 100


@dataclass(frozen=True, slots=True)
class Renewal:
    """How many destinations got their secrets encrypted anew, how many are ``left``, which cannot be read.

    The old key can be removed when none is left. A secret that no key decrypts has to be put again.
    """

    renewed: int
    left: int
    unreadable: tuple[str, ...]


def renew_secrets(gateways: Gateways, limit: int = RENEWED_MAX) -> Renewal:
    """Encrypt secrets of up to ``limit`` destinations with the first key; others follow with the next tick.

    A destination that is changed meanwhile is left, too.
    """
    renewed, left, unreadable = 0, 0, []
    for found in gateways.destinations.all():
        destination = found.value
        if all(map(gateways.cipher.is_current, sealed_of(destination))):
            continue
        changed = _renewed(gateways.cipher, destination)
        if not all(map(gateways.cipher.is_current, sealed_of(changed))):
            unreadable.append(destination.id)
        if changed == destination:
            continue
        if renewed < limit:
            with suppress(Conflict):
                gateways.destinations.put(changed, found.etag)
                renewed += 1
                continue
        left += 1
    return Renewal(renewed, left, tuple(unreadable))


def sealed_of(destination: Destination) -> tuple[str, ...]:
    """Return every encrypted secret of a destination."""
    webhook = destination.webhook
    every = (destination.credentials.sealed, *((webhook.sealed, webhook.old_sealed) if webhook else ()))
    return tuple(sealed for sealed in every if sealed)


def _renewed(cipher: Cipher, destination: Destination) -> Destination:
    """Return a destination with every secret encrypted by the first key that some key decrypts."""
    credentials, webhook, name = destination.credentials, destination.webhook, destination.id
    if credentials.sealed and (secret_field := credentials.type.secret_field):
        sealed = cipher.renew(credentials.sealed, destination_id=name, field=secret_field)
        credentials = replace(credentials, sealed=sealed)
    if webhook is not None:
        old = webhook.old_sealed
        webhook = replace(
            webhook,
            sealed=cipher.renew(webhook.sealed, destination_id=name, field=SECRET_FIELD),
            old_sealed=old and cipher.renew(old, destination_id=name, field=SECRET_FIELD),
        )
    return replace(destination, credentials=credentials, webhook=webhook)
