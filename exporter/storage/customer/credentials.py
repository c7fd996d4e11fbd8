"""Sign-in to a customer's storage account: one function a type of credentials."""

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


# An unreachable or silent storage costs an attempt at most 13 seconds, one that becomes silent later 30.
# Other destinations' hours that wait for the same worker wait no longer than that.
CUSTOMER_PATIENCE = RetryPolicy(
    connect_seconds=5, read_seconds=10, retries=3, connect_retries=1, read_retries=1, first_wait_seconds=1
)


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a sign-in needs besides the credentials: the token service, the retry policy and connections.

    All customers share the connections. ``attentive`` uses the same ones, and watches storage for silence.
    """

    authority: str
    retry: RetryPolicy
    transport: "HttpTransport[Any, Any]"
    attentive: "AttentiveTransport"
    identity: str | None = None
    """The client id of the exporter's own managed identity; None for the system-assigned one."""

    @classmethod
    def new(
        cls,
        authority: str,
        retry: RetryPolicy = CUSTOMER_PATIENCE,
        transport: "HttpTransport[Any, Any] | None" = None,
        identity: str | None = None,
    ) -> "ClientSettings":
        """Return settings with a new pool of connections, unless a ``transport`` is given."""
        connections = transport or new_transport(retry)
        from exporter.storage.transport import (  # noqa: PLC0415  it imports the HTTP library
            FIRST_ANSWER_SECONDS,
            AttentiveTransport,
        )

        first = min(FIRST_ANSWER_SECONDS, retry.read_seconds)
        return cls(authority, retry, connections, AttentiveTransport(connections, first), identity)

    @property
    def of_blobs(self) -> dict[str, Any]:
        """The arguments for clients of the blob service."""
        return blob_options(self.retry, self.attentive)

    @property
    def of_tokens(self) -> dict[str, Any]:
        """The arguments for credentials."""
        return token_options(self.retry, self.transport)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An account's client. ``token`` requests a token; None for credentials without tokens."""

    service: "BlobServiceClient"
    token: Callable[[], object] | None = None


type SignIn = Callable[[StorageTarget, Credentials, str, ClientSettings], SignedIn]


def sign_in(
    target: StorageTarget, credentials: Credentials, secret: str, client_settings: ClientSettings
) -> SignedIn:
    """Return a client for the customer's account; sends nothing."""
    return _SIGN_IN[credentials.type](target, credentials, secret, client_settings)


def _by_connection_string(
    _: StorageTarget, _credentials: Credentials, secret: str, client_settings: ClientSettings
) -> SignedIn:
    """Sign in with a connection string: it contains the account and a key or shared access signature."""
    from azure.storage.blob import BlobServiceClient  # noqa: PLC0415  the SDK takes 0.3 s to import

    try:
        return SignedIn(BlobServiceClient.from_connection_string(secret, **client_settings.of_blobs))
    except ValueError as error:
        raise DestinationFault(
            Fault(
                "secret_wrong",
                "This is not a connection string: it names no account, or has no key.",
                "Copy it from the portal (storage account > Access keys > Connection string).",
            )
        ) from error


def _by_signature(
    target: StorageTarget, _: Credentials, secret: str, client_settings: ClientSettings
) -> SignedIn:
    """Sign in with a shared access signature, which goes with every request."""
    return SignedIn(_service(target, AzureSasCredential(secret), client_settings))


def _by_service_principal(
    target: StorageTarget, credentials: Credentials, secret: str, client_settings: ClientSettings
) -> SignedIn:
    """Sign in as an application with a secret."""
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
        # Discovery asks Microsoft's public cloud about the authority, which the operator has chosen.
        disable_instance_discovery=True,
        retry_policy_class=ShortWaits,
        **client_settings.of_tokens,
    )

    def diagnose(error: BaseException) -> ExportError:
        return entra.refusal(error, who)

    return _by_token(target, SharedCredential(source, diagnose), client_settings)


def _by_managed_identity(
    target: StorageTarget, credentials: Credentials, _: str, client_settings: ClientSettings
) -> SignedIn:
    """Sign in as the exporter's own identity."""
    from azure.identity import ManagedIdentityCredential  # noqa: PLC0415  the SDK takes 0.2 s to import

    source = ManagedIdentityCredential(client_id=credentials.client_id, **client_settings.of_tokens)

    def diagnose(error: BaseException) -> ExportError:
        return managed_identity.refusal(error, credentials.client_id)

    return _by_token(target, SharedCredential(source, diagnose), client_settings)


def _by_workload_identity(
    target: StorageTarget, credentials: Credentials, _: str, client_settings: ClientSettings
) -> SignedIn:
    """Sign in as an application that trusts the exporter's own identity, whose token replaces a secret."""
    from azure.identity import (  # noqa: PLC0415  the SDK takes 0.2 s to import
        ClientAssertionCredential,
        ManagedIdentityCredential,
    )

    own = ManagedIdentityCredential(client_id=client_settings.identity, **client_settings.of_tokens)
    who = entra.Principal(
        tenant_id=credentials.tenant_id or "",
        client_id=credentials.client_id or "",
        authority=client_settings.authority,
    )

    def assertion() -> str:
        try:
            return str(own.get_token_info(entra.exchange_scope(client_settings.authority)).token)
        except Exception as error:  # noqa: BLE001  as SharedCredential does
            raise managed_identity.refusal(error, client_settings.identity) from None

    source = ClientAssertionCredential(
        who.tenant_id,
        who.client_id,
        assertion,
        authority=client_settings.authority,
        disable_instance_discovery=True,
        retry_policy_class=ShortWaits,
        **client_settings.of_tokens,
    )

    def diagnose(error: BaseException) -> ExportError:
        ours = (each for each in entra.chain_of(error) if isinstance(each, ExportError))
        return next(ours, None) or entra.refusal(error, who)

    return _by_token(target, SharedCredential(source, diagnose), client_settings)


def _by_token(
    target: StorageTarget, credential: SharedCredential, client_settings: ClientSettings
) -> SignedIn:
    try:
        return SignedIn(_service(target, credential, client_settings), credential.get_token_info)
    except (ClientAuthenticationError, ValueError) as error:
        # The SDK sends no token over http, which is allowed for loopback hosts only.
        raise DestinationFault(
            Fault(
                "https_required",
                "The address of the storage account is not https, and tokens are sent over https only.",
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
    CredentialsType.WORKLOAD_IDENTITY: _by_workload_identity,
}
