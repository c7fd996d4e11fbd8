"""What the exporter's own identity in Azure may lack, and what to tell about it."""

import re

from azure.core.exceptions import ServiceRequestError, ServiceResponseError

from exporter.domain.errors import DestinationFault, ExportError, Fault, Transient
from exporter.storage.customer.entra import chain_of, is_passing_status
from exporter.storage.network import root_cause, words_of

# How the SDK writes down the service's answer: OAuth's word for it, then the status.
_STATUS = re.compile(r"Token request error: \(\w+\) (\d{3}),")
_NOT_ASSIGNED = ("Identity not found", "No User Assigned", "No Managed Identity found", "invalid_request")


def refusal(error: BaseException, client_id: str | None) -> ExportError:
    """Return what a failed request for a token of the own identity means."""
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
    return DestinationFault(unavailable("it has none"))


def not_assigned(client_id: str | None) -> Fault:
    """Return what to tell if the identity is not the exporter's."""
    which = f"the managed identity {client_id}" if client_id else "a managed identity of its own"
    return Fault(
        "identity_not_assigned",
        f"This exporter does not have {which}.",
        "Have its operator assign it: az functionapp identity assign, or use a service principal.",
    )


def unavailable(answer: str) -> Fault:
    """Return what to tell if there is no such service where the exporter runs."""
    return Fault(
        "identity_unavailable",
        f"Where this exporter runs, it gets no token for a managed identity: {answer}.",
        "Have its operator assign it one: az functionapp identity assign, or use a service principal.",
    )
