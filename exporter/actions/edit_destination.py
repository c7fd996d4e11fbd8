"""Making, changing and activating a destination."""

from dataclasses import dataclass, replace
from datetime import datetime

from exporter.actions.plan_owed_hours import first_progress
from exporter.actions.ports import Gateways
from exporter.actions.try_upload import try_upload
from exporter.domain.destination import (
    ID_PATTERN,
    Credentials,
    CredentialsType,
    Destination,
    Output,
    Status,
    StorageTarget,
)
from exporter.domain.errors import Invalid, NotFound, Outdated, Problem
from exporter.domain.stored import Versioned
from exporter.domain.trial import Report


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

    def __repr__(self) -> str:
        """Name it without its secret."""
        return f"Draft({self.id!r})"


def find_destination(gateways: Gateways, destination_id: str) -> Versioned[Destination]:
    """Return a destination, or raise ``NotFound``."""
    found = gateways.destinations.get(destination_id) if ID_PATTERN.fullmatch(destination_id) else None
    if found is None:
        raise NotFound("destination_not_found", f"There is no destination {destination_id}.")
    return found


def put_destination(
    gateways: Gateways, draft: Draft, *, if_match: str | None, now: datetime
) -> tuple[Versioned[Destination], bool]:
    """Make or replace a destination; return it, and whether it is new.

    The same request twice leaves the same destination. With ``if_match`` it is replaced only if it is still
    as the caller saw it. What a replacement keeps: status, times, and the secret if it brings none.
    """
    found = gateways.destinations.get(draft.id)
    if if_match is not None and (found is None or not found.matches(if_match)):
        raise Outdated("destination_changed", f"The destination {draft.id} is not as If-Match says any more.")
    credentials = _credentials(gateways, draft, found.value if found else None)
    changed = Destination(
        id=draft.id,
        name=draft.name,
        storage=draft.storage,
        credentials=credentials,
        created_at=found.value.created_at if found else now,
        project_id=draft.project_id,
        org_id=draft.org_id,
        output=draft.output,
        status=found.value.status if found else Status.DRAFT,
        activated_at=found.value.activated_at if found else None,
    )
    etag = gateways.destinations.put(changed, found.etag if found else None)
    return Versioned(changed, etag), found is None


def _credentials(gateways: Gateways, draft: Draft, stored: Destination | None) -> Credentials:
    """Return the credentials with their secret sealed: the request's, or else the stored one.

    A stored secret is kept only for what it was entered for: whoever changes the client, or the account that
    a signature is for, brings the secret that belongs to it.
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
    moved = stored.storage.account_url != draft.storage.account_url
    if replace(stored.credentials, sealed="") != public or (moved and public.type is CredentialsType.SAS):
        raise Invalid(Problem(f"credentials.{field}", "is required: the stored one is for something else"))
    return stored.credentials


def activate(
    gateways: Gateways, destination_id: str, *, now: datetime, test_id: str
) -> tuple[Versioned[Destination], Report]:
    """Run the test upload and, if all of it passed, let the schedule export from now on.

    A destination that was active before keeps its first hour: activating again changes nothing.
    """
    found = find_destination(gateways, destination_id)
    report = try_upload(found.value, gateways.containers, test_id=test_id)
    if not report.ok:
        return found, report
    active = replace(found.value, status=Status.ACTIVE, activated_at=found.value.activated_at or now)
    for key in active.streams:
        # Before the status: a tick that sees the destination active finds where its streams begin.
        first = first_progress(active, key, gateways.landing)
        if first is not None and gateways.schedule.get(key) is None:
            gateways.schedule.put(first)
    return Versioned(active, gateways.destinations.put(active, found.etag)), report
