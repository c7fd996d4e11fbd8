"""What a customer's storage may answer that only the customer can repair, and what to tell them then.

One row for each case, the most specific first; the first that fits is taken. An answer that fits none is
``STORAGE_REFUSED``. Filled in are ``{account}``, ``{container}``, ``{thing}`` (the blob, or else the
container), ``{flags}`` and ``{lease}`` (what names it in commands), ``{action}`` and ``{answer}``. Each text
is one sentence, and holds no secret.
"""

import shlex
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from exporter.domain.errors import Fault, Scope


class Action(StrEnum):
    """The three rights that an export needs, as Azure's roles call them. Listing is reading."""

    READ = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
    WRITE = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write"
    DELETE = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was tried: the names of the account, the container and, if it was one, the blob."""

    account: str
    container: str
    blob: str | None = None

    @property
    def thing(self) -> str:
        """What was asked for, in words: the blob if it is known."""
        return (
            f"the container {self.container}"
            if self.blob is None
            else f"the blob {self.blob} in {self.container}"
        )

    @property
    def flags(self) -> str:
        """What names the container in a command of the Azure CLI, quoted for a shell."""
        return f"--account-name {shlex.quote(self.account)} --container-name {shlex.quote(self.container)}"

    @property
    def quoted_blob(self) -> str:
        """The blob's name, quoted for a shell."""
        return "NAME" if self.blob is None else shlex.quote(self.blob)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """One case: it fits an answer with one of these codes or statuses and, if given, any of these words.

    ``scope`` says whether other hours of the destination would meet it, too.
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
        """Whether an error answer is this case."""
        if self.words and not any(words in text for words in self.words):
            return False
        return answer in self.answers or status in self.statuses

    def fault(self, place: Place, action: Action, answer: str) -> Fault:
        """Return what to tell the customer."""
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
    answers=("ResourceNotFound",),  # the emulator; Azure gives unknown accounts no address
    message="There is no storage account {account} at that address.",
    fix="Compare the account's name with the portal (Storage accounts) or with: az storage account list.",
)
UNREACHABLE = FaultRow(
    code="unreachable",
    message="The storage account {account} did not answer: {answer}.",
    fix="Check in the portal (storage account > Networking) that this exporter's network may reach it.",
)
TLS_FAILED = FaultRow(
    code="tls_failed",
    message="No encrypted connection to the storage account {account} comes about: {answer}.",
    fix="Enter the address that the portal shows (storage account > Endpoints): its certificate is Azure's.",
)
NOT_A_BLOB_SERVICE = FaultRow(
    code="not_a_blob_service",
    message="What answers at the address of {account} is no blob service: {answer}.",
    fix="Enter the blob endpoint that the portal shows (storage account > Endpoints > Blob service).",
)
STORAGE_REFUSED = FaultRow(
    code="storage_refused",
    message="The storage account {account} refuses a request for {thing}: {answer}.",
    fix=(
        "Look the code up (Microsoft Learn > Azure Blob Storage error codes), and look at the portal"
        " (storage account > Diagnose and solve problems)."
    ),
)
SECRET_WRONG = FaultRow(
    code="secret_wrong",
    answers=("AuthenticationFailed", "NoAuthenticationInformation", "InvalidAuthenticationInfo"),
    statuses=(HTTPStatus.UNAUTHORIZED,),
    message="The storage account {account} does not accept the credentials.",
    fix=(
        "Make new ones and save them here, in the portal (storage account > Access keys, or > Shared access"
        " signature) or with: az storage account show-connection-string --name {account}."
    ),
)
BLOB_ARCHIVED = FaultRow(
    code="blob_archived",
    answers=("BlobArchived", "BlobBeingRehydrated"),
    message="The archive tier holds {thing}, which can be neither read nor replaced there.",
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
        message="The shared access signature for {account} has expired, or does not hold yet.",
        fix="Make a new one in the portal (storage account > Shared access signature) and save it here.",
    ),
    FaultRow(
        code="clock_wrong",
        answers=("AuthenticationFailed", "InvalidAuthenticationInfo"),
        words=("Request date header too old", "The Date header in the request", "Lifetime validation failed"),
        message="The storage account {account} finds that the exporter's clock is wrong.",
        fix="Have the operator of this exporter correct the time of the machine that it runs on.",
    ),
    FaultRow(
        code="tenant_mismatch",
        answers=("AuthenticationFailed", "InvalidAuthenticationInfo"),
        words=("Issuer validation failed",),
        message="The storage account {account} belongs to another tenant than the credentials.",
        fix="Use an application of the account's own tenant: az account show --query tenantId.",
    ),
    SECRET_WRONG,
    FaultRow(
        code=SECRET_WRONG.code,
        answers=("AuthorizationFailure",),
        words=("failed to authenticate",),  # how the emulator says it
        message=SECRET_WRONG.message,
        fix=SECRET_WRONG.fix,
    ),
    FaultRow(
        code="key_not_permitted",
        answers=("KeyBasedAuthenticationNotPermitted",),
        message="The storage account {account} does not let anyone in with an account key.",
        fix="Allow it in the portal (storage account > Configuration > Allow storage account key access).",
    ),
    FaultRow(
        code="account_disabled",
        answers=("AccountIsDisabled",),
        message="The storage account {account} is disabled.",
        fix="Enable its subscription again in the portal (Subscriptions), or ask Azure's support why it is.",
    ),
    FaultRow(
        code="network_blocked",
        answers=("AuthorizationFailure", "AuthorizationSourceIPMismatch"),
        message="The firewall of the storage account {account} keeps this exporter out.",
        fix="Let this exporter's network in, in the portal (storage account > Networking > Firewalls).",
    ),
    FaultRow(
        code="public_access_disabled",
        answers=("PublicAccessNotPermitted",),
        message="The storage account {account} permits no public access, and no credentials came with us.",
        fix="Save the credentials anew, and look at the portal (storage account > Networking).",
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
        fix="Look at what the portal says about the account's access (storage account > Diagnose and solve).",
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
        message="An immutability policy or a legal hold forbids to replace or delete {thing}.",
        fix="Remove it in the portal (storage account > Containers > {container} > Access policy).",
        scope=Scope.BLOB,
    ),
    FaultRow(
        code="snapshots_present",
        answers=("SnapshotsPresent",),
        message="Snapshots exist of {thing}, and Azure deletes no blob that has any.",
        fix="Delete the snapshots: az storage blob delete {flags} --delete-snapshots only.",
        scope=Scope.BLOB,
    ),
    BLOB_ARCHIVED,
    FaultRow(
        code="blob_leased",
        answers=("LeaseIdMissing", "LeaseIdMismatchWithBlobOperation", "LeaseLost"),
        message="A lease of another program protects {thing} from being written or deleted.",
        fix="End it in the portal (the blob > Break lease) or with: az storage blob lease break {lease}.",
        scope=Scope.BLOB,
    ),
    FaultRow(
        code="blob_in_the_way",
        answers=(
            "InvalidBlobType",
            "BlobOperationNotSupported",  # made by the Data Lake API
            "ResourceTypeMismatch",  # a folder of an account with a hierarchical namespace
            "BlobUsesCustomerSpecifiedEncryption",
            "PendingCopyOperation",
        ),
        message="An export needs the name of {thing}, which cannot be replaced: {answer}.",
        fix="Move it away, or let this destination write below another prefix.",
        scope=Scope.BLOB,
    ),
    FaultRow(
        code="not_supported",
        answers=("FeatureNotSupportedForAccount", "BlobTypeNotSupported"),
        message="The storage account {account} is of a kind that holds no block blobs: {answer}.",
        fix="Use a general-purpose account: az storage account create --kind StorageV2.",
    ),
    FaultRow(
        code="redirected",
        statuses=(300, 301, 302, 303, 307, 308),
        message="The address of {account} answers with a redirection, and those are not followed.",
        fix="Enter the blob endpoint that the portal shows (storage account > Endpoints).",
    ),
)
