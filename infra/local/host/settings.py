"""host.json, local.settings.json and the environment, read once at the start.

App settings are the environment on top of local.settings.json, as with ``func``. An app setting named
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
# The real host hides a received message for ten minutes, fixed; only tests want less.
LEASE_SECONDS = 600
BATCH_SIZE_MAX = 32
_OVERRIDE = "azurefunctionsjobhost__"
_UNBOUNDED = ("-1", "-1.00:00:00", "-00:00:00.0010000")
# An override may name a key that host.json does not have, in any case; this is how we look it up.
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
    """What the host itself is told; the rest of host.json is for Azure."""

    route_prefix: str
    function_timeout: timedelta | None
    log_levels: LogLevels
    queues: QueueSettings

    @classmethod
    def load(cls, app: Path, settings: AppSettings) -> Self:
        """Read the app's host.json; ``HostError`` names what is missing or wrong."""
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
    """Return the environment on top of the values of local.settings.json, if there is one."""
    path = app / "local.settings.json"
    document = _json_object(path) or {}
    if document.get("IsEncrypted"):
        raise HostError(f"{path} is encrypted: run 'func settings decrypt' first")
    values = {name: str(value) for name, value in document.get("Values", {}).items()}
    return values | dict(environ)


def resolved(text: str, settings: AppSettings) -> str:
    """Replace every ``%SETTING%``; ``ValueError`` names one that does not exist."""

    def value(match: re.Match[str]) -> str:
        try:
            return settings[match[1]]
        except KeyError:
            raise ValueError(f"'%{match[1]}%' does not resolve to a value: no such app setting") from None

    return re.sub(r"%([^%]+)%", value, text)


def _json_object(path: Path) -> dict[str, Any] | None:
    """Read a file, none if there is none; ``utf-8-sig`` as .NET tools like to write a byte order mark."""
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise HostError(f"{path} is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise HostError(f"{path} is no JSON object")
    return document


def _at(document: dict[str, Any], *path: str) -> dict[str, Any]:
    """Return an inner object, empty if there is none."""
    for name in path:
        document = document.get(name) or {}
    return document


def _override(document: dict[str, Any], settings: AppSettings) -> None:
    """Put the app settings that are meant for host.json where they belong, in whatever case they are."""
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
