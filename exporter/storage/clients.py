"""The clients of our own storage account, and the timeouts and retries of all storage clients.

Each SDK is imported when it is first needed: together they take a third of a second, and an instance that
only answers a request about tables does not have to wait for all of them.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

_connections_log = logging.getLogger("urllib3.connectionpool")

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline.transport import HttpTransport
    from azure.data.tables import TableServiceClient
    from azure.storage.blob import BlobServiceClient
    from azure.storage.queue import QueueServiceClient

# A blob is read in pieces of this size, in bytes, so that memory does not depend on the size of the blob.
READ_BYTES = 4 * 1024 * 1024
# A body is read from its connection in blocks of this size, which the SDKs set only for their own transports.
# With the default of 4 KiB, reading takes four times the CPU (``python -m tests.bench --only bodies``).
BODY_BLOCK_BYTES = 256 * 1024
# The emulator's account and key are published and the same everywhere: not a secret.
_EMULATOR = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Timeouts and retries of one call. The SDK's defaults would allow it a minute and a half.

    ``connect_seconds`` limits the time to reach the server, ``read_seconds`` the time without a byte from it.
    A failed call is repeated up to ``retries`` times, ``connect_retries`` times if the server cannot be
    reached, ``read_retries`` times if it does not answer. The waits double from ``first_wait_seconds``. They
    can be short, because a queue message or the next tick tries again anyway.
    """

    connect_seconds: int = 5
    read_seconds: int = 30
    retries: int = 3
    connect_retries: int = 2
    read_retries: int = 2
    first_wait_seconds: int = 2


def new_transport(retry: RetryPolicy) -> "HttpTransport[Any, Any]":
    """Return connections that clients share; the caller closes them."""
    # At DEBUG it logs whole URLs, which may contain a shared access signature.
    _connections_log.setLevel(max(_connections_log.level, logging.INFO))
    from exporter.storage.transport import CountingTransport  # noqa: PLC0415  see the module's docstring

    transport: HttpTransport[Any, Any] = CountingTransport(
        connection_timeout=retry.connect_seconds,
        read_timeout=retry.read_seconds,
        connection_data_block_size=BODY_BLOCK_BYTES,
    )
    # Opened here and not by the first call: several threads may make their first call at the same time.
    transport.open()
    return transport


def blob_options(retry: RetryPolicy, transport: "HttpTransport[Any, Any]") -> dict[str, Any]:
    """Return the options of every blob client."""
    from azure.storage.blob import ExponentialRetry  # noqa: PLC0415  see the module's docstring

    return {
        "transport": transport,
        "retry_policy": ExponentialRetry(**_waits(retry)),
        # A redirect could lead to a host that is not allowed.
        "permit_redirects": False,
        "max_single_get_size": READ_BYTES,
        "max_chunk_get_size": READ_BYTES,
    }


def _waits(retry: RetryPolicy) -> dict[str, Any]:
    """Return the SDK's retry arguments: the n-th wait is about its base to the power of n."""
    return {
        "initial_backoff": 0,
        "increment_base": retry.first_wait_seconds,
        "random_jitter_range": min(retry.first_wait_seconds, 1),
        "retry_total": retry.retries,
        "retry_connect": retry.connect_retries,
        "retry_read": retry.read_retries,
    }


@dataclass(frozen=True, slots=True)
class ByIdentity:
    """Sign-in by an identity: the ``urls`` of the services ``blob``, ``queue`` and ``table``.

    ``client_id`` names a user-assigned identity; ``authority`` is the address that issues tokens.
    """

    urls: Mapping[str, str]
    client_id: str | None = None
    authority: str | None = None


class Account:
    """Our own storage account, opened by its connection string or by an identity.

    With a ``transport``, tests count calls or lose answers; it is closed with the account.
    """

    def __init__(
        self,
        connection_string: str | None = None,
        *,
        identity: ByIdentity | None = None,
        retry: RetryPolicy | None = None,
        transport: "HttpTransport[Any, Any] | None" = None,
    ) -> None:
        if (connection_string is None) == (identity is None):
            raise ValueError("an account needs either a connection string or an identity, and not both")
        if connection_string and connection_string.strip("; ").lower() == "usedevelopmentstorage=true":
            connection_string = _EMULATOR
        self._connection_string = connection_string
        self._by_identity = identity or ByIdentity({})
        self._retry = retry or RetryPolicy()
        self._transport = transport or new_transport(self._retry)

    @cached_property
    def blobs(self) -> "BlobServiceClient":
        """The blob service."""
        from azure.storage.blob import BlobServiceClient  # noqa: PLC0415  see the module's docstring

        options = blob_options(self._retry, self._transport)
        if self._connection_string:
            return BlobServiceClient.from_connection_string(self._connection_string, **options)
        return BlobServiceClient(self._by_identity.urls["blob"], credential=self._identity, **options)

    @cached_property
    def queues(self) -> "QueueServiceClient":
        """The queue service."""
        from azure.storage.queue import (  # noqa: PLC0415  see the module's docstring
            ExponentialRetry,
            QueueServiceClient,
        )

        options: dict[str, Any] = {
            "transport": self._transport,
            "retry_policy": ExponentialRetry(**_waits(self._retry)),
            "permit_redirects": False,
        }
        if self._connection_string:
            return QueueServiceClient.from_connection_string(self._connection_string, **options)
        return QueueServiceClient(self._by_identity.urls["queue"], credential=self._identity, **options)

    @cached_property
    def tables(self) -> "TableServiceClient":
        """The table service."""
        from azure.data.tables import TableServiceClient  # noqa: PLC0415  see the module's docstring

        # This SDK's policy repeats the call once without a wait, and doubles its waits from then on.
        options: dict[str, Any] = {
            "transport": self._transport,
            "retry_total": self._retry.retries,
            "retry_connect": self._retry.connect_retries,
            "retry_read": self._retry.read_retries,
            "retry_backoff_factor": self._retry.first_wait_seconds / 2,
            "permit_redirects": False,
        }
        if self._connection_string:
            return TableServiceClient.from_connection_string(self._connection_string, **options)
        return TableServiceClient(self._by_identity.urls["table"], credential=self._identity, **options)

    def close(self) -> None:
        """Close the connections of all services."""
        self._transport.close()

    @cached_property
    def _identity(self) -> "TokenCredential":
        from azure.identity import (  # noqa: PLC0415  see the module's docstring
            DefaultAzureCredential,
            ManagedIdentityCredential,
        )

        if self._by_identity.client_id:
            return ManagedIdentityCredential(client_id=self._by_identity.client_id)
        # In Azure this is the managed identity; on a developer's machine, the account that is signed in.
        return DefaultAzureCredential(authority=self._by_identity.authority, disable_instance_discovery=True)
