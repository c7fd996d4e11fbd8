"""Encrypting stored secrets with the first key of ``SECRETS_KEY``, while it has several.

Destinations and sources have secrets. The earlier keys can be removed when no secret is left that needs them.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Protocol

from exporter.domain import source as sources
from exporter.domain.destination import Destination
from exporter.domain.errors import Conflict
from exporter.domain.source import Source
from exporter.domain.versioned import Rows, Versioned
from exporter.notify.notifications import SECRET_FIELD
from exporter.ports import Cipher, Gateways

# Of one tick, so that it stays short: a thousand destinations are done within an hour.
RENEWED_MAX = 100


class Kind(StrEnum):
    """What has secrets."""

    DESTINATION = "destination"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Renewal:
    """How many destinations and sources got their secrets encrypted anew, and how many are ``left``.

    ``unreadable`` are ids, by kind: no key decrypts a secret of theirs, so it has to be put again.
    """

    renewed: int
    left: int
    unreadable: dict[Kind, list[str]]


@dataclass(frozen=True, slots=True)
class SecretsLeft:
    """The secrets of one kind that are not encrypted with the first key.

    ``count`` secrets are encrypted with an earlier key; ``unreadable`` are the ids of the owners of secrets
    that no key decrypts.
    """

    count: int
    unreadable: tuple[str, ...]


class _Owners[Owner](Protocol):
    """A table of what has secrets."""

    def all(self) -> Rows[Versioned[Owner]]: ...

    def put(self, value: Owner, etag: str | None) -> str: ...


@dataclass(frozen=True, slots=True)
class _Outdated:
    """A destination or a source with secrets that are not encrypted with the first key.

    ``count`` of them are encrypted with an earlier key; ``write`` stores these anew, and raises ``Conflict``
    if another worker has changed the row meanwhile.
    """

    kind: Kind
    id: str
    count: int
    unreadable: bool
    write: Callable[[], object]


def renew_secrets(gateways: Gateways, limit: int = RENEWED_MAX) -> Renewal:
    """Encrypt secrets of up to ``limit`` destinations and sources with the first key; a later tick goes on.

    What is changed meanwhile is left, too.
    """
    renewed, left = 0, 0
    unreadable: dict[Kind, list[str]] = {kind: [] for kind in Kind}
    for each in _outdated(gateways):
        if each.unreadable:
            unreadable[each.kind].append(each.id)
        if not each.count:
            continue
        if renewed < limit:
            with suppress(Conflict):
                each.write()
                renewed += 1
                continue
        left += 1
    return Renewal(renewed, left, unreadable)


def secrets_left(gateways: Gateways) -> dict[Kind, SecretsLeft]:
    """Count the secrets that are not encrypted with the first key, by kind; change nothing."""
    found = list(_outdated(gateways))
    return {
        kind: SecretsLeft(
            sum(each.count for each in found if each.kind is kind),
            tuple(each.id for each in found if each.kind is kind and each.unreadable),
        )
        for kind in Kind
    }


def sealed_of(owner: Destination | Source) -> tuple[str, ...]:
    """Return every encrypted secret of a destination or of a source."""
    if isinstance(owner, Source):
        every: tuple[str | None, ...] = (owner.sealed,)
    else:
        webhook = owner.webhook
        every = (owner.credentials.sealed, *((webhook.sealed, webhook.old_sealed) if webhook else ()))
    return tuple(sealed for sealed in every if sealed)


def _outdated(gateways: Gateways) -> Iterator[_Outdated]:
    """Yield every destination and source that has a secret which is not encrypted with the first key."""
    cipher = gateways.cipher
    yield from _of_kind(Kind.DESTINATION, cipher, gateways.destinations, _renewed_destination)
    yield from _of_kind(Kind.SOURCE, cipher, gateways.pulls.sources, _renewed_source)


def _of_kind[Owner: (Destination, Source)](
    kind: Kind, cipher: Cipher, table: _Owners[Owner], renewed: Callable[[Cipher, Owner], Owner]
) -> Iterator[_Outdated]:
    for found in table.all():
        before = sealed_of(found.value)
        if all(map(cipher.is_current, before)):
            continue
        changed = renewed(cipher, found.value)
        after = sealed_of(changed)
        yield _Outdated(
            kind=kind,
            id=found.value.id,
            count=sum(old != new for old, new in zip(before, after, strict=True)),
            unreadable=not all(map(cipher.is_current, after)),
            write=partial(table.put, changed, found.etag),
        )


def _renewed_destination(cipher: Cipher, destination: Destination) -> Destination:
    """Return a destination with every secret that some key decrypts encrypted by the first one."""
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


def _renewed_source(cipher: Cipher, source: Source) -> Source:
    """Return a source with its secret encrypted by the first key, if some key decrypts it."""
    if not source.sealed:
        return source
    sealed = cipher.renew(source.sealed, destination_id=source.id, field=sources.SECRET_FIELD)
    return replace(source, sealed=sealed)
