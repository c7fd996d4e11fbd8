"""The host's own clients for Azure Storage, and a log that does not repeat itself while storage is away."""

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
    """Return the connection string an app setting holds; ``UnusableFunctionError`` if it holds none."""
    value = settings.get(name) or settings.get(f"AzureWebJobs{name}")
    if not value and name in settings:
        raise UnusableFunctionError(
            f"the app setting {name} is empty, and the host takes it for a connection string all the same: "
            f"remove it if {name}__accountName or {name}__queueServiceUri are to count"
        )
    if not value:
        raise UnusableFunctionError(f"the app setting {name} is missing: it must hold a connection string")
    development = value.strip().rstrip(";").lower() == "usedevelopmentstorage=true"
    return _DEVELOPMENT if development else value


def service_uri(settings: AppSettings, name: str, service: str) -> str | None:
    """Return the address of a service, if the app setting is in its identity-based form.

    A connection string wins over it, even an empty one.
    """
    if name in settings:
        return None
    if account := settings.get(f"{name}__accountName"):
        return f"https://{account}.{service}.core.windows.net"
    return settings.get(f"{name}__{service}ServiceUri") or None


def queue_client(settings: AppSettings, connection: str, queue: str) -> QueueClient:
    """Return a client that sends and receives texts as they are; the encoding is the host's business."""
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
    """Return whoever is signed in, as the real host does where no managed identity is named."""
    authority = settings.get("ENTRA_AUTHORITY") or None
    return DefaultAzureCredential(authority=authority, disable_instance_discovery=True)


@contextlib.contextmanager
def _without_secrets(connection: str) -> Iterator[None]:
    """Replace what the SDK says of a malformed connection string: it might quote it, and with it the key."""
    try:
        yield
    except ValueError:
        raise UnusableFunctionError(f"{connection} holds no valid connection string") from None


def _client_options() -> dict[str, Any]:
    """Try a second time at once, then give up: whoever asks will ask again."""
    return {
        "retry_policy": LinearRetry(backoff=0, retry_total=1, random_jitter_range=0),
        "connection_timeout": CONNECT_SECONDS_MAX,
    }


def reason(error: Exception) -> str:
    """Return the first line of what an SDK says; the others are XML and ids."""
    return error.message.partition("\n")[0] if isinstance(error, AzureError) else repr(error)


class Trouble:
    """Logs that storage fails: at once, then once in a while, and when it is over."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._lock = threading.Lock()
        self._last: float | None = None

    def report(self, error: Exception) -> None:
        """Take note of a failure."""
        with self._lock:
            if self._last is None or time.monotonic() - self._last > REPEAT_SECONDS:
                self._last = time.monotonic()
                _log.warning("%s: no storage, trying on (%s)", self._subject, reason(error))

    def over(self) -> None:
        """Take note of a success."""
        with self._lock:
            if self._last is not None:
                self._last = None
                _log.info("%s: storage is back", self._subject)


def send(client: QueueClient, text: str) -> None:
    """Send a text as it is, to a queue that may not exist yet."""
    try:
        client.send_message(text)
    except ResourceNotFoundError:
        with contextlib.suppress(ResourceExistsError):
            client.create_queue()
        client.send_message(text)
