"""Customers' containers by destination: how we sign in, and where we refuse to go."""

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any

from azure.core.pipeline.transport import HttpTransport

from exporter.domain.destination import CredentialsType, Destination, StorageTarget
from exporter.domain.endpoints import AllowedHosts
from exporter.domain.errors import DestinationFault, Fault
from exporter.storage.accounts import Patience, blob_options, new_transport
from exporter.storage.blocks import BlockPool
from exporter.storage.cipher import AesCipher, Unreadable
from exporter.storage.container import CustomerContainer

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient

type SignIn = Callable[[StorageTarget, str, dict[str, Any]], "BlobServiceClient"]


def _by_connection_string(_: StorageTarget, secret: str, options: dict[str, Any]) -> "BlobServiceClient":
    """Return the account that a connection string names; it holds a key or a shared access signature."""
    from azure.storage.blob import BlobServiceClient  # noqa: PLC0415  the SDK takes 0.3 s to import

    try:
        return BlobServiceClient.from_connection_string(secret, **options)
    except ValueError as error:
        raise DestinationFault(
            Fault(
                "secret_wrong",
                "The connection string is none: it does not say which account it is for, and with which key.",
                "Copy it anew from the portal (storage account > Access keys > Connection string).",
            )
        ) from error


SIGN_IN: dict[CredentialsType, SignIn] = {CredentialsType.CONNECTION_STRING: _by_connection_string}


class CustomerContainers:
    """Opens customers' containers, each once in a process and anew when its credentials change.

    All of them share their connections and the threads that send blocks. ``transport`` is closed with them.
    """

    def __init__(
        self,
        cipher: AesCipher,
        hosts: AllowedHosts,
        pool: BlockPool,
        *,
        patience: Patience | None = None,
        transport: HttpTransport[Any, Any] | None = None,
    ) -> None:
        self._cipher = cipher
        self._hosts = hosts
        self._pool = pool
        self._patience = patience or Patience()
        self._transport = transport or new_transport(self._patience)
        self._turn = Lock()
        self._open: dict[str, tuple[object, CustomerContainer]] = {}

    def open(self, destination: Destination) -> CustomerContainer:
        """Return the destination's container; ``DestinationFault`` if we cannot or may not go there."""
        as_stored = (destination.credentials, destination.storage)
        with self._turn:
            known = self._open.get(destination.id)
            if known is None or known[0] != as_stored:
                known = self._open[destination.id] = (as_stored, self._connect(destination))
        return known[1]

    def close(self) -> None:
        """Close the connections to all customers."""
        self._transport.close()

    def _connect(self, destination: Destination) -> CustomerContainer:
        sign_in = SIGN_IN[destination.credentials.type]
        options = blob_options(self._patience, self._transport)
        service = sign_in(destination.storage, self._secret(destination), options)
        # Asked of the client itself: what it makes of the credentials is where it would go.
        objection = self._hosts.objection(f"{service.scheme}://{service.primary_hostname}")
        if objection:
            raise DestinationFault(
                Fault(
                    "host_not_allowed",
                    f"The address of the storage account {objection}.",
                    "Enter an allowed address, or ask the operator of this exporter to allow this one.",
                )
            )
        return CustomerContainer(service.get_container_client(destination.storage.container), self._pool)

    def _secret(self, destination: Destination) -> str:
        credentials = destination.credentials
        field = credentials.type.secret_field
        if field is None:
            return ""
        try:
            return self._cipher.open(credentials.sealed, destination_id=destination.id, field=field)
        except Unreadable as error:
            raise DestinationFault(
                Fault(
                    "secret_unreadable",
                    "The stored credentials cannot be decrypted any more: the exporter's key was changed.",
                    "Save the destination's credentials again, or have the operator restore the former key.",
                )
            ) from error
