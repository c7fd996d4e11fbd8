"""Customers' containers by destination: how we sign in, and where we refuse to go."""

from threading import Lock

from exporter.domain.allowed_hosts import NO_OWN_CONTAINERS, AllowedHosts, OwnContainers, account_of
from exporter.domain.destination import Destination, StorageTarget
from exporter.domain.errors import DestinationFault, ExportError, Fault
from exporter.storage.blocks import BlockPool
from exporter.storage.customer.cipher import AesCipher, Unreadable
from exporter.storage.customer.container import CustomerContainer
from exporter.storage.customer.credentials import ClientSettings, sign_in


class CustomerContainers:
    """Opens customers' containers, each once in a process and anew when its credentials change.

    All of them share their connections, which are closed with them, and the threads that send blocks.
    """

    def __init__(
        self,
        cipher: AesCipher,
        hosts: AllowedHosts,
        pool: BlockPool,
        client_settings: ClientSettings,
        own: OwnContainers = NO_OWN_CONTAINERS,
    ) -> None:
        self._cipher = cipher
        self._hosts = hosts
        self._own = own
        self._pool = pool
        self._client_settings = client_settings
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

    def anew(self, destination: Destination) -> CustomerContainer:
        """Return the container with nothing remembered from before: no token, and not for later either.

        A storage that was silent is asked again.
        """
        container = self._connect(destination)
        self._client_settings.attentive.forget(container.host)
        return container

    def close(self) -> None:
        """Close the connections to all customers."""
        self._client_settings.transport.close()

    def _connect(self, destination: Destination) -> CustomerContainer:
        secret = self._secret(destination)
        try:
            signed_in = sign_in(destination.storage, destination.credentials, secret, self._client_settings)
            service = signed_in.service
            client = service.get_container_client(destination.storage.container)
        except ExportError:
            raise
        except Exception as error:  # noqa: BLE001  the SDK raises anything over what it cannot take for a URL
            raise DestinationFault(_unusable(error)) from None
        # Asked of the client itself: what it makes of the credentials is where it would go.
        fault = self._objection(destination.storage, f"{service.scheme}://{service.primary_hostname}")
        if fault is not None:
            raise DestinationFault(fault)
        return CustomerContainer(client, self._pool, signed_in.token)

    def _objection(self, storage: StorageTarget, url: str) -> Fault | None:
        """Return why files may not go to a storage account, or None if they may.

        All of it was checked when the destination was saved; settings may have been changed since.
        """
        if objection := self._hosts.objection(url):
            return Fault(
                "host_not_allowed",
                f"The address of the storage account {objection}.",
                "Enter an allowed address, or ask the operator of this exporter to allow this one.",
            )
        if storage.account_url and account_of(storage.account_url) != account_of(url):
            return Fault(
                "account_mismatch",
                "The destination names one storage account, and its connection string another.",
                "Save the destination again with the connection string of the account that is meant.",
            )
        if self._own.hold(url, storage.container):
            return Fault(
                "container_not_allowed",
                f"The container {storage.container} is one of the exporter's own.",
                "Choose another container, and save the destination again.",
            )
        return None

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


def _unusable(error: Exception) -> Fault:
    """Return what to tell of an address or credentials of which the SDK makes no client."""
    return Fault(
        "address_unusable",
        f"The address or the credentials of the storage account cannot be used ({type(error).__name__}).",
        "Enter them as the portal shows them (storage account > Endpoints, and > Access keys).",
    )
