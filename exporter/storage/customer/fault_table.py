"""The fault table: answers of a customer's storage that only the customer can repair, with message and fix.

One row a case, the most specific first; the first row that fits is used, or else ``STORAGE_REFUSED``.
Texts have the placeholders ``{account}``, ``{container}``, ``{thing}`` (the blob, or else the container),
``{flags}`` and ``{lease}`` (command arguments that name the blob), ``{action}`` and ``{answer}``. Each text
is one sentence and contains no secret.
"""

import shlex
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from exporter.domain.errors import Fault, Scope


class Action(StrEnum):
    """The three data actions that an export needs, as Azure names them; ``READ`` includes listing."""

    READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
    WRITE = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"
    DELETE = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete"


@dataclass(frozen=True, slots=True)
class Place:
    """What a request was about: account, container and, for requests on a blob, its name."""

    account: str
    container: str
    blob: str | None = None

    @property
    def thing(self) -> str:
        """The blob in words, or the container if there is no blob."""
        return (
            f"the container {self.container}"
            if self.blob is None
            else f"the blob {self.blob} in {self.container}"
        )

    @property
    def flags(self) -> str:
        """The Azure CLI arguments that name the container, quoted for a shell."""
        return f"--account-name {shlex.quote(self.account)} --container-name {shlex.quote(self.container)}"

    @property
    def quoted_blob(self) -> str:
        """The blob name, quoted for a shell; ``NAME`` if there is no blob."""
        return "NAME" if self.blob is None else shlex.quote(self.blob)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """One case: answers with one of these codes or statuses and, if ``words`` are given, one of those.

    ``scope`` and ``may_pass`` are those of the fault.
    """

    code: str
    message: str
    fix: str
    answers: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    words: tuple[str, ...] = ()
    scope: Scope = Scope.DESTINATION
    may_pass: bool = False

    def fits(self, status: int | None, answer: str | None, text: str) -> bool:
        """Whether the case fits an answer with this HTTP status, error code and text."""
        if self.words and not any(words in text for words in self.words):
            return False
        return answer in self.answers or status in self.statuses

    def fault(self, place: Place, action: Action, answer: str) -> Fault:
        """Return the fault of this case, with its texts filled in."""
        words = {
            "account": place.account,
            "container": place.container,
            "thing": place.thing,
            "flags": f"{place.flags} --name {place.quoted_blob}",
            "lease": f"{place.flags} --blob-name {place.quoted_blob}",
            "action": action.value,
            "answer": answer,
        }
        message, fix = self.message.format(**words), self.fix.format(**words)
        return Fault(self.code, message, fix, self.scope, self.may_pass)


ACCOUNT_NOT_FOUND = FaultRow(
    code="account_not_found",
    answers=("ResourceNotFound",),  # the emulator's code; in Azure an unknown account has no DNS name
    message="No storage account {account} exists at this address.",
    fix="Compare the account's name with the portal (Storage accounts) or with: az storage account list.",
)
UNREACHABLE = FaultRow(
    code="unreachable",
    message="The storage account {account} did not answer: {answer}.",
    fix="Check in the portal (storage account > Networking) that this exporter's network has access.",
)
TLS_FAILED = FaultRow(
    code="tls_failed",
    message="The encrypted connection to the storage account {account} failed: {answer}.",
    fix="Enter the address that the portal shows (storage account > Endpoints): it has Azure's certificate.",
)
NOT_A_BLOB_SERVICE = FaultRow(
    code="not_a_blob_service",
    message="The server at the address of {account} is not a blob service: {answer}.",
    fix="Enter the blob endpoint that the portal shows (storage account > Endpoints > Blob service).",
)
STORAGE_REFUSED = FaultRow(
    code="storage_refused",
    message="The storage account {account} refused a request for {thing}: {answer}.",
    fix=(
        "Look up the code (Microsoft Learn > Azure Blob Storage error codes), and check the portal"
        " (storage account > Diagnose and solve problems)."
    ),
)
SECRET_WRONG = FaultRow(
    code="secret_wrong",
    answers=("AuthenticationFailed", "NoAuthenticationInformation", "InvalidAuthenticationInfo"),
    statuses=(HTTPStatus.UNAUTHORIZED,),
    message="The storage account {account} does not accept the credentials.",
    fix=(
        "Create new credentials in the portal (storage account > Access keys, or > Shared access signature)"
        " or with az storage account show-connection-string --name {account}, and save them here."
    ),
)
BLOB_ARCHIVED = FaultRow(
    code="blob_archived",
    answers=("BlobArchived", "BlobBeingRehydrated"),
    message="The archive tier holds {thing}, so it can be neither read nor replaced.",
    fix=(
        "Exclude this destination's files from the lifecycle rule that archives them, and rehydrate this one:"
        " az storage blob set-tier {flags} --tier Hot."
    ),
    scope=Scope.BLOB,
)

