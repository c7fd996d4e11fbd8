"""Which hosts a destination may name, and which URLs lead to the same account.

Two guards are here: ``AllowedHosts`` keeps requests out of networks that the operator has not allowed, and
``OwnContainers`` keeps exports out of the exporter's own containers.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

AZURE_BLOB_HOSTS = (
    "*.blob.core.windows.net",
    "*.blob.storage.azure.net",  # accounts with DNS zone endpoints
    "*.blob.core.usgovcloudapi.net",
    "*.blob.core.chinacloudapi.cn",
)
EXPORT_API_HOSTS = ("amplitude.com", "analytics.eu.amplitude.com")
# Azure's rule for container names. Azure's own containers $root and $web are not for data.
CONTAINER_NAME = re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", re.ASCII)
# Containers of the exporter's own account besides landing: no destination writes there.
OWN_CONTAINERS = frozenset({"rejected", "export-state", "pulled", "deployments"})
# The prefix of the containers of the Functions host and its extensions.
HOST_CONTAINERS_PREFIX = "azure-webjobs-"
_DEFAULT_PORTS = {"https": 443, "http": 80}
# A host with a domain. Other hosts, IP addresses and single words, are emulators: the path names the account.
_NAMED_HOST = re.compile(r"\.[a-z]", re.ASCII | re.IGNORECASE)
# An account's name, in a URL of an emulator; the read-only copy of an account has the suffix.
_ACCOUNT_PATH = re.compile(r"/?|/+([A-Za-z0-9-]{3,63})/?", re.ASCII)
_SECONDARY = "-secondary"
# A private endpoint has its own host name for the same account.
_PRIVATE_LINK = ".privatelink."
# A name or an IPv4 address; an IPv6 address, which has brackets in a URL and in the setting only.
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\.?|[0-9a-f:]*:[0-9a-f:.]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """A setting such as ``DESTINATION_HOSTS``: hosts, or ``*.`` and a domain for every host below it.

    A host stands for the default port of its scheme; ``host:port`` stands for that port. A loopback host
    without a port stands for all of its ports, because storage emulators have no default one.
    """

    patterns: tuple[str, ...] = AZURE_BLOB_HOSTS
    setting: str = "DESTINATION_HOSTS"
    example: str = "https://ACCOUNT.blob.core.windows.net"

    def __str__(self) -> str:
        return ", ".join(self.patterns) or "none"

    def objection(self, url: str) -> str | None:
        """Return what is wrong with a URL, or None if it is allowed; nothing of the URL is repeated."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return "is not a URL"
        # Parsers of URLs disagree about odd characters: what this one takes for the host's name, the one that
        # connects may take for something behind it. So hosts are plain names, and URLs hold no mark of these.
        if (
            not host
            or not _HOST.fullmatch(host)
            or not url.isprintable()
            or any(mark in url for mark in "@?#\\ ")
        ):
            return f"must look like {self.example}, without a query, fragment or password"
        if not self._allow(host, None):
            return f"names a host that is not allowed here; allowed are ({self.setting}): {self}"
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
            return "must begin with https://"
        if port not in {None, _DEFAULT_PORTS[parts.scheme]} and not self._allow(host, port):
            return f"names a port that is not allowed here: leave it out, or see {self.setting}"
        return None

    def _allow(self, host: str, port: int | None) -> bool:
        """Whether a host is allowed, with a port that is not the default one if ``port`` is given."""
        host = host.lower().rstrip(".")
        for pattern in self.patterns:
            name, allowed_port = split_host(pattern)
            named = host.endswith(name[1:]) if name.startswith("*.") else host == name.strip("[]")
            any_port = port is None or (allowed_port is None and is_loopback(host))
            if named and (any_port or port == allowed_port):
                return True
        return False


def split_host(pattern: str) -> tuple[str, int | None]:
    """Return host and port of ``host``, ``host:port`` or ``[::1]:port``; no port is None."""
    name, colon, port = pattern.rpartition(":")
    if not colon or pattern.endswith("]"):
        return pattern, None
    return name, int(port)


NO_WEBHOOKS = AllowedHosts((), "NOTIFY_HOSTS", "https://HOST/PATH")
EXPORT_API = AllowedHosts(EXPORT_API_HOSTS, "PULL_HOSTS", f"https://{EXPORT_API_HOSTS[0]}")


