"""Clients of our own storage account, and how patient every storage client of ours is.

The SDKs are imported where they are first needed: together they take a third of a second, which an instance
that only answers a request about tables does not have to wait for.
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

# A blob is read in pieces of this size, in bytes, so that its size does not matter to our memory.
READ_BYTES = 4 * 1024 * 1024
# The emulator's account and key are the same everywhere, and published: no secret.
_EMULATOR = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long one call may take before it fails: the SDK's own defaults would be a minute and a half.

    ``connect_seconds`` to reach the server, ``read_seconds`` without a byte from it; then up to ``retries``
    further tries (fewer if the server cannot be reached at all, or says nothing), after waits that double
    from ``first_wait_seconds``. A queue message or the next tick tries again anyway.
    """

    connect_seconds: int = 5
    read_seconds: int = 30
    retries: int = 3
    connect_retries: int = 2
    read_retries: int = 2
    first_wait_seconds: int = 2


def new_transport(retry: RetryPolicy) -> "HttpTransport[Any, Any]":
    """Return connections to share between clients; whoever makes them closes them."""
    # At its most talkative it writes down whole URLs, and in a URL may stand a shared access signature.
    _connections_log.setLevel(max(_connections_log.level, logging.INFO))
    from exporter.storage.transport import CountingTransport  # noqa: PLC0415  see the module's docstring

    transport: HttpTransport[Any, Any] = CountingTransport(
        connection_timeout=retry.connect_seconds, read_timeout=retry.read_seconds
    )
    # Opened here and not by the first call, because the first call may be several threads' at once.
    transport.open()
    return transport


def blob_options(retry: RetryPolicy, transport: "HttpTransport[Any, Any]") -> dict[str, Any]:
    """Return what every blob client of ours is made with."""
    from azure.storage.blob import ExponentialRetry  # noqa: PLC0415  see the module's docstring

    return {
        "transport": transport,
        "retry_policy": ExponentialRetry(**_waits(retry)),
        # A redirect would lead to a host that nobody has allowed.
        "permit_redirects": False,
        "max_single_get_size": READ_BYTES,
        "max_chunk_get_size": READ_BYTES,
    }


def _waits(retry: RetryPolicy) -> dict[str, Any]:
    """Return the retry policy's arguments: its n-th wait is its base to the power of n, give or take."""
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
    """How to sign in without a key: the ``urls`` of the services ``blob``, ``queue`` and ``table``.

    ``client_id`` names an identity that was assigned by hand; ``authority`` is where tokens are asked for.
    """

    urls: Mapping[str, str]
    client_id: str | None = None
    authority: str | None = None


class Account:
    """Our own storage account: by its connection string, or by an identity.

    ``transport`` lets tests count calls, or lose answers; it is closed with the account.
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
            raise ValueError("an account is given either by a connection string or by an identity")
        if connection_string and connection_string.strip("; ").lower() == "usedevelopmentstorage=true":
            connection_string = _EMULATOR
        self._connection_string = connection_string
        self._by_identity = identity or ByIdentity({})
        self._patience = retry or RetryPolicy()
        self._transport = transport or new_transport(self._patience)

    @cached_property
    def blobs(self) -> "BlobServiceClient":
        """The blob service."""
        from azure.storage.blob import BlobServiceClient  # noqa: PLC0415  see the module's docstring

        options = blob_options(self._patience, self._transport)
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
            "retry_policy": ExponentialRetry(**_waits(self._patience)),
            "permit_redirects": False,
        }
        if self._connection_string:
            return QueueServiceClient.from_connection_string(self._connection_string, **options)
        return QueueServiceClient(self._by_identity.urls["queue"], credential=self._identity, **options)

    @cached_property
    def tables(self) -> "TableServiceClient":
        """The table service."""
        from azure.data.tables import TableServiceClient  # noqa: PLC0415  see the module's docstring

        # Its own policy tries once more at once, and doubles its waits from then on.
        options: dict[str, Any] = {
            "transport": self._transport,
            "retry_total": self._patience.retries,
            "retry_connect": self._patience.connect_retries,
            "retry_read": self._patience.read_retries,
            "retry_backoff_factor": self._patience.first_wait_seconds / 2,
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
        # Where there is a managed identity, it is that; on a developer's machine, whoever is signed in.
        return DefaultAzureCredential(authority=self._by_identity.authority, disable_instance_discovery=True)
