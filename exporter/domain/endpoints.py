"""Which storage hosts a destination may name: the guard against being sent to somebody else's network."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

AZURE_BLOB_HOSTS = (
    "*.blob.core.windows.net",
    "*.blob.storage.azure.net",  # accounts with DNS zone endpoints
    "*.blob.core.usgovcloudapi.net",
    "*.blob.core.chinacloudapi.cn",
)
# Azure's rule for the names of containers; $root and $web, which it makes itself, are not for data.
CONTAINER_NAME = re.compile(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", re.ASCII)
# A name or an IPv4 address; an IPv6 address, which has brackets in a URL and in the setting only.
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\.?|[0-9a-f:]*:[0-9a-f:.]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class AllowedHosts:
    """A setting such as ``DESTINATION_HOSTS``: host names, or ``*.`` and a domain for every host below it."""

    patterns: tuple[str, ...] = AZURE_BLOB_HOSTS
    setting: str = "DESTINATION_HOSTS"
    example: str = "https://ACCOUNT.blob.core.windows.net"

    def __str__(self) -> str:
        return ", ".join(self.patterns) or "none"

    def objection(self, url: str) -> str | None:
        """Return what is wrong with a URL, or None if it is allowed."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
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
        if not self._allow(host):
            return f"names the host {host}, but only these are allowed here ({self.setting}): {self}"
        if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)):
            return None
        return "must begin with https://"

    def _allow(self, host: str) -> bool:
        host = host.lower().rstrip(".")
        return any(
            host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern.strip("[]")
            for pattern in self.patterns
        )


NO_WEBHOOKS = AllowedHosts((), "NOTIFY_HOSTS", "https://HOST/PATH")


def _is_loopback(host: str) -> bool:
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
    settings = {
        name.strip().lower(): value.strip()
        for name, separator, value in (part.partition("=") for part in connection_string.split(";"))
        if separator
    }
    if endpoint := settings.get("blobendpoint"):
        return endpoint.rstrip("/")
    account, suffix = settings.get("accountname"), settings.get("endpointsuffix", "core.windows.net")
    if not account:
        raise ValueError("has neither BlobEndpoint nor AccountName")
    return f"{settings.get('defaultendpointsprotocol', 'https')}://{account}.blob.{suffix}"