def is_loopback(host: str) -> bool:
    """Whether a host, without brackets, is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def blob_endpoint(connection_string: str) -> str:
    """Return the blob service URL that a storage connection string leads to; ValueError if there is none.

    The message never repeats any of the connection string: it holds a key.
    """
    settings = _settings(connection_string)
    if endpoint := settings.get("blobendpoint"):
        return endpoint.rstrip("/")
    account, suffix = settings.get("accountname"), settings.get("endpointsuffix", "core.windows.net")
    if not account:
        raise ValueError("has neither BlobEndpoint nor AccountName")
    return f"{settings.get('defaultendpointsprotocol', 'https')}://{account}.blob.{suffix}"


def blob_endpoints(connection_string: str) -> tuple[str, ...]:
    """Return every blob service URL that is in a connection string: that of a read-only copy may be named."""
    secondary = _settings(connection_string).get("blobsecondaryendpoint")
    return (blob_endpoint(connection_string), *([secondary.rstrip("/")] if secondary else []))


def _settings(connection_string: str) -> dict[str, str]:
    parts = (part.partition("=") for part in connection_string.split(";"))
    return {name.strip().lower(): value.strip() for name, separator, value in parts if separator}


def account_objection(url: str) -> str | None:
    """Return what is wrong with the path of an account's URL, or None if it names an account and no more.

    The path names the account only where the host does not, as for emulators.
    """
    parts = urlsplit(url)
    named_by_host = _is_named(parts.hostname or "")
    if (named_by_host and parts.path.strip("/")) or not _ACCOUNT_PATH.fullmatch(parts.path):
        return "must be the account's address alone: the container has a field of its own"
    return None


def account_of(url: str) -> str:
    """Return which account a blob service URL leads to: the same text for all URLs of one account.

    The case of letters, default ports, slashes and dots at the end, the read-only copy of the account, its
    private endpoint, and the names of the loopback interface make no difference. The function
    is idempotent. ``ValueError`` if the text is not a URL.
    """
    parts = urlsplit(url if "://" in url else f"https://{url}")
    host = (parts.hostname or "").lower().rstrip(".")
    if _is_named(host):
        host = host.replace(_PRIVATE_LINK, ".", 1)
        account, dot, domain = host.partition(".")
        return f"{account.removesuffix(_SECONDARY)}{dot}{domain}{_port(parts)}"
    account = parts.path.strip("/").partition("/")[0].lower().removesuffix(_SECONDARY)
    return f"{'127.0.0.1' if is_loopback(host) else host}{_port(parts)}/{account}"


def _port(parts: SplitResult) -> str:
    """Return the port of a URL with a colon before it; nothing for the default one."""
    if parts.port in {None, _DEFAULT_PORTS.get(parts.scheme)}:
        return ""
    return f":{parts.port}"


def _is_named(host: str) -> bool:
    """Whether the host name contains the account's name; that of an emulator is a number or a single word."""
    return _NAMED_HOST.search(host) is not None


def same_container(one: str, other: str) -> bool:
    """Whether two targets (``account|container|prefix``; the prefix may be left out) are in one container.

    An unknown account (older records do not have it) matches every account; an empty target matches all.
    """
    if not one or not other:
        return True
    (account, container), (other_account, other_container) = (_split_target(each) for each in (one, other))
    return container == other_container and (
        not account or not other_account or account_of(account) == account_of(other_account)
    )


def _split_target(target: str) -> tuple[str, str]:
    account, _, rest = target.partition("|")
    return account, rest.partition("|")[0]


@dataclass(frozen=True, slots=True)
class OwnContainers:
    """The exporter's own containers: ``account`` is ``account_of`` its blob service.

    ``names`` are the containers besides those of the Functions host.
    """

    account: str
    names: frozenset[str] = OWN_CONTAINERS

    @classmethod
    def at(cls, blob_url: str, landing_container: str) -> "OwnContainers":
        """Return the own containers of the account with that blob service."""
        return cls(account_of(blob_url), OWN_CONTAINERS | {landing_container})

    def hold(self, account_url: str, container: str) -> bool:
        """Whether a container of some account is one of them."""
        own = container in self.names or container.startswith(HOST_CONTAINERS_PREFIX)
        return own and account_of(account_url) == self.account


NO_OWN_CONTAINERS = OwnContainers("", frozenset())
