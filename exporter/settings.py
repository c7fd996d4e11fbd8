"""The settings. Only this module reads the environment."""

import base64
import binascii
import ipaddress
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from urllib.parse import unquote, urlsplit

from exporter.domain import ncrontab
from exporter.domain.allowed_hosts import (
    AZURE_BLOB_HOSTS,
    CONTAINER_NAME,
    EXPORT_API,
    EXPORT_API_HOSTS,
    NO_WEBHOOKS,
    AllowedHosts,
    OwnContainers,
    blob_endpoint,
    split_host,
)
from exporter.domain.destination import MIB, WHOLE_BYTES_MAX
from exporter.domain.errors import NotConfigured, Problem

SCHEDULE_DEFAULT = "0 */5 * * * *"
SETTLE_MINUTES_MAX = 1440
PULL_SCHEDULE_DEFAULT = "30 */5 * * * *"
PULL_CONCURRENCY_DEFAULT = 2
# The Export API allows five requests at once, over all of its clients.
PULL_CONCURRENCY_MAX = 4
# At DEBUG the SDKs may log the contents of requests and answers, secrets included.
SDK_LOG_LEVELS = {"ERROR": logging.ERROR, "WARNING": logging.WARNING, "INFO": logging.INFO}
SDK_LOG_LEVEL_DEFAULT = "WARNING"
# How long after an hour is closed its landing folder is compared again, for blobs that landed late.
LATE_CHECKS_DEFAULT = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 72))
LATE_CHECKS_MAX = 8
LATE_CHECK_HOURS_MAX = 30 * 24
# A landing blob of at least this size may become a part of its own.
WHOLE_BLOB_MIB_MIN_DEFAULT = 8
SECRETS_KEY_BYTES = 32
# The short connection string of the emulator on its default port, and the address of its blob service.
USE_EMULATOR = "usedevelopmentstorage=true"
EMULATOR_BLOB_URL = "http://127.0.0.1:10000/devstoreaccount1"
# The services of our own storage account that the app uses.
SERVICES = ("blob", "queue", "table")
ENTRA_AUTHORITY_DEFAULT = "https://login.microsoftonline.com"
AZURE_PORTAL_DEFAULT = "https://portal.azure.com"
SERVICE_NAME_DEFAULT = "blob-exporter"
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}", re.ASCII)
_HOST = re.compile(r"((\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(:[1-9][0-9]{0,4})?", re.ASCII)
_PORT_MAX = 65_535
_NUMBER = re.compile(r"[0-9]{1,4}")
# What can be asked for log records: Application Insights, or a workspace. Azure does not tell cases apart.
_LOG_RESOURCE = re.compile(
    r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[\w.()-]{1,90}/providers/"
    r"(Microsoft\.Insights/components|Microsoft\.OperationalInsights/workspaces)/[\w.()-]{1,260}",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class OwnStorage:
    """Our own storage account: a connection string, or addresses to open with the app's identity.

    ``urls`` are the addresses of the services ``blob``, ``queue`` and ``table``; ``client_id`` names a
    user-assigned identity, which also signs in for destinations of the type ``workload_identity``.
    """

    connection_string: str | None = field(default=None, repr=False)
    urls: Mapping[str, str] = field(default_factory=dict)
    client_id: str | None = None

    @property
    def blob_url(self) -> str:
        """The address of its blob service."""
        if self.connection_string is None:
            return self.urls["blob"]
        if self.connection_string.strip("; ").lower() == USE_EMULATOR:
            return EMULATOR_BLOB_URL
        return blob_endpoint(self.connection_string)


@dataclass(frozen=True, slots=True)
class TelemetryTarget:
    """A collector of OpenTelemetry: its address, the headers of a request, and the name of the app there."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    service: str = SERVICE_NAME_DEFAULT


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the operator; docs/settings.md describes each of them."""

    own_storage: OwnStorage
    secrets_keys: tuple[bytes, ...] = field(repr=False)
    landing_container: str = "landing"
    export_schedule: str = SCHEDULE_DEFAULT
    settle: timedelta = timedelta(minutes=10)
    late_checks: tuple[timedelta, ...] = LATE_CHECKS_DEFAULT
    whole_bytes_min: int | None = WHOLE_BLOB_MIB_MIN_DEFAULT * MIB
    destination_hosts: AllowedHosts = field(default_factory=AllowedHosts)
    entra_authority: str = ENTRA_AUTHORITY_DEFAULT
    notify_hosts: AllowedHosts = NO_WEBHOOKS
    notice_queue: str | None = None
    sdk_log_level: int = SDK_LOG_LEVELS[SDK_LOG_LEVEL_DEFAULT]
    outbound_addresses: tuple[str, ...] = ()
    native_code: bool = True
    telemetry: "TelemetryTarget | None" = None
    trusts_principal: bool = False
    """Whether App Service authentication checks callers, and sets the headers that name them."""
    pull_schedule: str = PULL_SCHEDULE_DEFAULT
    pull_hosts: AllowedHosts = EXPORT_API
    pull_concurrency: int = PULL_CONCURRENCY_DEFAULT
    log_resource_id: str | None = None
    """The resource that holds the log: an Application Insights component, or a Log Analytics workspace."""
    azure_portal: str = AZURE_PORTAL_DEFAULT

    @property
    def own_containers(self) -> OwnContainers:
        """The containers of the app itself, which no destination may use."""
        return OwnContainers.at(self.own_storage.blob_url, self.landing_container)

    def shown(self) -> dict[str, str]:
        """Return the effective settings by name, in the form in which they are set; no secret.

        Of a secret only that it is set, and of a connection string the account's address.
        """
        hour, minute = timedelta(hours=1), timedelta(minutes=1)
        own = self.own_storage
        whole = self.whole_bytes_min
        return {
            "AzureWebJobsStorage": ", ".join(own.urls.values()) or own.blob_url,
            "LANDING_CONTAINER": self.landing_container,
            "EXPORT_SCHEDULE": self.export_schedule,
            "SETTLE_MINUTES": str(self.settle // minute),
            "LATE_CHECK_HOURS": ",".join(str(each // hour) for each in self.late_checks) or "off",
            "NATIVE_CODE": "on" if self.native_code else "off",
            "WHOLE_BLOB_MIB_MIN": "off" if whole is None else str(whole // MIB),
            "DESTINATION_HOSTS": ",".join(self.destination_hosts.patterns),
            "ENTRA_AUTHORITY": self.entra_authority,
            "NOTIFY_HOSTS": ",".join(self.notify_hosts.patterns),
            "NOTICE_QUEUE": self.notice_queue or "",
            "SDK_LOG_LEVEL": logging.getLevelName(self.sdk_log_level),
            "PULL_SCHEDULE": self.pull_schedule,
            "PULL_HOSTS": ",".join(self.pull_hosts.patterns),
            "PULL_CONCURRENCY": str(self.pull_concurrency),
            "SECRETS_KEY": f"set ({len(self.secrets_keys)})",
            "OUTBOUND_ADDRESSES": ",".join(self.outbound_addresses),
            "LOG_ANALYTICS_RESOURCE_ID": self.log_resource_id or "",
            "AZURE_PORTAL": self.azure_portal,
        }

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read and check all settings; ``NotConfigured`` lists every missing or invalid one."""
        reader = _Reader(_process_environ() if environ is None else environ)
        settings = cls(
            own_storage=reader.own_storage(),
            secrets_keys=reader.secrets_keys(),
            landing_container=reader.landing_container(),
            export_schedule=reader.export_schedule(),
            settle=reader.settle(),
            late_checks=reader.late_checks(),
            whole_bytes_min=reader.whole_bytes_min(),
            destination_hosts=reader.destination_hosts(),
            entra_authority=reader.entra_authority(),
            notify_hosts=reader.notify_hosts(),
            notice_queue=reader.notice_queue(),
            sdk_log_level=reader.sdk_log_level(),
            outbound_addresses=reader.outbound_addresses(),
            native_code=reader.native_code(),
            telemetry=reader.telemetry(),
            trusts_principal=reader.trusts_principal(),
            pull_schedule=reader.pull_schedule(),
            pull_hosts=reader.pull_hosts(),
            pull_concurrency=reader.pull_concurrency(),
            log_resource_id=reader.log_resource_id(),
            azure_portal=reader.azure_portal(),
        )
        if reader.problems:
            raise NotConfigured(tuple(reader.problems))
        return settings


def schedule_of_timer(environ: Mapping[str, str] | None = None) -> str:
    """Return the schedule for the timer's binding, which is read when the app is indexed.

    An invalid schedule is replaced by the default, so that the timer ticks; the health check reports it.
    """
    reader = _Reader(_process_environ() if environ is None else environ)
    schedule = reader.export_schedule()
    return SCHEDULE_DEFAULT if reader.problems else schedule


def schedule_of_pull_timer(environ: Mapping[str, str] | None = None) -> str:
    """Return the schedule of the timer of sources, in the same way."""
    reader = _Reader(_process_environ() if environ is None else environ)
    schedule = reader.pull_schedule()
    return PULL_SCHEDULE_DEFAULT if reader.problems else schedule


def sdk_log_level(environ: Mapping[str, str] | None = None) -> int:
    """Return the log level of the SDKs, which is read before the other settings.

    An invalid level is replaced by the default; the health check reports it.
    """
    return _Reader(_process_environ() if environ is None else environ).sdk_log_level()


def telemetry_target(environ: Mapping[str, str] | None = None) -> "TelemetryTarget | None":
    """Return the collector for metrics and spans, read before the other settings; None: there is none.

    An invalid address is no collector; the health check reports it.
    """
    return _Reader(_process_environ() if environ is None else environ).telemetry()


def _uri_setting(service: str) -> str:
    return f"AzureWebJobsStorage__{service}ServiceUri"


def _process_environ() -> Mapping[str, str]:
    return os.environ  # noqa: TID251  the only place that reads it


class _Reader:
    """Reads one setting after the other, and collects the problems. An empty setting counts as missing."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[Problem] = []

    def _get(self, name: str, default: str = "") -> str:
        return self._environ.get(name, "").strip() or default

    def _wrong(self, name: str, message: str) -> None:
        self.problems.append(Problem(name, message))

    def own_storage(self) -> OwnStorage:
        name = "AzureWebJobsStorage"
        client_id = self._get(f"{name}__clientId") or None
        if name in self._environ:
            self._beside_identity(name)
        if account := self._get(f"{name}__accountName"):
            if not _ACCOUNT.fullmatch(account):
                self._wrong(
                    f"{name}__accountName", "is not a name of a storage account: use 3 to 24 of a-z and 0-9"
                )
            urls = {service: f"https://{account}.{service}.core.windows.net" for service in SERVICES}
            return OwnStorage(urls=urls, client_id=client_id)
        if any(self._get(_uri_setting(service)) for service in SERVICES):
            return OwnStorage(urls=dict(self._service_uris()), client_id=client_id)
        text = self._get(name)
        if not text:
            self._wrong(name, f"is missing: set it to a connection string, or {name}__accountName")
        elif text.rstrip("; ").lower() != USE_EMULATOR and "accountname=" not in text.lower():
            self._wrong(name, "is not a connection string: it names no account")
        return OwnStorage(connection_string=text, client_id=client_id)

    def _beside_identity(self, name: str) -> None:
        """Report a connection string, even an empty one, that hides the settings of an identity."""
        names = [f"{name}__accountName", *map(_uri_setting, SERVICES)]
        if given := next((each for each in names if self._get(each)), None):
            wrong = f"is set together with {given}, and hides it even if it is empty: remove one of them"
            self._wrong(name, wrong)

    def _service_uris(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the address of each service; all three are required."""
        for service in SERVICES:
            name = _uri_setting(service)
            uri = self._get(name)
            if urlsplit(uri).scheme != "https" or not urlsplit(uri).hostname:
                self._wrong(name, f"must be an https URL such as https://acme.{service}.core.windows.net")
            yield service, uri.rstrip("/")

    def secrets_keys(self) -> tuple[bytes, ...]:
        name = "SECRETS_KEY"
        texts = [text.strip() for text in self._get(name).split(",") if text.strip()]
        if not texts:
            self._wrong(name, "is missing: set it to 32 random bytes in base64 (openssl rand -base64 32)")
        keys = tuple(self._key(text) for text in texts)
        if any(len(key) != SECRETS_KEY_BYTES for key in keys):
            self._wrong(name, f"must be {SECRETS_KEY_BYTES} bytes in base64; separate several keys by commas")
        return keys

    @staticmethod
    def _key(text: str) -> bytes:
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return b""

    def landing_container(self) -> str:
        container = self._get("LANDING_CONTAINER", "landing")
        if not CONTAINER_NAME.fullmatch(container):
            self._wrong(
                "LANDING_CONTAINER",
                "is not a name of a container: use 3 to 63 of a-z, 0-9 and single hyphens",
            )
        return container

    def export_schedule(self) -> str:
        return self._schedule("EXPORT_SCHEDULE", SCHEDULE_DEFAULT)

    def pull_schedule(self) -> str:
        return self._schedule("PULL_SCHEDULE", PULL_SCHEDULE_DEFAULT)

    def _schedule(self, name: str, default: str) -> str:
        schedule = self._get(name, default)
        if wrong := ncrontab.objection(schedule):
            self._wrong(name, wrong)
        return schedule

    def pull_hosts(self) -> AllowedHosts:
        name = "PULL_HOSTS"
        hosts = self._hosts(name, ",".join(EXPORT_API_HOSTS), EXPORT_API_HOSTS[0])
        if not hosts:
            self._wrong(name, "names no host: remove the setting to allow the hosts of the Export API")
        return replace(EXPORT_API, patterns=hosts)

    def pull_concurrency(self) -> int:
        text = self._get("PULL_CONCURRENCY", str(PULL_CONCURRENCY_DEFAULT))
        if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= PULL_CONCURRENCY_MAX:
            self._wrong("PULL_CONCURRENCY", f"must be a whole number from 1 to {PULL_CONCURRENCY_MAX}")
            return PULL_CONCURRENCY_DEFAULT
        return int(text)

    def settle(self) -> timedelta:
        text = self._get("SETTLE_MINUTES", "10")
        if not _NUMBER.fullmatch(text) or int(text) > SETTLE_MINUTES_MAX:
            self._wrong("SETTLE_MINUTES", f"must be a whole number from 0 to {SETTLE_MINUTES_MAX}")
            return timedelta()
        return timedelta(minutes=int(text))

    def late_checks(self) -> tuple[timedelta, ...]:
        name = "LATE_CHECK_HOURS"
        text = self._get(name)
        if not text:
            return LATE_CHECKS_DEFAULT
        if text.lower() == "off":
            return ()
        hours = [each.strip() for each in text.split(",")]
        numbers = [int(each) for each in hours if _NUMBER.fullmatch(each)]
        rising = numbers == sorted(set(numbers)) and min(numbers, default=0) > 0
        fits = len(numbers) <= LATE_CHECKS_MAX and max(numbers, default=0) <= LATE_CHECK_HOURS_MAX
        if len(numbers) != len(hours) or not rising or not fits:
            self._wrong(
                name,
                f"must be off, or up to {LATE_CHECKS_MAX} numbers of hours from 1 to {LATE_CHECK_HOURS_MAX},"
                " in rising order, separated by commas",
            )
            return ()
        return tuple(timedelta(hours=number) for number in numbers)

    def whole_bytes_min(self) -> int | None:
        text = self._get("WHOLE_BLOB_MIB_MIN", str(WHOLE_BLOB_MIB_MIN_DEFAULT))
        if text.lower() == "off":
            return None
        if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= WHOLE_BYTES_MAX // MIB:
            most = WHOLE_BYTES_MAX // MIB
            self._wrong("WHOLE_BLOB_MIB_MIN", f"must be a whole number from 1 to {most}, or off")
            return None
        return int(text) * MIB

    def destination_hosts(self) -> AllowedHosts:
        name = "DESTINATION_HOSTS"
        hosts = self._hosts(name, ",".join(AZURE_BLOB_HOSTS), "*.blob.core.windows.net")
        if not hosts:
            self._wrong(name, "names no host: remove the setting to allow Azure's own hosts")
        return AllowedHosts(hosts)

    def notify_hosts(self) -> AllowedHosts:
        return replace(NO_WEBHOOKS, patterns=self._hosts("NOTIFY_HOSTS", "", "hooks.example.com"))

    def _hosts(self, name: str, default: str, example: str) -> tuple[str, ...]:
        texts = self._get(name, default).lower().split(",")
        hosts = tuple(text.strip().rstrip(".") for text in texts if text.strip())
        for host in hosts:
            if not _HOST.fullmatch(host) or (split_host(host)[1] or 1) > _PORT_MAX:
                self._wrong(name, f"contains an invalid host: {host}; write a host name such as {example}")
        return hosts

    def notice_queue(self) -> str | None:
        name = self._get("NOTICE_QUEUE")
        if name and not CONTAINER_NAME.fullmatch(name):
            self._wrong(
                "NOTICE_QUEUE", "is not a name of a queue: use 3 to 63 of a-z, 0-9 and single hyphens"
            )
        return name or None

    def sdk_log_level(self) -> int:
        name = "SDK_LOG_LEVEL"
        text = self._get(name, SDK_LOG_LEVEL_DEFAULT).upper()
        if text not in SDK_LOG_LEVELS:
            self._wrong(name, f"must be one of {', '.join(SDK_LOG_LEVELS)}")
        return SDK_LOG_LEVELS.get(text, SDK_LOG_LEVELS[SDK_LOG_LEVEL_DEFAULT])

    def outbound_addresses(self) -> tuple[str, ...]:
        name = "OUTBOUND_ADDRESSES"
        texts = tuple(text.strip() for text in self._get(name).split(",") if text.strip())
        for text in texts:
            try:
                ipaddress.ip_network(text)
            except ValueError:
                wrong = "must be addresses or ranges such as 20.50.1.2 or 20.50.1.0/28, separated by commas"
                self._wrong(name, wrong)
                return ()
        return texts

    def log_resource_id(self) -> str | None:
        name = "LOG_ANALYTICS_RESOURCE_ID"
        text = self._get(name)
        if text and not _LOG_RESOURCE.fullmatch(text):
            self._wrong(
                name,
                "must be the resource id of an Application Insights component or Log Analytics workspace,"
                " such as /subscriptions/…/resourceGroups/…/providers/Microsoft.Insights/components/…",
            )
            return None
        return text or None

    def azure_portal(self) -> str:
        name = "AZURE_PORTAL"
        text = self._get(name, AZURE_PORTAL_DEFAULT).rstrip("/")
        host = text.removeprefix("https://").lower()
        if host == text.lower() or not _HOST.fullmatch(host):
            self._wrong(name, "must be an https URL without a path, such as https://portal.azure.us")
            return AZURE_PORTAL_DEFAULT
        return text

    def native_code(self) -> bool:
        text = self._get("NATIVE_CODE", "on").lower()
        if text not in {"on", "off"}:
            self._wrong("NATIVE_CODE", "must be on or off")
        return text != "off"

    def telemetry(self) -> TelemetryTarget | None:
        url = self._get("OTEL_EXPORTER_OTLP_ENDPOINT").rstrip("/")
        if not url:
            return None
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            self._wrong("OTEL_EXPORTER_OTLP_ENDPOINT", "must be a URL such as http://collector:4318")
            return None
        pairs = (each.partition("=") for each in self._get("OTEL_EXPORTER_OTLP_HEADERS").split(",") if each)
        headers = {name.strip(): unquote(value.strip()) for name, _, value in pairs}
        return TelemetryTarget(url, headers, self._get("OTEL_SERVICE_NAME", SERVICE_NAME_DEFAULT))

    def trusts_principal(self) -> bool:
        return self._get("WEBSITE_AUTH_ENABLED").lower() == "true"

    def entra_authority(self) -> str:
        authority = self._get("ENTRA_AUTHORITY", ENTRA_AUTHORITY_DEFAULT).rstrip("/")
        try:
            parts = urlsplit(authority)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme != "https" or not parts.hostname:
            self._wrong("ENTRA_AUTHORITY", f"must be an https URL such as {ENTRA_AUTHORITY_DEFAULT}")
        return authority
