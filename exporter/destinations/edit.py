"""Creating and replacing a destination."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from exporter.destinations.name_claims import check_unclaimed, put_and_claim, with_account
from exporter.domain.allowed_hosts import account_of
from exporter.domain.breaker import Breaker
from exporter.domain.destination import (
    Credentials,
    CredentialsType,
    Destination,
    Output,
    Status,
    StorageTarget,
)
from exporter.domain.errors import Conflict, Invalid, Outdated, Problem
from exporter.domain.filters import EventFilter
from exporter.domain.notifications import OLD_SECRET_FOR, Webhook
from exporter.domain.signatures import expiry_of
from exporter.domain.versioned import Versioned
from exporter.notify.notifications import SECRET_FIELD
from exporter.ports import Cipher, Gateways, LastWrite

# Types whose secret opens one account, and is sent to it.
_OF_ONE_ACCOUNT = frozenset({CredentialsType.SAS, CredentialsType.CONNECTION_STRING})


@dataclass(frozen=True, slots=True)
class Draft:
    """A destination as a request describes it; a secret of None keeps the stored one."""

    id: str
    name: str
    storage: StorageTarget
    credentials_type: CredentialsType
    secret: str | None = field(repr=False)
    project_id: int | None
    org_id: int | None
    output: Output
    tenant_id: str | None = None
    client_id: str | None = None
    event_filter: EventFilter | None = None
    webhook_url: str | None = None
    webhook_secret: str | None = field(default=None, repr=False)
    stated: Mapping[str, object] = field(default_factory=dict)
    """Fields that no request changes, as it has them: ``status``, ``created_at``, ``activated_at``."""


def put_destination(  # noqa: PLR0913  what a PUT may say, each by its name
    gateways: Gateways,
    draft: Draft,
    *,
    if_match: str | None,
    if_none_match: str | None = None,
    now: datetime,
    test: Callable[[Destination], None] | None = None,
    changed_from: Callable[[Destination | None, Destination], None] | None = None,
) -> tuple[Versioned[Destination], bool]:
    """Create or replace a destination; return it, and whether it is new.

    Idempotent. A replacement keeps status, times, and the secrets that the draft leaves out. ``test`` is
    called with an active destination whose credentials or storage change, and raises if they do not work.
    ``changed_from`` is called with the destination before (None: there was none) and after a change.

    A stream that the destination did not have begins anew: events on the day of the change. A deleted
    destination is created again, with its history.

    Raise ``Outdated`` if ``if_match`` or ``if_none_match`` does not hold, and ``NotPossible``
    (``names_taken``) if another destination owns one of the names. Nothing is changed then.
    """
    stored = gateways.destinations.get(draft.id)
    found = None if stored is None or stored.value.status is Status.DELETED else stored
    if if_match is not None and (found is None or not found.matches(if_match)):
        raise changed_meanwhile(draft.id)
    if if_none_match is not None and found is not None and found.matches(if_none_match):
        raise Outdated("destination_exists", f"The destination {draft.id} already exists.")
    _check_stated(draft, found.value if found else None)
    changed = destination_from(gateways.cipher, draft, found.value if found else None, now)
    if stored is not None:
        changed = changed.moved_from(stored.value, now)
    # A secret that is sent again is sealed again, and counts as a change.
    moved = found is not None and (found.value.storage, found.value.credentials) != (
        changed.storage,
        changed.credentials,
    )
    claims = found is None or _names(gateways, found.value) != _names(gateways, changed)
    # Also for unchanged names: two destinations may own the same ones since before this check existed.
    check_unclaimed(gateways.destinations, gateways.cipher, changed)
    if test is not None and moved and changed.status is Status.ACTIVE:
        test(changed)
    if stored is not None:
        _restart_new_streams(gateways, stored.value, changed)
    saved = save(gateways, changed, stored, if_match=if_match, claims=claims)
    if moved:
        reset_breaker(gateways.breakers, changed.id, now)
    before = found.value if found else None
    if changed_from is not None and before != changed:
        changed_from(before, changed)
    return saved, found is None


def _check_stated(draft: Draft, before: Destination | None) -> None:
    """Raise ``Invalid`` if the draft states a status or a time that the stored destination does not have.

    A destination that is created, perhaps from a backup, becomes a draft: a request that calls it active
    would else be taken for its activation. Times are compared to the second, as answers have them.
    """
    actual: dict[str, object] = {"status": Status.DRAFT if before is None else before.status}
    if before is not None:
        actual["created_at"] = before.created_at.replace(microsecond=0)
        activated = before.activated_at
        actual["activated_at"] = activated.replace(microsecond=0) if activated else None
    problems = [
        Problem(name, f"is read-only, and is {shown}: leave it out")
        for name, shown in actual.items()
        if name in draft.stated and draft.stated[name] != shown
    ]
    if problems:
        raise Invalid(*problems)


def destination_from(cipher: Cipher, draft: Draft, before: Destination | None, now: datetime) -> Destination:
    """Return the destination of a draft, with sealed secrets; ``before`` is the stored one, if any."""
    return Destination(
        id=draft.id,
        name=draft.name,
        credentials=_credentials(cipher, draft, before),
        storage=_storage(cipher, draft, before),
        created_at=before.created_at if before else now,
        project_id=draft.project_id,
        org_id=draft.org_id,
        output=draft.output,
        status=before.status if before else Status.DRAFT,
        activated_at=before.activated_at if before else None,
        events_since=_events_since(before, draft, now) if before else None,
        event_filter=draft.event_filter,
        webhook=_webhook(cipher, draft, before, now),
    )


def _events_since(before: Destination, draft: Draft, now: datetime) -> datetime | None:
    """Return when the project was chosen, if that was after the activation."""
    if before.activated_at is None or before.project_id == draft.project_id:
        return before.events_since
    return now


def _restart_new_streams(gateways: Gateways, before: Destination, after: Destination) -> None:
    """Delete the schedule of streams that the destination did not have: it may be from an earlier use."""
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
    claims: bool = False,
) -> Versioned[Destination]:
    """Write a destination over the stored one, unless nothing has changed.

    ``claims`` says that it claims names. If another request was faster, raise ``Outdated`` for a request with
    If-Match, otherwise ``Conflict``.
    """
    if found is not None and found.value == changed:
        return found
    etag, destinations = found.etag if found else None, gateways.destinations
    try:
        if claims:
            return Versioned(changed, put_and_claim(destinations, gateways.cipher, changed, etag))
        return Versioned(changed, destinations.put(changed, etag))
    except Conflict as error:
        if if_match is None:
            raise
        raise changed_meanwhile(changed.id) from error


def changed_meanwhile(destination_id: str) -> Outdated:
    """Return the error for an If-Match that does not hold."""
    return Outdated(
        "destination_changed", f"The destination {destination_id} has changed: its ETag is not If-Match."
    )


def reset_breaker(breakers: LastWrite[str, Breaker, Breaker], destination_id: str, now: datetime) -> None:
    """Let the next tick queue everything that a destination owes."""
    breaker = breakers.get(destination_id)
    if breaker.reset(now) != breaker:
        breakers.put(destination_id, breaker.reset(now))


def _credentials(cipher: Cipher, draft: Draft, stored: Destination | None) -> Credentials:
    """Return the credentials with their sealed secret: the one of the draft, or the stored one.

    A stored secret is kept only for its own tenant and client. A signature or a connection string is also
    kept only for its own account, because it is sent there; a client secret goes to Entra ID alone.
    """
    public = Credentials(draft.credentials_type, "", draft.tenant_id, draft.client_id)
    name = draft.credentials_type.secret_field
    if name is None:
        return public
    if draft.secret is not None:
        sealed = cipher.seal(draft.secret, destination_id=draft.id, field=name)
        return replace(public, sealed=sealed, expires_at=expiry_of(public.type, draft.secret))
    if stored is None or not stored.credentials.sealed or stored.credentials.type is not public.type:
        raise Invalid(Problem(f"credentials.{name}", "is required: no secret is stored"))
    if replace(stored.credentials, sealed="", expires_at=None) != public:
        raise Invalid(Problem(f"credentials.{name}", "is required: the stored one is for other ids"))
    if public.type in _OF_ONE_ACCOUNT and not _same_account(cipher, stored, draft.storage.account_url):
        raise Invalid(Problem(f"credentials.{name}", "is required: the stored one is for another account"))
    sealed = cipher.renew(stored.credentials.sealed, destination_id=draft.id, field=name)
    return replace(public, sealed=sealed, expires_at=stored.credentials.expires_at)


def _same_account(cipher: Cipher, stored: Destination, account_url: str | None) -> bool:
    """Whether a request names the account of the stored secret, or no account."""
    if account_url is None:
        return True
    known = with_account(cipher, stored).storage.account_url
    return known is not None and account_of(known) == account_of(account_url)


def _storage(cipher: Cipher, draft: Draft, stored: Destination | None) -> StorageTarget:
    """Return the target; a connection string that is kept decides the account."""
    if draft.storage.account_url is not None or draft.secret is not None or stored is None:
        return draft.storage
    return replace(draft.storage, account_url=with_account(cipher, stored).storage.account_url)


def _names(gateways: Gateways, destination: Destination) -> frozenset[str]:
    return with_account(gateways.cipher, destination).names


def _webhook(cipher: Cipher, draft: Draft, stored: Destination | None, now: datetime) -> Webhook | None:
    """Return the webhook with its sealed secret: the one of the draft, or the stored one of the same URL.

    A webhook that had ended is called again. A secret that is replaced signs beside the new one for a while.
    """
    if draft.webhook_url is None:
        return None
    purpose = {"destination_id": draft.id, "field": SECRET_FIELD}
    before = stored.webhook if stored else None
    secret = draft.webhook_secret
    if before is None or before.url != draft.webhook_url:
        if secret is None:
            raise Invalid(Problem(SECRET_FIELD, "is required: no secret is stored for this URL"))
        return Webhook(draft.webhook_url, cipher.seal(secret, **purpose))
    kept = replace(before, sealed=cipher.renew(before.sealed, **purpose), ended_at=None)
    if before.old_sealed is not None:
        old = cipher.renew(before.old_sealed, **purpose) if len(before.secrets(now)) > 1 else None
        kept = replace(kept, old_sealed=old, old_until=before.old_until if old else None)
    known = _opened(cipher, before.sealed, purpose)
    if secret is None or secret == known:
        return kept
    sealed = cipher.seal(secret, **purpose)
    if known is None:
        return Webhook(before.url, sealed)
    return replace(kept, sealed=sealed, old_sealed=kept.sealed, old_until=now + OLD_SECRET_FOR)


def _opened(cipher: Cipher, sealed: str, purpose: Mapping[str, str]) -> str | None:
    """Return a stored secret; None if it cannot be decrypted."""
    try:
        return cipher.open(sealed, **purpose)
    except ValueError:
        return None
