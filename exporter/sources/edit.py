"""Creating and replacing a source."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urlsplit

from exporter.domain.errors import Conflict, Invalid, NotPossible, Outdated, Problem
from exporter.domain.hour import Hour
from exporter.domain.pulls import HEALTHY, SourceHealth
from exporter.domain.source import SECRET_FIELD, Region, Source, SourceStatus, SourceType
from exporter.domain.versioned import Versioned
from exporter.ports import Cipher, Gateways, LastWrite, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDraft:
    """A source as a request describes it.

    A secret key of None keeps the stored one, and a ``start`` of None the stored one or, for a new source,
    00:00 UTC of the day.
    """

    id: str
    type: SourceType
    project_id: int
    region: Region
    base_url: str | None
    api_key: str
    secret_key: str | None = field(repr=False)
    start: Hour | None
    lag_minutes: int
    repull_hours: tuple[int, ...]


def put_source(
    gateways: Gateways,
    draft: SourceDraft,
    *,
    if_match: str | None,
    if_none_match: str | None = None,
    now: datetime,
) -> tuple[Versioned[Source], bool]:
    """Create or replace a source; return it, and whether it is new.

    Idempotent. A replacement keeps the status and what the draft leaves out. A new source is active. A
    deleted one is created again, and keeps the ledger of its hours.

    Raise ``Outdated`` if ``if_match`` or ``if_none_match`` does not hold, and ``NotPossible`` if the project
    has another source (``project_taken``) or the source another project (``project_fixed``). Nothing is
    changed then.
    """
    pulls = gateways.pulls
    stored = pulls.sources.get(draft.id)
    found = None if stored is None or stored.value.status is SourceStatus.DELETED else stored
    if if_match is not None and (found is None or not found.matches(if_match)):
        raise changed_meanwhile(draft.id)
    if if_none_match is not None and found is not None and found.matches(if_none_match):
        raise Outdated("source_exists", f"The source {draft.id} already exists.")
    if stored is not None:
        _check_same_project(stored.value, draft)
    _check_only_source(pulls.sources.all(), draft)
    changed = source_from(gateways.cipher, draft, found.value if found else None, now)
    saved = save_source(pulls.sources, changed, stored, if_match=if_match)
    if found is None or _access(found.value) != _access(changed):
        reset_health(pulls.health, changed.id)
    return saved, found is None


def source_from(cipher: Cipher, draft: SourceDraft, before: Source | None, now: datetime) -> Source:
    """Return the source of a draft, with its sealed secret key; ``before`` is the stored one, if any."""
    start = draft.start or (before.start if before else Hour.containing(now).first_of_day())
    return Source(
        id=draft.id,
        type=draft.type,
        project_id=draft.project_id,
        region=draft.region,
        base_url=draft.base_url,
        api_key=draft.api_key,
        sealed=_sealed(cipher, draft, before),
        start=start,
        lag_minutes=draft.lag_minutes,
        repull_hours=draft.repull_hours,
        status=before.status if before else SourceStatus.ACTIVE,
        created_at=before.created_at if before else now,
    )


def save_source(
    sources: Table[str, Source], changed: Source, found: Versioned[Source] | None, *, if_match: str | None
) -> Versioned[Source]:
    """Write a source over the stored one, unless nothing has changed.

    If another request was faster, raise ``Outdated`` for a request with If-Match, otherwise ``Conflict``.
    """
    if found is not None and found.value == changed:
        return found
    try:
        return Versioned(changed, sources.put(changed, found.etag if found else None))
    except Conflict as error:
        if if_match is None:
            raise
        raise changed_meanwhile(changed.id) from error


def changed_meanwhile(source_id: str) -> Outdated:
    """Return the error for an If-Match that does not hold."""
    return Outdated("source_modified", f"The source {source_id} has changed: its ETag is not If-Match.")


def reset_health(health: LastWrite[str, SourceHealth, SourceHealth], source_id: str) -> None:
    """Let the next tick ask the source again, whatever its last answers were."""
    if health.get(source_id) != HEALTHY:
        health.put(source_id, HEALTHY)


def _check_same_project(stored: Source, draft: SourceDraft) -> None:
    """Refuse another project: the ledger of a source is about one, also after it was deleted."""
    if stored.project_id != draft.project_id:
        raise NotPossible(
            "project_fixed",
            f"The source {draft.id} belongs to project {stored.project_id}, and so do its hours:"
            " create a source with another id.",
        )


def _check_only_source(sources: Iterable[Versioned[Source]], draft: SourceDraft) -> None:
    """Refuse a project that has another source: both would fill the same folders."""
    for each in sources:
        other = each.value
        if (
            other.id != draft.id
            and other.project_id == draft.project_id
            and other.status is not SourceStatus.DELETED
        ):
            raise NotPossible(
                "project_taken",
                f"Project {draft.project_id} has a source already: {other.id}. Change or delete that one.",
            )


def _access(source: Source) -> tuple[str, str, str]:
    return source.url, source.api_key, source.sealed


def _sealed(cipher: Cipher, draft: SourceDraft, before: Source | None) -> str:
    """Return the sealed secret key: the one of the draft, or the stored one.

    The stored one is kept only for its own host, because it is sent there.
    """
    if draft.secret_key is not None:
        return cipher.seal(draft.secret_key, destination_id=draft.id, field=SECRET_FIELD)
    if before is None or not before.sealed:
        raise Invalid(Problem(SECRET_FIELD, "is required: no secret key is stored"))
    after = replace(before, region=draft.region, base_url=draft.base_url)
    if urlsplit(before.url).hostname != urlsplit(after.url).hostname:
        raise Invalid(Problem(SECRET_FIELD, "is required: the stored one is for another host"))
    return cipher.renew(before.sealed, destination_id=draft.id, field=SECRET_FIELD)
