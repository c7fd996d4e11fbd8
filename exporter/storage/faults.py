"""What a customer's storage may answer that only the customer can repair, and what to tell them then.

One row for each case, the most specific first; the first that fits is taken. ``{account}``, ``{container}``,
``{action}`` and ``{answer}`` are filled in. Each text is one sentence, and holds no secret.
"""

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from exporter.domain.errors import Fault


class Action(StrEnum):
    """The three rights that an export needs, as Azure's roles call them. Listing is reading."""

    READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
    WRITE = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"
    DELETE = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was tried: the names of the account and the container."""

    account: str
    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case: it fits an answer with one of these codes or statuses and, if given, any of these words."""

    code: str
    message: str
    fix: str
    answers: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    words: tuple[str, ...] = ()

    def fits(self, status: int | None, answer: str | None, text: str) -> bool:
        """Whether an error answer is this case."""
        if self.words and not any(words in text for words in self.words):
            return False
        return answer in self.answers or status in self.statuses

    def fault(self, place: Place, action: Action, answer: str) -> Fault:
        """Return what to tell the customer."""
        words = {
            "account": place.account,
            "container": place.container,
            "action": action.value,
            "answer": answer,
        }
        return Fault(self.code, self.message.format(**words), self.fix.format(**words))


ACCOUNT_NOT_FOUND = Row(
    code="account_not_found",
    answers=("ResourceNotFound",),  # the emulator; Azure gives unknown accounts no address
    message="There is no storage account {account} at that address.",
    fix="Compare the account's name with the portal (Storage accounts) or with: az storage account list.",
)
UNREACHABLE = Row(
    code="unreachable",
    message="The storage account {account} did not answer: {answer}.",
    fix="Check in the portal (storage account > Networking) that this exporter's network may reach it.",
)
TLS_FAILED = Row(
    code="tls_failed",
    message="No encrypted connection to the storage account {account} comes about: {answer}.",
    fix="Enter the address that the portal shows (storage account > Endpoints): its certificate is Azure's.",
)
NOT_A_BLOB_SERVICE = Row(
    code="not_a_blob_service",
    message="What answers at the address of {account} is no blob service: {answer}.",
    fix="Enter the blob endpoint that the portal shows (storage account > Endpoints > Blob service).",
)
SECRET_WRONG = Row(
    code="secret_wrong",
    answers=("AuthenticationFailed", "NoAuthenticationInformation", "InvalidAuthenticationInfo"),
    statuses=(HTTPStatus.UNAUTHORIZED,),
    message="The storage account {account} does not accept the credentials.",
    fix=(
        "Make new ones and save them here, in the portal (storage account > Access keys, or > Shared access"
        " signature) or with: az storage account show-connection-string --name {account}."
    ),
)

FAULTS = (
    Row(
        code="secret_expired",
        answers=("AuthenticationFailed",),
        words=("not valid in the specified time frame",),
        message="The shared access signature for {account} has expired, or does not hold yet.",
        fix="Make a new one in the portal (storage account > Shared access signature) and save it here.",
    ),
    Row(
        code="clock_wrong",
        answers=("AuthenticationFailed", "InvalidAuthenticationInfo"),
        words=("Request date header too old", "The Date header in the request", "Lifetime validation failed"),
        message="The storage account {account} finds that the exporter's clock is wrong.",
        fix="Have the operator of this exporter correct the time of the machine that it runs on.",
    ),
    Row(
        code="tenant_mismatch",
        answers=("AuthenticationFailed", "InvalidAuthenticationInfo"),
        words=("Issuer validation failed",),
        message="The storage account {account} belongs to another tenant than the credentials.",
        fix="Use an application of the account's own tenant: az account show --query tenantId.",
    ),
    SECRET_WRONG,
    Row(
        code=SECRET_WRONG.code,
        answers=("AuthorizationFailure",),
        words=("failed to authenticate",),  # how the emulator says it
        message=SECRET_WRONG.message,
        fix=SECRET_WRONG.fix,
    ),
    Row(
        code="key_not_permitted",
        answers=("KeyBasedAuthenticationNotPermitted",),
        message="The storage account {account} does not let anyone in with an account key.",
        fix="Allow it in the portal (storage account > Configuration > Allow storage account key access).",
    ),
    Row(
        code="account_disabled",
        answers=("AccountIsDisabled",),
        message="The storage account {account} is disabled.",
        fix="Enable its subscription again in the portal (Subscriptions), or ask Azure's support why it is.",
    ),
    Row(
        code="network_blocked",
        answers=("AuthorizationFailure", "AuthorizationSourceIPMismatch"),
        message="The firewall of the storage account {account} keeps this exporter out.",
        fix="Let this exporter's network in, in the portal (storage account > Networking > Firewalls).",
    ),
    Row(
        code="public_access_disabled",
        answers=("PublicAccessNotPermitted",),
        message="The storage account {account} permits no public access, and no credentials came with us.",
        fix="Save the credentials anew, and look at the portal (storage account > Networking).",
    ),
    Row(
        code="missing_action",
        answers=(
            "AuthorizationPermissionMismatch",
            "AuthorizationResourceTypeMismatch",
            "AuthorizationServiceMismatch",
            "InsufficientAccountPermissions",
            "UnauthorizedBlobOverwrite",
        ),
        message="The credentials lack the data action {action} on the container {container}.",
        fix="Grant it in the portal (container {container} > Access control) or: az role assignment create.",
    ),
    Row(
        code="access_refused",
        statuses=(HTTPStatus.FORBIDDEN,),
        message="The storage account {account} refuses access: {answer}.",
        fix="Look at what the portal says about the account's access (storage account > Diagnose and solve).",
    ),
    Row(
        code="container_not_found",
        answers=("ContainerNotFound",),
        message="The storage account {account} has no container {container}.",
        fix="Create it: az storage container create --account-name {account} --name {container}.",
    ),
    ACCOUNT_NOT_FOUND,
    Row(
        code="container_being_deleted",
        answers=("ContainerBeingDeleted", "ContainerDisabled"),
        message="The container {container} of {account} is being deleted.",
        fix="Wait a minute, then: az storage container create --account-name {account} --name {container}.",
    ),
    Row(
        code="immutable",
        answers=("BlobImmutableDueToPolicy", "PathImmutableDueToPolicy"),
        message="A policy of the container {container} forbids to replace or delete blobs.",
        fix="Remove it in the portal (storage account > Containers > {container} > Access policy).",
    ),
    Row(
        code="blob_leased",
        answers=("LeaseIdMissing", "LeaseIdMismatchWithBlobOperation", "LeaseLost"),
        message="Somebody holds a lease on a blob that must be written in the container {container}.",
        fix="End it in the portal (the blob > Break lease) or with: az storage blob lease break.",
    ),
    Row(
        code="blob_in_the_way",
        answers=("InvalidBlobType", "BlobArchived", "BlobBeingRehydrated"),
        message="A blob in {container} has a name that an export needs, and cannot be replaced: {answer}.",
        fix="Move it away, or let this destination write below another prefix.",
    ),
    Row(
        code="not_supported",
        answers=("FeatureNotSupportedForAccount", "BlobTypeNotSupported"),
        message="The storage account {account} is of a kind that holds no block blobs: {answer}.",
        fix="Use a general-purpose account: az storage account create --kind StorageV2.",
    ),
    Row(
        code="redirected",
        statuses=(300, 301, 302, 303, 307, 308),
        message="The address of {account} answers with a redirection, and those are not followed.",
        fix="Enter the blob endpoint that the portal shows (storage account > Endpoints).",
    ),
)
