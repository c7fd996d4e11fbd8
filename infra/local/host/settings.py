"""Read host.json, local.settings.json and the environment, once at the start.

As with ``func``, an environment variable wins over local.settings.json. An app setting named
``AzureFunctionsJobHost__extensions__queues__batchSize`` overrides that key of host.json, whatever its case.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from infra.local.host.errors import HostError
from infra.local.host.log_levels import LogLevels
from infra.local.host.timespan import parse_timespan

LEASE_SECONDS_SETTING = "FUNCTIONS_LOCAL_LEASE_SECONDS"
HOST_ID_SETTING = "AzureFunctionsWebHost__hostid"
# The real host always hides a received message for ten minutes. Tests set less.
LEASE_SECONDS = 600
BATCH_SIZE_MAX = 32
_OVERRIDE = "azurefunctionsjobhost__"
_UNBOUNDED = ("-1", "-1.00:00:00", "-00:00:00.0010000")
# An override may name, in any case, a key that host.json does not have: its spelling is found here.
_CAMEL_CASE = {
    name.lower(): name
    for name in (
        *("functionTimeout", "extensions", "http", "routePrefix", "logging", "logLevel"),
        *("queues", "batchSize", "newBatchThreshold", "maxDequeueCount", "visibilityTimeout"),
        *("maxPollingInterval", "messageEncoding"),
    )
}

type AppSettings = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """``extensions.queues`` of host.json, with the host's defaults."""

    batch_size: int
    new_batch_threshold: int
    max_dequeue_count: int
    visibility_timeout: timedelta
    max_polling_interval: timedelta
    base64: bool
    lease_seconds: int


@dataclass(frozen=True, slots=True)
class HostSettings:
    """The part of host.json that the local host uses."""

    route_prefix: str
    function_timeout: timedelta | None
    log_levels: LogLevels
    queues: QueueSettings

    @classmethod
    def load(cls, app: Path, settings: AppSettings) -> Self:
        """Read the app's host.json; ``HostError`` says what is missing or wrong."""
        path = app / "host.json"
        document = _json_object(path)
        if document is None:
            raise HostError(f"{path} is missing: is this the folder of a function app?")
        _override(document, settings)
        if document.get("version") != "2.0":
            raise HostError(f'{path}: "version" must be "2.0"')
        try:
            return cls(
                route_prefix=str(_at(document, "extensions", "http").get("routePrefix", "api")),
                function_timeout=_timeout(str(document.get("functionTimeout", "00:30:00"))),
                log_levels=LogLevels.parse(_at(document, "logging", "logLevel")),
                queues=_queue_settings(_at(document, "extensions", "queues"), settings),
            )
        except ValueError as error:
            raise HostError(f"{path}: {error}") from None


def app_settings(app: Path, environ: Mapping[str, str]) -> AppSettings:
    """Return the values of local.settings.json, if it exists, overridden by the environment."""
    path = app / "local.settings.json"
    document = _json_object(path) or {}
    if document.get("IsEncrypted"):
        raise HostError(f"{path} is encrypted: run 'func settings decrypt' first")
    values = {name: str(value) for name, value in document.get("Values", {}).items()}
    return values | dict(environ)


def resolved(text: str, settings: AppSettings) -> str:
    """Replace every ``%SETTING%`` by its value; ``ValueError`` names a missing setting."""

    def value(match: re.Match[str]) -> str:
        try:
            return settings[match[1]]
        except KeyError:
            raise ValueError(
                f"'%{match[1]}%' does not resolve to a value: the app setting is missing"
            ) from None

    return re.sub(r"%([^%]+)%", value, text)


def _json_object(path: Path) -> dict[str, Any] | None:
    """Return the object in a file; None if there is no file. It may begin with a byte order mark."""
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise HostError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise HostError(f"{path} must contain a JSON object")
    return document


def _at(document: dict[str, Any], *path: str) -> dict[str, Any]:
    """Return an inner object; an empty one if it is missing."""
    for name in path:
        document = document.get(name) or {}
    return document


def _override(document: dict[str, Any], settings: AppSettings) -> None:
    """Copy the app settings that override host.json into it. Their names may be in any case."""
    for name, value in settings.items():
        if not name.lower().startswith(_OVERRIDE):
            continue
        *path, last = name.split("__")[1:]
        inner = document
        for part in path:
            inner = inner.setdefault(_same_key(inner, part), {})
        inner[_same_key(inner, last)] = value


def _same_key(document: dict[str, Any], name: str) -> str:
    known = _CAMEL_CASE | {key.lower(): key for key in document}
    return known.get(name.lower(), name)


def _timeout(text: str) -> timedelta | None:
    return None if text in _UNBOUNDED else parse_timespan(text)


def _queue_settings(document: dict[str, Any], settings: AppSettings) -> QueueSettings:
    batch_size = _integer(document, "batchSize", 16, 1, BATCH_SIZE_MAX)
    encoding = str(document.get("messageEncoding", "base64")).lower()
    if encoding not in {"base64", "none"}:
        raise ValueError(f'messageEncoding must be "base64" or "none", not {encoding!r}')
    return QueueSettings(
        batch_size=batch_size,
        new_batch_threshold=_integer(
            document, "newBatchThreshold", batch_size // 2 * (os.cpu_count() or 1), 0, None
        ),
        max_dequeue_count=_integer(document, "maxDequeueCount", 5, 1, None),
        visibility_timeout=parse_timespan(str(document.get("visibilityTimeout", "00:00:00"))),
        max_polling_interval=parse_timespan(str(document.get("maxPollingInterval", "00:01:00"))),
        base64=encoding == "base64",
        lease_seconds=_integer(settings, LEASE_SECONDS_SETTING, LEASE_SECONDS, 1, LEASE_SECONDS),
    )


def _integer(document: Mapping[str, Any], name: str, default: int, low: int, high: int | None) -> int:
    text = str(document.get(name, default))
    if not text.isdecimal() or int(text) < low or (high is not None and int(text) > high):
        raise ValueError(
            f"{name} must be a whole number of at least {low}" + (f", at most {high}" if high else "")
        )
    return int(text)
