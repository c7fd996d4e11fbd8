"""What errors of the storage SDKs mean: one reading for our own account, another for a customer's.

A 403 in a customer's container is the customer's to repair, with a message written for them; in our own
account it is a bug or a missing role of ours, and stays what it is.
"""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from http import HTTPStatus

import msgspec
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    DeserializationError,
    HttpResponseError,
    IncompleteReadError,
    ResourceExistsError,
    ServiceRequestError,
    ServiceResponseError,
)

from exporter.domain.errors import Conflict, DestinationFault, Fault, Transient
from exporter.storage.faults import (
    ACCOUNT_NOT_FOUND,
    FAULTS,
    NOT_A_BLOB_SERVICE,
    SECRET_WRONG,
    TLS_FAILED,
    UNREACHABLE,
    Action,
    Place,
    Row,
)
from exporter.storage.network import root_cause, words_of

_PASSING_STATUSES = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_PASSING_CODES = frozenset({"ServerBusy", "OperationTimedOut", "InternalError"})
# In our own account these pass within a minute; nobody deletes on purpose what we work with.
_BEING_DELETED = frozenset({"ContainerBeingDeleted", "QueueBeingDeleted", "TableBeingDeleted"})
_CONDITION_FAILED = frozenset(
    {
        "ConditionNotMet",
        "TargetConditionNotMet",
        "UpdateConditionNotSatisfied",
        "BlobAlreadyExists",
        "EntityAlreadyExists",
        "InvalidBlockList",  # a rival's commit has discarded our blocks
    }
)
_CONTAINER_MISSING = frozenset({"ContainerNotFound", "QueueNotFound", "TableNotFound"})
# Other 404s say that the container or the account is missing, which is no answer to what we asked.
NO_SUCH_BLOB = "BlobNotFound"


class _TableError(msgspec.Struct):
    code: str


class _TableAnswer(msgspec.Struct):
    error: _TableError = msgspec.field(name="odata.error")


_TABLE_ANSWER = msgspec.json.Decoder(_TableAnswer)


@contextmanager
def own_storage() -> Iterator[None]:
    """Translate errors of our own account: what passes is ``Transient``, a failed condition ``Conflict``."""
    try:
        yield
    except AzureError as error:
        if _of_connection(error):
            raise Transient(f"our own storage did not answer: {words_of(root_cause(error))}") from None
        if not isinstance(error, HttpResponseError):
            raise
        if is_passing(error) or error_code(error) in _BEING_DELETED:
            raise Transient(f"our own storage is busy: {_answer(error)}") from error
        if is_conflict(error):
            raise Conflict(f"our own storage says: {_answer(error)}") from error
        raise


@contextmanager
def customer_storage(place: Place, action: Action) -> Iterator[None]:
    """Translate errors of a customer's container; ``action`` is the right that the call needs.

    What only the customer can repair is a ``DestinationFault``. An answer that says we asked for nonsense is
    none: it stays a bug of ours.
    """
    try:
        yield
    except DeserializationError as error:
        raise DestinationFault(_unreadable(place, action)) from error
    except AzureError as error:
        if _of_connection(error):
            root = root_cause(error)
            raise DestinationFault(_unreached(root).fault(place, action, words_of(root))) from None
        if isinstance(error, DecodeError):
            raise DestinationFault(_unreadable(place, action)) from error
        if not isinstance(error, HttpResponseError):
            raise
        if is_passing(error):
            raise Transient(f"the storage account {place.account} is busy: {_answer(error)}") from error
        if row := _row(error):
            raise DestinationFault(row.fault(place, action, _answer(error))) from error
        if is_conflict(error):
            raise Conflict(f"the storage account {place.account} says: {_answer(error)}") from error
        if error_code(error) is None and error.response is not None:
            # Azure Storage never leaves its code out of an answer that has a body, nor out of its headers.
            answer = f"status {error.status_code}"
            raise DestinationFault(NOT_A_BLOB_SERVICE.fault(place, action, answer)) from error
        raise


def _unreadable(place: Place, action: Action) -> Fault:
    return NOT_A_BLOB_SERVICE.fault(place, action, "an unreadable answer")


def _unreached(root: BaseException) -> Row:
    """Return the case of a connection that did not come about, or broke."""
    if isinstance(root, socket.gaierror):
        return ACCOUNT_NOT_FOUND
    return TLS_FAILED if isinstance(root, ssl.SSLError) else UNREACHABLE


def _row(error: HttpResponseError) -> Row | None:
    """Return the row of the table that fits, if there is one."""
    if isinstance(error, ClientAuthenticationError) and error.status_code is None:
        # The request could not even be signed: the key is no base64.
        return SECRET_WRONG
    code = error_code(error)
    return next((row for row in FAULTS if row.fits(error.status_code, code, error.message)), None)


def settle(write: Callable[[], str], landed: Callable[[], str | None]) -> str:
    """Do a write that must not be done twice, and return the ETag that it made.

    The SDK repeats a write whose answer got lost, and the repetition fails by the condition that the first
    one has changed. So before such a failure is believed, ``landed`` looks: it returns the ETag of what is
    there if that is just what we wanted to write, else None.
    """
    try:
        return write()
    except AzureError as error:
        if not _may_have_landed(error) or (etag := landed()) is None:
            raise
        return etag


def or_create[Result](do: Callable[[], Result], create: Callable[[], object]) -> Result:
    """Do something in our own account; create the table, queue or container first if it is missing."""
    try:
        return do()
    except HttpResponseError as error:
        if not is_missing(error):
            raise
    try:
        create()
    except ResourceExistsError as error:
        # Another worker was faster, or it is just being deleted: then we cannot go on.
        if error_code(error) in _BEING_DELETED:
            raise
    return do()


def error_code(error: AzureError) -> str | None:
    """Return the service's word for the error; the SDKs sometimes wrap it, and sometimes leave it out."""
    code = getattr(error, "error_code", None)
    if code is None and isinstance(error, HttpResponseError) and error.response is not None:
        code = _code_in(error.response.text())
    return str(code.value) if isinstance(code, Enum) else code


def _code_in(answer: str) -> str | None:
    """Return the error code in an answer of the table service: ``create_entity`` does not look for it."""
    try:
        return _TABLE_ANSWER.decode(answer).error.code
    except msgspec.MsgspecError:
        return None


def is_missing(error: AzureError) -> bool:
    """Whether the table, queue or container itself is missing, and not just the row, message or blob."""
    return error_code(error) in _CONTAINER_MISSING


def is_passing(error: HttpResponseError) -> bool:
    """Whether the service asks us to come back later."""
    return error.status_code in _PASSING_STATUSES or error_code(error) in _PASSING_CODES


def is_conflict(error: HttpResponseError) -> bool:
    """Whether a condition of the write did not hold."""
    return error_code(error) in _CONDITION_FAILED


def _may_have_landed(error: AzureError) -> bool:
    if _of_connection(error):
        return not isinstance(error, ServiceRequestError)
    return isinstance(error, HttpResponseError) and (is_conflict(error) or is_passing(error))


def _of_connection(error: AzureError) -> bool:
    """Whether it is no answer, but the lack of one: in its text stands the URL, and there may stand a secret.

    An answer that breaks off in the middle is an ``HttpResponseError`` without a status, made of that.
    """
    broken_off = isinstance(error, HttpResponseError) and error.status_code is None
    return isinstance(error, ServiceRequestError | ServiceResponseError | IncompleteReadError) or (
        broken_off and error.inner_exception is not None
    )


def _answer(error: HttpResponseError) -> str:
    return f"{error.status_code} {error_code(error) or error.reason}"
