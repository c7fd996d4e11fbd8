"""Translates failed token requests to Microsoft Entra ID into faults for the customer.

Entra ID numbers its errors (AADSTS7000215). The SDK keeps the number only in its texts, raises an
authentication error even when the network is down, and reports an unknown tenant as a failed discovery. So
the texts of the whole chain of causes are searched.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

from exporter.domain.errors import DestinationFault, ExportError, Fault, Scope, Transient
from exporter.storage.network import root_cause, words_of

_NUMBER = re.compile(r"AADSTS(\d+)")
# The SDK's words for a refused tenant discovery, and for any refused request.
_DISCOVERY = re.compile(r"OIDC Discovery failed on .*? HTTP status: (\d{3})")
_ANSWER = re.compile(r"HTTP (?:status|Error): (\d{3})")
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


# For whom the token of a managed identity is meant that an application trusts, in each cloud. Source:
# https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
_EXCHANGE = "api://AzureADTokenExchange"
_EXCHANGES = {
    "login.microsoftonline.us": "api://AzureADTokenExchangeUSGov",
    "login.partner.microsoftonline.cn": "api://AzureADTokenExchangeChina",
    # The earlier name of the same service, which Azure's own description of this cloud still has.
    "login.chinacloudapi.cn": "api://AzureADTokenExchangeChina",
}


def exchange_scope(authority: str) -> str:
    """Return the scope of a managed identity's token that is exchanged at an authority."""
    return f"{_EXCHANGES.get(urlsplit(authority).hostname or '', _EXCHANGE)}/.default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The application that signs in. ``secret_is_an_id``: the value given as its secret looks like an ID."""

    tenant_id: str
    client_id: str
    authority: str
    secret_is_an_id: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalRow:
    """One case: Entra ID's error numbers, and the fault; each text is one sentence."""

    code: str
    message: str
    fix: str
    numbers: tuple[int, ...] = ()

    def fault(self, who: Principal, answer: str = "") -> Fault:
        """Return the fault of this case, with its texts filled in."""
        words = {
            "tenant": who.tenant_id,
            "client": who.client_id,
            "authority": who.authority,
            "answer": answer,
        }
        return Fault(self.code, self.message.format(**words), self.fix.format(**words), Scope.DESTINATION)


TENANT_NOT_FOUND = RefusalRow(
    code="tenant_not_found",
    numbers=(90002, 900021, 900023, 50059),
    message="Microsoft Entra ID at {authority} has no tenant {tenant}.",
    fix="Copy the tenant ID from the portal (Microsoft Entra ID > Overview) or from: az account show.",
)
SECRET_ID_GIVEN = RefusalRow(
    code="secret_wrong",
    message="The secret entered for the application {client} is the secret's ID, not its value.",
    fix=(
        "Create a new secret and copy its value, which is shown only once:"
        " az ad app credential reset --id {client} --append."
    ),
)
SECRET_WRONG = RefusalRow(
    code="secret_wrong",
    numbers=(7000215, 50012, 7000218),
    message="Microsoft Entra ID does not accept the secret of the application {client}.",
    fix="Create a new secret and save its value here: az ad app credential reset --id {client} --append.",
)
UNREACHABLE = RefusalRow(
    code="unreachable",
    message="Microsoft Entra ID at {authority} gave no usable answer: {answer}.",
    fix="Ask the operator of this exporter to check the network path to {authority}, and try again.",
)
REFUSED = RefusalRow(
    code="sign_in_refused",
    message="Microsoft Entra ID refuses to issue a token to the application {client}: {answer}.",
    fix="Find the reason in the portal (Microsoft Entra ID > Sign-in logs > Service principal sign-ins).",
)
ROWS = (
    TENANT_NOT_FOUND,
    RefusalRow(
        code="client_not_found",
        numbers=(700016, 7000229, 50034, 700011),
        message="The tenant {tenant} has no application {client}.",
        fix=(
            "Compare the application (client) ID with the portal (Microsoft Entra ID > App registrations)"
            " or with: az ad sp show --id {client}."
        ),
    ),
    SECRET_WRONG,
    RefusalRow(
        code="secret_expired",
        numbers=(7000222, 50013),
        message="The secret of the application {client} has expired.",
        fix="Create a new secret and save its value here: az ad app credential reset --id {client} --append.",
    ),
    RefusalRow(
        code="identity_not_trusted",
        numbers=(70021, 700211, 700212, 700213, 700236),
        message="The application {client} does not trust the exporter's managed identity: {answer}.",
        fix=(
            "Ask the operator of this exporter to let it trust the identity:"
            " az ad app federated-credential create --id {client}."
        ),
    ),
    RefusalRow(
        code="client_disabled",
        numbers=(7000112, 50057),
        message="The application {client} is disabled in the tenant {tenant}.",
        fix="Enable it in the portal (Microsoft Entra ID > Enterprise applications > Properties).",
    ),
    RefusalRow(
        code="sign_in_blocked",
        numbers=(53003, 530034, 530035),
        message="A Conditional Access policy of the tenant {tenant} blocks the application {client}.",
        fix="Allow the exporter's network in the portal (Microsoft Entra ID > Conditional Access).",
    ),
    REFUSED,
    UNREACHABLE,
)


def refusal(error: BaseException, who: Principal) -> ExportError:
    """Return the error for a failed token request: ``DestinationFault`` or ``Transient``."""
    chain = list(chain_of(error))
    for each in chain:
        if isinstance(each, (ServiceRequestError, ServiceResponseError)):
            return DestinationFault(UNREACHABLE.fault(who, words_of(root_cause(each))))
    texts = " ".join(str(each) for each in chain)
    discovery, answer, found = (pattern.search(texts) for pattern in (_DISCOVERY, _ANSWER, _NUMBER))
    status = int(answer[1]) if answer else _status(chain)
    if is_passing_status(status):
        return Transient(f"Microsoft Entra ID at {who.authority} is busy: {status}")
    if found:
        return DestinationFault(_fault(int(found[1]), who))
    # For an unknown tenant, some authorities answer with no error number.
    if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND} and discovery:
        return DestinationFault(TENANT_NOT_FOUND.fault(who))
    return DestinationFault(UNREACHABLE.fault(who, f"status {status}" if status else "no token came back"))


def is_passing_status(status: int | None) -> bool:
    """Whether the HTTP status of a token service means: try again later."""
    return status in _PASSING or (status is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR)


def _fault(number: int, who: Principal) -> Fault:
    if number in SECRET_WRONG.numbers and who.secret_is_an_id:
        return SECRET_ID_GIVEN.fault(who)
    row = next((row for row in ROWS if number in row.numbers), REFUSED)
    return row.fault(who, f"AADSTS{number}")


def looks_like_an_id(secret: str) -> bool:
    """Whether a secret is a GUID: the portal shows the secret's ID beside its value, easily confused."""
    return _GUID.fullmatch(secret) is not None


def _status(chain: list[BaseException]) -> int | None:
    responses = (each.response for each in chain if isinstance(each, HttpResponseError))
    return next((response.status_code for response in responses if response is not None), None)


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, outermost first."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__
