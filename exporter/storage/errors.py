"""What errors of the storage SDKs mean: one reading for our own account, another for a customer's.

A 403 in a customer's container is the customer's to repair, with a message written for them; in our own
account it is a bug or a missing role of ours, and stays what it is.

The reading of a customer's storage is total: whatever it answers becomes a ``DestinationFault``,
``Transient`` or ``Conflict``. Of its own words only error codes are passed on: others may repeat what it was
sent, secrets included.
"""

import logging
import re
import socket
import ssl
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from http import HTTPStatus
from typing import Any

import msgspec
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    IncompleteReadError,
    ResourceExistsError,
    ServiceRequestError,
    ServiceResponseError,
)

from exporter.domain.errors import Conflict, DestinationFault, ExportError, Fault, ForeignBlocks, Transient
from exporter.storage.faults import (
    ACCOUNT_NOT_FOUND,
    FAULTS,
    NOT_A_BLOB_SERVICE,
    SECRET_WRONG,
    STORAGE_REFUSED,
    TLS_FAILED,
    UNREACHABLE,
    Action,
    Place,
    Row,
)
from exporter.storage.network import LAST_REFUSAL, SilenceError, root_cause, words_of

_PASSING_STATUSES = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_PASSING_CODES = frozenset({"ServerBusy", "OperationTimedOut", "InternalError"})
# Servers that are no blob services say so to methods that they lack. Azure names a code beside them.
_NEVER_PASSING = frozenset({HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED})
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
# Of blocks only: their ids differ in length from those of blocks that are there, or there are too many.
_FOREIGN_BLOCKS = frozenset({"InvalidBlobOrBlock", "InvalidBlockId", "BlockCountExceedsLimit"})
# What a landing blob that a lifecycle rule has archived answers.
ARCHIVED = frozenset({"BlobArchived", "BlobBeingRehydrated"})
# Azure's codes are words. Anything else may be text of the server's own, and is not repeated.
_CODE = re.compile(r"[A-Z][A-Za-z]{1,31}\d?[A-Za-z]{0,40}", re.ASCII)
# Other 404s say that the container or the account is missing, which is no answer to what we asked.
NO_SUCH_BLOB = "BlobNotFound"


_log = logging.getLogger(__name__)


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
    """Translate whatever goes wrong with a customer's container; ``action`` is the right that the call needs.

    What only the customer can repair is a ``DestinationFault``, an answer that no row of the table fits, too.
    """
    LAST_REFUSAL.set(None)
    try:
        yield
    except (ExportError, MemoryError):
        raise
    except SilenceError:
        raise DestinationFault(UNREACHABLE.fault(place, action, "it says nothing")) from None
    except HttpResponseError as error:
        # What it was made of repeats URLs if it is no answer, and the server's own words if it is one.
        raise _meaning(error, place, action) from None
    except Exception as error:  # noqa: BLE001  the SDK raises anything over an answer that it did not expect
        if (answer := LAST_REFUSAL.get()) is not None:
            raise _meaning(HttpResponseError(response=answer), place, action) from None
        if _of_connection(error):
            raise DestinationFault(_no_answer(error, place, action)) from None
        _log.warning("the storage account %s: %s", place.account, _where(error))
        raise DestinationFault(_unreadable(error, place, action)) from None


@contextmanager
def blocks_of_customer(place: Place, name: str) -> Iterator[None]:
    """Translate as ``customer_storage``, and to ``ForeignBlocks`` where others' blocks refuse ours."""
    with customer_storage(place, Action.WRITE):
        try:
            yield
        except HttpResponseError as error:
            if error_code(error) in _FOREIGN_BLOCKS:
                raise ForeignBlocks(name) from None
            raise


