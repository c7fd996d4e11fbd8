"""How we sign in to a customer's storage account: one function for each type of credentials."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure.core.credentials import AzureSasCredential
from azure.core.exceptions import ClientAuthenticationError

from exporter.domain.destination import Credentials, CredentialsType, StorageTarget
from exporter.domain.errors import DestinationFault, ExportError, Fault
from exporter.storage.clients import RetryPolicy, blob_options, new_transport
from exporter.storage.customer import entra, managed_identity
from exporter.storage.customer.tokens import SharedCredential, ShortWaits, token_options

if TYPE_CHECKING:
    from azure.core.pipeline.transport import HttpTransport
    from azure.storage.blob import BlobServiceClient

    from exporter.storage.transport import AttentiveTransport


# A storage that cannot be reached, or says nothing, costs an attempt 13 seconds at most; one that falls
# silent in the midst of an hour 30. Other destinations' hours that wait for the same worker wait no longer.
CUSTOMER_PATIENCE = RetryPolicy(
    connect_seconds=5, read_seconds=10, retries=3, connect_retries=1, read_retries=1, first_wait_seconds=1
)


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What signing in takes besides the credentials: where tokens are given out, patience, and connections.

    The connections are shared by all customers; ``attentive`` are the same ones, for calls to storage.
    """

    authority: str
    retry: RetryPolicy
    transport: "HttpTransport[Any, Any]"
    attentive: "AttentiveTransport"

    @classmethod
    def new(
        cls,
        authority: str,
        retry: RetryPolicy = CUSTOMER_PATIENCE,
        transport: "HttpTransport[Any, Any] | None" = None,
    ) -> "ClientSettings":
        """Return means with connections of their own, unless others are given."""
        connections = transport or new_transport(retry)
        from exporter.storage.transport import (  # noqa: PLC0415  it takes the HTTP library along
            FIRST_ANSWER_SECONDS,
            AttentiveTransport,
        )

        first = min(FIRST_ANSWER_SECONDS, retry.read_seconds)
        return cls(authority, retry, connections, AttentiveTransport(connections, first))

    @property
    def of_blobs(self) -> dict[str, Any]:
        """What clients of the blob service are made with."""
        return blob_options(self.retry, self.attentive)

    @property
    def of_tokens(self) -> dict[str, Any]:
        """What credentials are made with."""
        return token_options(self.retry, self.transport)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An account's client; ``token`` really gets a token, where the credentials are good for one."""

    service: "BlobServiceClient"
    token: Callable[[], object] | None = None


type SignIn = Callable[[StorageTarget, Credentials, str, ClientSettings], SignedIn]


def sign_in(
    target: StorageTarget, credentials: Credentials, secret: str, client_settings: ClientSettings
) -> SignedIn:
    """Return the customer's account; nothing is sent yet."""
    return _SIGN_IN[credentials.type](target, credentials, secret, client_settings)


def _by_connection_string(
    _: StorageTarget, _credentials: Credentials, secret: str, client_settings: ClientSettings
) -> SignedIn:
    """Return the account that a connection string names; it holds a key or a shared access signature."""
    from azure.storage.blob import BlobServiceClient  # noqa: PLC0415  the SDK takes 0.3 s to import

    try:
        return SignedIn(BlobServiceClient.from_connection_string(secret, **client_settings.of_blobs))
    except ValueError as error:
        raise DestinationFault(
            Fault(
                "secret_wrong",
                "The connection string is none: it does not say which account it is for, and with which key.",
                "Copy it anew from the portal (storage account > Access keys > Connection string).",
            )
        ) from error


def _by_signature(
    target: StorageTarget, _: Credentials, secret: str, client_settings: ClientSettings
) -> SignedIn:
    """Return the account, to which a shared access signature goes with every request."""
    return SignedIn(_service(target, AzureSasCredential(secret), client_settings))


def _by_service_principal(
    target: StorageTarget, credentials: Credentials, secret: str, client_settings: ClientSettings
) -> SignedIn:
    """Return the account, to which tokens of an application with a secret are sent."""
    from azure.identity import ClientSecretCredential  # noqa: PLC0415  the SDK takes 0.2 s to import

    who = entra.Principal(
        tenant_id=credentials.tenant_id or "",
        client_id=credentials.client_id or "",
        authority=client_settings.authority,
        secret_is_an_id=entra.looks_like_an_id(secret),
    )
    source = ClientSecretCredential(
        who.tenant_id,
        who.client_id,
        secret,
        authority=client_settings.authority,
        # It would ask Microsoft's public cloud whether to trust the authority, which the operator has chosen.
        disable_instance_discovery=True,
        retry_policy_class=ShortWaits,
        **client_settings.of_tokens,
    )

    def explain(error: BaseException) -> ExportError:
        return entra.refusal(error, who)

    return _by_token(target, SharedCredential(source, explain), client_settings)


def _by_managed_identity(
    target: StorageTarget, credentials: Credentials, _: str, client_settings: ClientSettings
) -> SignedIn:
    """Return the account, to which tokens of the exporter's own identity are sent."""
    from azure.identity import ManagedIdentityCredential  # noqa: PLC0415  the SDK takes 0.2 s to import

    source = ManagedIdentityCredential(client_id=credentials.client_id, **client_settings.of_tokens)

    def explain(error: BaseException) -> ExportError:
        return managed_identity.refusal(error, credentials.client_id)

    return _by_token(target, SharedCredential(source, explain), client_settings)


def _by_token(
    target: StorageTarget, credential: SharedCredential, client_settings: ClientSettings
) -> SignedIn:
    try:
        return SignedIn(_service(target, credential, client_settings), credential.get_token_info)
    except (ClientAuthenticationError, ValueError) as error:
        # The SDK sends no token over http, which only hosts of this machine may be reached by.
        raise DestinationFault(
            Fault(
                "https_required",
                "The address of the storage account is not https, and tokens are sent over nothing else.",
                "Enter the blob endpoint as the portal shows it (storage account > Endpoints).",
            )
        ) from error


def _service(
    target: StorageTarget, credential: AzureSasCredential | SharedCredential, client_settings: ClientSettings
) -> "BlobServiceClient":
    from azure.storage.blob import BlobServiceClient  # noqa: PLC0415  the SDK takes 0.3 s to import

    if target.account_url is None:
        raise ValueError("a destination without a connection string must have an account URL")
    return BlobServiceClient(target.account_url, credential=credential, **client_settings.of_blobs)


_SIGN_IN: dict[CredentialsType, SignIn] = {
    CredentialsType.CONNECTION_STRING: _by_connection_string,
    CredentialsType.SAS: _by_signature,
    CredentialsType.SERVICE_PRINCIPAL: _by_service_principal,
    CredentialsType.MANAGED_IDENTITY: _by_managed_identity,
}
