"""What Microsoft Entra ID answers to a request for a token, and what to tell the customer then.

Its errors have numbers (AADSTS7000215). The SDK hides them in texts, calls everything an authentication
error, even a network that is down, and of an unknown tenant keeps only that discovery failed: so the whole
chain of causes is read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

from exporter.domain.errors import DestinationFault, ExportError, Fault, Scope, Transient
from exporter.storage.network import root_cause, words_of

_NUMBER = re.compile(r"AADSTS(\d+)")
# How the SDK writes down an answer that it did not like: to looking the tenant up, and to anything.
_DISCOVERY = re.compile(r"OIDC Discovery failed on .*? HTTP status: (\d{3})")
_ANSWER = re.compile(r"HTTP (?:status|Error): (\d{3})")
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who asks for a token, and where. ``secret_is_an_id``: what was given as its secret looks like an ID."""

    tenant_id: str
    client_id: str
    authority: str
    secret_is_an_id: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalRow:
    """One case: Entra ID's numbers for it, and what to tell; each text is one sentence."""

    code: str
    message: str
    fix: str
    numbers: tuple[int, ...] = ()

    def fault(self, who: Principal, answer: str = "") -> Fault:
        """Return what to tell the customer."""
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
    message="Microsoft Entra ID at {authority} knows no tenant {tenant}.",
    fix="Copy the tenant ID from the portal (Microsoft Entra ID > Overview) or from: az account show.",
)
SECRET_ID_GIVEN = RefusalRow(
    code="secret_wrong",
    message="What was entered as the secret of the application {client} is the secret's ID, not its value.",
    fix=(
        "Make a new secret and copy its value, which is shown only once:"
        " az ad app credential reset --id {client} --append."
    ),
)
SECRET_WRONG = RefusalRow(
    code="secret_wrong",
    numbers=(7000215, 50012, 7000218),
    message="Microsoft Entra ID does not accept the secret of the application {client}.",
    fix="Make a new secret and save its value here: az ad app credential reset --id {client} --append.",
)
UNREACHABLE = RefusalRow(
    code="unreachable",
    message="Microsoft Entra ID at {authority} did not answer as it should: {answer}.",
    fix="Have the operator of this exporter check that it can reach {authority}, and try again.",
)
REFUSED = RefusalRow(
    code="sign_in_refused",
    message="Microsoft Entra ID refuses the application {client} a token: {answer}.",
    fix="Look up why in the portal (Microsoft Entra ID > Sign-in logs > Service principal sign-ins).",
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
        fix="Make a new secret and save its value here: az ad app credential reset --id {client} --append.",
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
        fix="Let the exporter's network in, in the portal (Microsoft Entra ID > Conditional Access).",
    ),
    REFUSED,
    UNREACHABLE,
)


def refusal(error: BaseException, who: Principal) -> ExportError:
    """Return what a failed request for a token means: a fault of the customer's, or something that passes."""
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
    # Some authorities say of an unknown tenant no more than this.
    if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND} and discovery:
        return DestinationFault(TENANT_NOT_FOUND.fault(who))
    return DestinationFault(UNREACHABLE.fault(who, f"status {status}" if status else "no token came back"))


def is_passing_status(status: int | None) -> bool:
    """Whether whoever gives tokens out asks us to come back later."""
    return status in _PASSING or (status is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR)


def _fault(number: int, who: Principal) -> Fault:
    if number in SECRET_WRONG.numbers and who.secret_is_an_id:
        return SECRET_ID_GIVEN.fault(who)
    row = next((row for row in ROWS if number in row.numbers), REFUSED)
    return row.fault(who, f"AADSTS{number}")


def looks_like_an_id(secret: str) -> bool:
    """Whether a secret is a GUID: its ID stands beside it in the portal, and gets copied in its place."""
    return _GUID.fullmatch(secret) is not None


def _status(chain: list[BaseException]) -> int | None:
    responses = (each.response for each in chain if isinstance(each, HttpResponseError))
    return next((response.status_code for response in responses if response is not None), None)


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from, outermost first."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__
