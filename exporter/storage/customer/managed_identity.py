"""Translates failed token requests of the exporter's own managed identity into faults."""

import re

from azure.core.exceptions import ServiceRequestError, ServiceResponseError

from exporter.domain.errors import DestinationFault, ExportError, Fault, Transient
from exporter.storage.customer.entra import chain_of, is_passing_status
from exporter.storage.network import root_cause, words_of

# The SDK's words for a refusal: OAuth's error, then the HTTP status.
_STATUS = re.compile(r"Token request error: \(\w+\) (\d{3}),")
_NOT_ASSIGNED = ("Identity not found", "No User Assigned", "No Managed Identity found", "invalid_request")


def refusal(error: BaseException, client_id: str | None) -> ExportError:
    """Return the error for a failed token request: ``DestinationFault`` or ``Transient``."""
    chain = list(chain_of(error))
    texts = " ".join(str(each) for each in chain)
    for each in chain:
        if isinstance(each, (ServiceRequestError, ServiceResponseError)):
            return DestinationFault(unavailable(words_of(root_cause(each))))
    answer = _STATUS.search(texts)
    if answer and is_passing_status(int(answer[1])):
        return Transient(f"the service of managed identities is busy: {answer[1]}")
    if any(words in texts for words in _NOT_ASSIGNED):
        return DestinationFault(not_assigned(client_id))
    return DestinationFault(unavailable("it has no identity"))


def not_assigned(client_id: str | None) -> Fault:
    """Return the fault of an identity that is not assigned to the exporter."""
    which = f"the managed identity {client_id}" if client_id else "a managed identity of its own"
    return Fault(
        "identity_not_assigned",
        f"This exporter does not have {which}.",
        "Ask the operator to assign it (az functionapp identity assign), or use a service principal.",
    )


def unavailable(answer: str) -> Fault:
    """Return the fault of an exporter that runs where no managed identities exist."""
    return Fault(
        "identity_unavailable",
        f"This exporter got no token for a managed identity: {answer}.",
        "Ask the operator to assign one (az functionapp identity assign), or use a service principal.",
    )
