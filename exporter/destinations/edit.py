"""Making and changing a destination. What becomes of it afterwards: ``change_status``."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from exporter.destinations.breaker_reset import reset_breaker
from exporter.destinations.names_taken import located, put_with_names, refuse_taken
from exporter.domain.allowed_hosts import account_of
from exporter.domain.destination import (
    ID_PATTERN,
    Credentials,
    CredentialsType,
    Destination,
    Output,
    Status,
    StorageTarget,
)
from exporter.domain.errors import Conflict, Invalid, NotFound, Outdated, Problem
from exporter.domain.filters import EventFilter
from exporter.domain.notifications import Webhook
from exporter.domain.versioned import Versioned
from exporter.notify.notifications import SECRET_FIELD
from exporter.ports import Gateways

# Credentials whose secret opens one account, and is sent to it.
_OF_ONE_ACCOUNT = frozenset({CredentialsType.SAS, CredentialsType.CONNECTION_STRING})


@dataclass(frozen=True, slots=True)
class Draft:
    """A destination as a request describes it. ``secret`` is None where the stored one is to be kept."""

    id: str
    name: str
    storage: StorageTarget
    credentials_type: CredentialsType
    secret: str | None
    project_id: int | None
    org_id: int | None
    output: Output
    tenant_id: str | None = None
    client_id: str | None = None
    event_filter: EventFilter | None = None
    webhook_url: str | None = None
    webhook_secret: str | None = None

    def __repr__(self) -> str:
        """Name it without its secret."""
        return f"Draft({self.id!r})"


def find_destination(gateways: Gateways, destination_id: str) -> Versioned[Destination]:
    """Return a destination, or raise ``NotFound``; a deleted one is not found either."""
    found = find_history(gateways, destination_id)
    if found.value.status is Status.DELETED:
        raise NotFound(
            "destination_deleted",
            f"The destination {destination_id} was deleted; its hours can still be listed.",
        )
    return found


def find_history(gateways: Gateways, destination_id: str) -> Versioned[Destination]:
    """Return a destination even if it was deleted, or raise ``NotFound`` if there never was one."""
    if not ID_PATTERN.fullmatch(destination_id):
        # What else stands in an address is not repeated.
        raise NotFound("destination_not_found", "There is no destination of that name.")
    found = gateways.destinations.get(destination_id)
    if found is None:
        raise NotFound("destination_not_found", f"There is no destination {destination_id}.")
    return found


def put_destination(  # noqa: PLR0913  what a PUT may say, each by its name
    gateways: Gateways,
    draft: Draft,
    *,
    if_match: str | None,
    if_none_match: str | None = None,
    now: datetime,
    prove: Callable[[Destination], None] | None = None,
) -> tuple[Versioned[Destination], bool]:
    """Make or replace a destination; return it, and whether it is new.

    The same request twice leaves the same destination. With ``if_match`` it is replaced only if it is still
    as the caller saw it; with ``if_none_match`` only if it is not, which for ``*`` means: if there is none.
    What a replacement keeps: status, times, and the secret if it brings none.

    ``prove`` tries the new credentials or the new storage of an active destination before they replace what
    works, and raises if they do not; then everything stays as it was. So it does if another destination owns
    names that this one would write (``NotPossible``, ``names_taken``).

    A stream that it did not have until now begins anew: events on the day of the change. One that was deleted
    is made anew, and finds its history.
    """
    stored = gateways.destinations.get(draft.id)
    found = None if stored is None or stored.value.status is Status.DELETED else stored
    if if_match is not None and (found is None or not found.matches(if_match)):
        raise changed_meanwhile(draft.id)
    if if_none_match is not None and found is not None and found.matches(if_none_match):
        raise Outdated("destination_exists", f"There is a destination {draft.id} already.")
    changed = described(gateways, draft, found.value if found else None, now)
    if stored is not None:
        changed = changed.moved_from(stored.value, now)
    # A secret that is brought again is sealed anew, and counts as another one.
    moved = found is not None and (found.value.storage, found.value.credentials) != (
        changed.storage,
        changed.credentials,
    )
    takes = found is None or _names(gateways, found.value) != _names(gateways, changed)
    # Before anything is tried or written; also where the names were its own before, and another's, too.
    refuse_taken(gateways, changed)
    if prove is not None and moved and changed.status is Status.ACTIVE:
        prove(changed)
    if stored is not None:
        _begin_anew(gateways, stored.value, changed)
    saved = save(gateways, changed, stored, if_match=if_match, takes_names=takes)
    if moved:
        reset_breaker(gateways, changed.id, now)
    return saved, found is None


def described(gateways: Gateways, draft: Draft, before: Destination | None, now: datetime) -> Destination:
    """Return the destination that a draft makes of the one before, if there was one; its secret is sealed."""
    credentials = _credentials(gateways, draft, before)
    return Destination(
        id=draft.id,
        name=draft.name,
        storage=_storage(gateways, draft, before),
        credentials=credentials,
        created_at=before.created_at if before else now,
        project_id=draft.project_id,
        org_id=draft.org_id,
        output=draft.output,
        status=before.status if before else Status.DRAFT,
        activated_at=before.activated_at if before else None,
        events_since=_events_since(before, draft, now) if before else None,
        event_filter=draft.event_filter,
        webhook=_webhook(gateways, draft, before),
    )


def _events_since(before: Destination, draft: Draft, now: datetime) -> datetime | None:
    """Return when the project was chosen, if that was after the activation."""
    if before.activated_at is None or before.project_id == draft.project_id:
        return before.events_since
    return now


def _begin_anew(gateways: Gateways, before: Destination, after: Destination) -> None:
    """Forget how far those streams are that the destination did not have: it had them in another life."""
    if before.status is Status.DRAFT:
        return
    if before.status is Status.DELETED:
        gateways.destinations.record_test(after.id, None)
    had = () if before.status is Status.DELETED else before.streams
    for key in after.streams:
        if key not in had:
            gateways.schedule.forget(key)


def save(
    gateways: Gateways,
    changed: Destination,
    found: Versioned[Destination] | None,
    *,
    if_match: str | None,
    takes_names: bool = False,
) -> Versioned[Destination]:
    """Write a destination over the one that was found; what is as it was is not written.

    Whoever sent an If-Match hears that it holds no more; others may just try again. One that ``takes_names``
    which it did not have is written only if no other has them.
    """
    if found is not None and found.value == changed:
        return found
    etag = found.etag if found else None
    try:
        if takes_names:
            return Versioned(changed, put_with_names(gateways, changed, etag))
        return Versioned(changed, gateways.destinations.put(changed, etag))
    except Conflict as error:
        if if_match is None:
            raise
        raise changed_meanwhile(changed.id) from error


def changed_meanwhile(destination_id: str) -> Outdated:
    """Return the error of who has not seen a destination as it is now."""
    return Outdated("destination_changed", f"The destination {destination_id} is not as If-Match says.")


def _credentials(gateways: Gateways, draft: Draft, stored: Destination | None) -> Credentials:
    """Return the credentials with their secret sealed: the request's, or else the stored one.

    A stored secret is kept only for what it was entered for. Whoever changes the client brings its secret.
    A signature or a connection string is for one account, and is sent to no other. The secret of a client
    goes to the operator's token service alone, whatever the account is.
    """
    public = Credentials(draft.credentials_type, "", draft.tenant_id, draft.client_id)
    field = draft.credentials_type.secret_field
    if field is None:
        return public
    if draft.secret is not None:
        sealed = gateways.cipher.seal(draft.secret, destination_id=draft.id, field=field)
        return replace(public, sealed=sealed)
    if stored is None or not stored.credentials.sealed or stored.credentials.type is not public.type:
        raise Invalid(Problem(f"credentials.{field}", "is required: there is none stored that could be kept"))
    if replace(stored.credentials, sealed="") != public:
        raise Invalid(Problem(f"credentials.{field}", "is required: the stored one is for something else"))
    if public.type in _OF_ONE_ACCOUNT and not _same_account(gateways, stored, draft.storage.account_url):
        raise Invalid(Problem(f"credentials.{field}", "is required: the stored one is for another account"))
    sealed = gateways.cipher.renew(stored.credentials.sealed, destination_id=draft.id, field=field)
    return replace(public, sealed=sealed)


def _same_account(gateways: Gateways, stored: Destination, account_url: str | None) -> bool:
    """Whether a request names the account that the stored secret is for, or leaves it as it is."""
    if account_url is None:
        return True
    known = located(gateways, stored).storage.account_url
    return known is not None and account_of(known) == account_of(account_url)


def _storage(gateways: Gateways, draft: Draft, stored: Destination | None) -> StorageTarget:
    """Return where files go; where a connection string is kept, its account is shown and used."""
    if draft.storage.account_url is not None or draft.secret is not None or stored is None:
        return draft.storage
    return replace(draft.storage, account_url=located(gateways, stored).storage.account_url)


def _names(gateways: Gateways, destination: Destination) -> frozenset[str]:
    return located(gateways, destination).names


def _webhook(gateways: Gateways, draft: Draft, stored: Destination | None) -> Webhook | None:
    """Return the webhook with its secret sealed: the request's, or else the stored one of the same URL."""
    if draft.webhook_url is None:
        return None
    named = {"destination_id": draft.id, "field": SECRET_FIELD}
    if draft.webhook_secret is not None:
        return Webhook(draft.webhook_url, gateways.cipher.seal(draft.webhook_secret, **named))
    before = stored.webhook if stored else None
    if before is None or before.url != draft.webhook_url:
        raise Invalid(Problem(SECRET_FIELD, "is required: there is none stored for this URL"))
    return Webhook(before.url, gateways.cipher.renew(before.sealed, **named))
