"""The log line of each change that a caller makes: who, and what, secrets excepted."""

import hashlib
from typing import Literal

import azure.functions as func

from exporter import wiring
from exporter.notify.log_events import Event, log_event

# Enough to tell a few keys apart, and too few to find a key by.
KEY_ID_CHARACTERS = 8
_PRINCIPAL_CHARACTERS_MAX = 200


def log_change(
    req: func.HttpRequest,
    action: str,
    *,
    kind: Literal["destination", "source"] = "destination",
    **facts: object,
) -> None:
    """Log that a caller has changed something of the destination or source in the request's path."""
    trusts_principal = wiring.app().settings.trusts_principal
    who = {"key": key_id(req), "principal": principal(req) if trusts_principal else None}
    log_event(Event.CHANGE_MADE, action=action, **{kind: req.route_params["id"]}, **who, **facts)


def key_id(req: func.HttpRequest) -> str | None:
    """Return the first digits of the SHA-256 of the caller's function key; None without a key.

    The Functions host knows the key's name, but tells no function in Python. The header wins over the query.
    """
    key = req.headers.get("x-functions-key") or req.params.get("code")
    return hashlib.sha256(key.encode()).hexdigest()[:KEY_ID_CHARACTERS] if key else None


def principal(req: func.HttpRequest) -> str | None:
    """Return the name of the principal that App Service authentication has signed in, or its id."""
    headers = (f"x-ms-client-principal-{each}" for each in ("name", "id"))
    return next(
        (found[:_PRINCIPAL_CHARACTERS_MAX] for each in headers if (found := req.headers.get(each))), None
    )