FAULTS = (
    FaultRow(
        code="secret_expired",
        answers=("AuthenticationFailed",),
        words=("not valid in the specified time frame",),
        message="The shared access signature for {account} has expired or is not valid yet.",
        fix="Create a new one in the portal (storage account > Shared access signature) and save it here.",
    ),
    FaultRow(
        code="clock_wrong",
        answers=("AuthenticationFailed", "InvalidAuthenticationInfo"),
        words=("Request date header too old", "The Date header in the request", "Lifetime validation failed"),
        message="The storage account {account} rejects requests because the exporter's clock is wrong.",
        fix="Ask the operator of this exporter to correct the clock of the machine.",
    ),
    FaultRow(
        code="tenant_mismatch",
        answers=("AuthenticationFailed", "InvalidAuthenticationInfo"),
        words=("Issuer validation failed",),
        message="The storage account {account} is in another tenant than the credentials.",
        fix="Use an application in the account's tenant: az account show --query tenantId.",
    ),
    SECRET_WRONG,
    FaultRow(
        code=SECRET_WRONG.code,
        answers=("AuthorizationFailure",),
        words=("failed to authenticate",),  # the emulator's words
        message=SECRET_WRONG.message,
        fix=SECRET_WRONG.fix,
    ),
    FaultRow(
        code="key_not_permitted",
        answers=("KeyBasedAuthenticationNotPermitted",),
        message="The storage account {account} does not permit access with an account key.",
        fix="Allow it in the portal (storage account > Configuration > Allow storage account key access).",
    ),
    FaultRow(
        code="account_disabled",
        answers=("AccountIsDisabled",),
        message="The storage account {account} is disabled.",
        fix="Enable the subscription in the portal (Subscriptions), or ask Azure support for the reason.",
    ),
    FaultRow(
        code="network_blocked",
        answers=("AuthorizationFailure", "AuthorizationSourceIPMismatch"),
        message="The firewall of the storage account {account} blocks this exporter.",
        fix="Allow this exporter's network in the portal (storage account > Networking > Firewalls).",
    ),
    FaultRow(
        code="public_access_disabled",
        answers=("PublicAccessNotPermitted",),
        message="The storage account {account} permits no public access, and the request had no credentials.",
        fix="Save the credentials again, and check the portal (storage account > Networking).",
    ),
    FaultRow(
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
        may_pass=True,
    ),
    FaultRow(
        code="access_refused",
        statuses=(HTTPStatus.FORBIDDEN,),
        message="The storage account {account} refuses access to {thing}: {answer}.",
        fix="Check the account's access in the portal (storage account > Diagnose and solve problems).",
    ),
    FaultRow(
        code="container_not_found",
        answers=("ContainerNotFound",),
        message="The storage account {account} has no container {container}.",
        fix="Create it: az storage container create --account-name {account} --name {container}.",
    ),
    ACCOUNT_NOT_FOUND,
    FaultRow(
        code="container_being_deleted",
        answers=("ContainerBeingDeleted", "ContainerDisabled"),
        message="The container {container} of {account} is being deleted.",
        fix="Wait a minute, then: az storage container create --account-name {account} --name {container}.",
    ),
    FaultRow(
        code="immutable",
        answers=("BlobImmutableDueToPolicy", "BlobImmutableDueToLegalHold", "PathImmutableDueToPolicy"),
        message="An immutability policy or a legal hold prevents replacing or deleting {thing}.",
        fix="Remove it in the portal (storage account > Containers > {container} > Access policy).",
        scope=Scope.BLOB,
    ),
    FaultRow(
        code="snapshots_present",
        answers=("SnapshotsPresent",),
        message="Azure does not delete {thing} because it has snapshots.",
        fix="Delete the snapshots: az storage blob delete {flags} --delete-snapshots only.",
        scope=Scope.BLOB,
    ),
    BLOB_ARCHIVED,
    FaultRow(
        code="blob_leased",
        answers=("LeaseIdMissing", "LeaseIdMismatchWithBlobOperation", "LeaseLost"),
        message="Another program holds a lease on {thing}, so it can be neither written nor deleted.",
        fix="Break it in the portal (the blob > Break lease) or with: az storage blob lease break {lease}.",
        scope=Scope.BLOB,
    ),
    FaultRow(
        code="blob_in_the_way",
        answers=(
            "InvalidBlobType",
            "BlobOperationNotSupported",  # created by the Data Lake API
            "ResourceTypeMismatch",  # a folder of an account with a hierarchical namespace
            "BlobUsesCustomerSpecifiedEncryption",
            "PendingCopyOperation",
        ),
        message="The export needs the name of {thing}, which cannot be replaced: {answer}.",
        fix="Move that blob, or choose another prefix for this destination.",
        scope=Scope.BLOB,
    ),
    FaultRow(
        code="not_supported",
        answers=("FeatureNotSupportedForAccount", "BlobTypeNotSupported"),
        message="The storage account {account} does not support block blobs: {answer}.",
        fix="Use a general-purpose account: az storage account create --kind StorageV2.",
    ),
    FaultRow(
        code="redirected",
        statuses=(300, 301, 302, 303, 307, 308),
        message="The address of {account} redirects requests, and this exporter follows no redirects.",
        fix="Enter the blob endpoint that the portal shows (storage account > Endpoints).",
    ),
)