def _meaning(error: HttpResponseError, place: Place, action: Action) -> ExportError:
    """Return what an answer of a customer's storage means."""
    if _of_connection(error):
        return DestinationFault(_no_answer(error, place, action))
    if is_passing(error):
        return Transient(f"the storage account {place.account} is busy: {_answer(error)}")
    if row := _row(error):
        return DestinationFault(row.fault(place, action, _answer(error)))
    if action is not Action.READ and is_conflict(error):
        return Conflict(f"the storage account {place.account} says: {_answer(error)}")
    if error_code(error):
        fault = STORAGE_REFUSED.fault(place, action, _answer(error))
    elif error.status_code is None or isinstance(error, DecodeError):
        fault = _unreadable(error, place, action)
    else:
        # Azure Storage never leaves its code out of an answer that has a body, nor out of its headers.
        fault = NOT_A_BLOB_SERVICE.fault(place, action, _answer(error))
    return DestinationFault(fault)


def _no_answer(error: BaseException, place: Place, action: Action) -> Fault:
    root = root_cause(error)
    return _unreached(root).fault(place, action, words_of(root))


def _unreadable(error: BaseException, place: Place, action: Action) -> Fault:
    return NOT_A_BLOB_SERVICE.fault(place, action, f"an unreadable answer ({type(error).__name__})")


def _where(error: BaseException) -> str:
    """Return the kind of an error and the line that raised it; its text may repeat a URL."""
    frame = traceback.extract_tb(error.__traceback__)[-1:]
    return f"{type(error).__name__} at {''.join(f'{each.filename}:{each.lineno}' for each in frame)}"


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
    return next((row for row in FAULTS if row.fits(error.status_code, code, str(error.message))), None)


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
    """Return the service's word for the error, if it is one; the SDKs sometimes wrap it, or leave it out."""
    code = _word(getattr(error, "error_code", None))
    answer: Any = getattr(error, "response", None)
    if code is None and answer is not None:
        code = _word(answer.headers.get("x-ms-error-code")) or _code_in(answer)
    return code


def _word(code: object) -> str | None:
    code = code.value if isinstance(code, Enum) else code
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def _code_in(answer: Any) -> str | None:  # noqa: ANN401  the SDK's classes of answers share no public one
    """Return the error code in an answer of the table service: ``create_entity`` does not look for it."""
    try:
        return _word(_TABLE_ANSWER.decode(answer.text()).error.code)
    # A body of which the rest never came, or in an encoding that nobody knows.
    except (msgspec.MsgspecError, AzureError, ValueError, LookupError):
        return None


def is_missing(error: AzureError) -> bool:
    """Whether the table, queue or container itself is missing, and not just the row, message or blob."""
    return error_code(error) in _CONTAINER_MISSING


def is_passing(error: HttpResponseError) -> bool:
    """Whether the service asks us to come back later."""
    status, code = error.status_code, error_code(error)
    if status in _PASSING_STATUSES or code in _PASSING_CODES:
        return True
    failed = status is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return failed and (code is not None or status not in _NEVER_PASSING)


def is_conflict(error: HttpResponseError) -> bool:
    """Whether a condition of the write did not hold."""
    return error_code(error) in _CONDITION_FAILED


def _may_have_landed(error: AzureError) -> bool:
    if _of_connection(error):
        return not isinstance(error, ServiceRequestError)
    return isinstance(error, HttpResponseError) and (is_conflict(error) or is_passing(error))


def _of_connection(error: BaseException) -> bool:
    """Whether it is no answer, but the lack of one: in its text stands the URL, and there may stand a secret.

    An answer that breaks off in the middle is an ``HttpResponseError`` without a status, made of that.
    """
    if isinstance(error, HttpResponseError):
        broken_off = error.status_code is None and error.inner_exception is not None
        return broken_off or isinstance(error, IncompleteReadError)
    return isinstance(error, ServiceRequestError | ServiceResponseError | OSError)


def _answer(error: HttpResponseError) -> str:
    """Return the status of an answer and its code, ``HTTP 409 LeaseIdMissing``, and none of its words."""
    try:
        phrase = HTTPStatus(error.status_code or 0).phrase
    except ValueError:
        phrase = "without a code"
    return f"HTTP {error.status_code} {error_code(error) or phrase}"
