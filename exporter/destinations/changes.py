"""What a change of a destination has changed, for the log: no secret and no free text."""

import hashlib
from dataclasses import fields
from urllib.parse import urlsplit

from exporter.domain.destination import Destination, Output

# As much of a SHA-256 as tells two texts apart.
DIGEST_CHARACTERS = 12
type Value = str | int | bool | None


def changed_fields(before: Destination | None, after: Destination) -> dict[str, list[Value]]:
    """Return the old and the new value of each field that differs, by its name in the API.

    A secret that was stored is ``stored``, whether new or encrypted anew. Texts that a caller is free to
    choose are digests, because they may hold a secret or the data of a person. Without a destination before,
    every old value is None.
    """
    old = {} if before is None else _values(before)
    new = _values(after)
    names = [*new, *(name for name in old if name not in new)]
    found = {name: [old.get(name), new.get(name)] for name in names if old.get(name) != new.get(name)}
    if before is None or before.credentials.sealed != after.credentials.sealed:
        secret = after.credentials.type.secret_field
        if secret is not None and after.credentials.sealed:
            found[f"credentials.{secret}"] = [None, "stored"]
    if after.webhook is not None and (
        before is None or before.webhook is None or before.webhook.sealed != after.webhook.sealed
    ):
        found["notify.secret"] = [None, "stored"]
    return found


def _values(of: Destination) -> dict[str, Value]:
    """Return the public fields of a destination; None is left out."""
    output: dict[str, Value] = {
        f"output.{each.name}": getattr(of.output, each.name) for each in fields(Output)
    }
    every: dict[str, Value] = {
        "name": _digest(of.name),
        "status": of.status,
        "events.project_id": of.project_id,
        "events.filter": _digest(of.event_filter.text) if of.event_filter else None,
        "merged_ids.org_id": of.org_id,
        "storage.account_url": of.storage.account_url,
        "storage.container": of.storage.container,
        "storage.prefix": _digest(of.storage.prefix),
        "credentials.type": of.credentials.type,
        "credentials.tenant_id": of.credentials.tenant_id,
        "credentials.client_id": of.credentials.client_id,
        **output,
        # The path of a webhook is often a secret itself.
        "notify.url": f"https://{urlsplit(of.webhook.url).hostname}/…" if of.webhook else None,
    }
    return {name: value for name, value in every.items() if value is not None}


def _digest(text: str) -> str:
    """Return a text's digest, ``sha256:`` and its first digits; the empty text stays empty."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:DIGEST_CHARACTERS]}" if text else ""
