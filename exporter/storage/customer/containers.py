"""Opens customers' containers by destination, and refuses addresses that are not allowed."""

from threading import Lock

from exporter.domain.allowed_hosts import NO_OWN_CONTAINERS, AllowedHosts, OwnContainers, account_of
from exporter.domain.destination import Destination, StorageTarget
from exporter.domain.errors import DestinationFault, ExportError, Fault
from exporter.storage.blocks import BlockPool
from exporter.storage.customer.cipher import AesCipher, Unreadable
from exporter.storage.customer.container import CustomerContainer
from exporter.storage.customer.credentials import ClientSettings, sign_in


class CustomerContainers:
    """Opens customers' containers: one client a destination, replaced when its credentials change.

    All clients share one pool of connections, which ``close`` closes, and the threads that send blocks.
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
        """Return the destination's container; ``DestinationFault`` if it cannot or may not be opened."""
        as_stored = (destination.credentials, destination.storage)
        with self._turn:
            known = self._open.get(destination.id)
            if known is None or known[0] != as_stored:
                known = self._open[destination.id] = (as_stored, self._connect(destination))
        return known[1]

    def anew(self, destination: Destination) -> CustomerContainer:
        """Return a new client without a cached token; it is not kept for later calls.

        A storage host that was marked as silent is asked again.
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
        except Exception as error:  # noqa: BLE001  the SDK raises errors of any type for a bad URL
            raise DestinationFault(_unusable(error)) from None
        # Checked on the client, because credentials may decide the address: a connection string does.
        fault = self._objection(destination.storage, f"{service.scheme}://{service.primary_hostname}")
        if fault is not None:
            raise DestinationFault(fault)
        return CustomerContainer(client, self._pool, signed_in.token)

    def _objection(self, storage: StorageTarget, url: str) -> Fault | None:
        """Return why this storage account may not be written to, or None if it may.

        The same was checked when the destination was saved; settings may have changed since.
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
                "The destination's account URL and its connection string name different storage accounts.",
                "Save the destination again with the connection string of the right account.",
            )
        if self._own.hold(url, storage.container):
            return Fault(
                "container_not_allowed",
                f"The container {storage.container} is one of the exporter's own containers.",
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
                    "The stored credentials cannot be decrypted because the exporter's key was changed.",
                    "Save the destination's credentials again, or ask the operator to restore the old key.",
                )
            ) from error


def _unusable(error: Exception) -> Fault:
    """Return the fault of an address or credentials that the SDK rejects."""
    return Fault(
        "address_unusable",
        f"The address or the credentials of the storage account cannot be used ({type(error).__name__}).",
        "Enter them as the portal shows them (storage account > Endpoints, and > Access keys).",
    )
