"""The host's own clients for Azure Storage, and a log of failures that does not repeat itself."""

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import ContainerClient
from azure.storage.queue import LinearRetry, QueueClient

from infra.local.azurite import Endpoints
from infra.local.host.errors import UnusableFunctionError
from infra.local.host.settings import AppSettings

REPEAT_SECONDS = 60.0
CONNECT_SECONDS_MAX = 5
_DEVELOPMENT = Endpoints(10000, 10001, 10002).connection_string
_log = logging.getLogger("host")


def connection_string(settings: AppSettings, name: str) -> str:
    """Return the connection string in an app setting; ``UnusableFunctionError`` if it is missing."""
    value = settings.get(name) or settings.get(f"AzureWebJobs{name}")
    if not value and name in settings:
        raise UnusableFunctionError(
            f"the app setting {name} is empty, but the host still reads it as a connection string: remove it "
            f"to use {name}__accountName or {name}__queueServiceUri"
        )
    if not value:
        raise UnusableFunctionError(f"the app setting {name} is missing: set it to a connection string")
    development = value.strip().rstrip(";").lower() == "usedevelopmentstorage=true"
    return _DEVELOPMENT if development else value


def service_uri(settings: AppSettings, name: str, service: str) -> str | None:
    """Return the address of a service from the identity-based form of an app setting; else None.

    A connection string wins over that form, even an empty one.
    """
    if name in settings:
        return None
    if account := settings.get(f"{name}__accountName"):
        return f"https://{account}.{service}.core.windows.net"
    return settings.get(f"{name}__{service}ServiceUri") or None


def queue_client(settings: AppSettings, connection: str, queue: str) -> QueueClient:
    """Return a client that neither encodes nor decodes messages: the host does that."""
    if uri := service_uri(settings, connection, "queue"):
        return QueueClient(uri, queue, credential=_identity(settings), **_client_options())
    with _without_secrets(connection):
        return QueueClient.from_connection_string(
            connection_string(settings, connection), queue, **_client_options()
        )


def container_client(settings: AppSettings, connection: str, container: str) -> ContainerClient:
    """Return a client for one container."""
    if uri := service_uri(settings, connection, "blob"):
        return ContainerClient(uri, container, credential=_identity(settings), **_client_options())
    with _without_secrets(connection):
        return ContainerClient.from_connection_string(
            connection_string(settings, connection), container, **_client_options()
        )


def _identity(settings: AppSettings) -> DefaultAzureCredential:
    """Return the default credential, as the real host does if no managed identity is named."""
    authority = settings.get("ENTRA_AUTHORITY") or None
    return DefaultAzureCredential(authority=authority, disable_instance_discovery=True)


@contextlib.contextmanager
def _without_secrets(connection: str) -> Iterator[None]:
    """Replace the SDK's error for a malformed connection string: its text may contain the key."""
    try:
        yield
    except ValueError:
        raise UnusableFunctionError(f"{connection} is not a valid connection string") from None


def _client_options() -> dict[str, Any]:
    """Retry once, at once: the callers retry themselves."""
    return {
        "retry_policy": LinearRetry(backoff=0, retry_total=1, random_jitter_range=0),
        "connection_timeout": CONNECT_SECONDS_MAX,
    }


def reason(error: Exception) -> str:
    """Return the first line of an SDK's message; the other lines are XML and ids."""
    return error.message.partition("\n")[0] if isinstance(error, AzureError) else repr(error)


class Trouble:
    """Logs failures of storage: the first at once, then one a minute, and the end of them."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._lock = threading.Lock()
        self._last: float | None = None

    def report(self, error: Exception) -> None:
        """Count a failure."""
        with self._lock:
            if self._last is None or time.monotonic() - self._last > REPEAT_SECONDS:
                self._last = time.monotonic()
                _log.warning("%s: storage cannot be reached, trying again (%s)", self._subject, reason(error))

    def over(self) -> None:
        """Count a success."""
        with self._lock:
            if self._last is not None:
                self._last = None
                _log.info("%s: storage can be reached again", self._subject)


def send(client: QueueClient, text: str) -> None:
    """Send a text unchanged; create the queue if it does not exist."""
    try:
        client.send_message(text)
    except ResourceNotFoundError:
        with contextlib.suppress(ResourceExistsError):
            client.create_queue()
        client.send_message(text)
