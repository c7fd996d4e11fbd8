"""What a change of a destination has changed, for the log: no secret, and no address of a webhook."""

from dataclasses import fields
from urllib.parse import urlsplit

from exporter.domain.destination import Destination, Output

# A filter may be long; the log line is to be read.
VALUE_CHARACTERS_MAX = 300
type Value = str | int | bool | None


def changed_fields(before: Destination | None, after: Destination) -> dict[str, list[Value]]:
    """Return the old and the new value of each field that differs, by its name in the API.

    A secret that was stored is ``stored``, whether new or encrypted anew. Without a destination before, every
    old value is None.
    """
    old = {} if before is None else _values(before)
    new = _values(after)
    names = [*new, *(name for name in old if name not in new)]
    found = {
        name: [_short(old.get(name)), _short(new.get(name))]
        for name in names
        if old.get(name) != new.get(name)
    }
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
        "name": of.name,
        "status": of.status,
        "events.project_id": of.project_id,
        "events.filter": of.event_filter.text if of.event_filter else None,
        "merged_ids.org_id": of.org_id,
        "storage.account_url": of.storage.account_url,
        "storage.container": of.storage.container,
        "storage.prefix": of.storage.prefix,
        "credentials.type": of.credentials.type,
        "credentials.tenant_id": of.credentials.tenant_id,
        "credentials.client_id": of.credentials.client_id,
        **output,
        # The path of a webhook is often a secret itself.
        "notify.url": f"https://{urlsplit(of.webhook.url).hostname}/…" if of.webhook else None,
    }
    return {name: value for name, value in every.items() if value is not None}


def _short(value: Value) -> Value:
    if isinstance(value, str) and len(value) > VALUE_CHARACTERS_MAX:
        return f"{value[:VALUE_CHARACTERS_MAX]}…"
    return value
