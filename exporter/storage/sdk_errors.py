"""What the storage SDKs' errors are: which pass, which mean a failed condition, which a missing container.

What follows from that differs: see ``own.errors`` for our own account, ``customer.errors`` for a customer's.
"""

import re
from collections.abc import Callable
from enum import Enum
from http import HTTPStatus
from typing import Any

import msgspec
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
)

_PASSING_STATUSES = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_PASSING_CODES = frozenset({"ServerBusy", "OperationTimedOut", "InternalError"})
# Servers that are no blob services say so to methods that they lack. Azure names a code beside them.
_NEVER_PASSING = frozenset({HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED})
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
# Azure's codes are words. Anything else may be text of the server's own, and is not repeated.
_CODE = re.compile(r"[A-Z][A-Za-z]{1,31}\d?[A-Za-z]{0,40}", re.ASCII)
# Other 404s say that the container or the account is missing, which is no answer to what we asked.
NO_SUCH_BLOB = "BlobNotFound"


class _TableError(msgspec.Struct):
    code: str


class _TableAnswer(msgspec.Struct):
    error: _TableError = msgspec.field(name="odata.error")


_TABLE_ANSWER = msgspec.json.Decoder(_TableAnswer)


def confirm_write(write: Callable[[], str], landed: Callable[[], str | None]) -> str:
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
    if of_connection(error):
        return not isinstance(error, ServiceRequestError)
    return isinstance(error, HttpResponseError) and (is_conflict(error) or is_passing(error))


def of_connection(error: BaseException) -> bool:
    """Whether it is no answer, but the lack of one: in its text stands the URL, and there may stand a secret.

    An answer that breaks off in the middle is an ``HttpResponseError`` without a status, made of that.
    """
    if isinstance(error, HttpResponseError):
        broken_off = error.status_code is None and error.inner_exception is not None
        return broken_off or isinstance(error, IncompleteReadError)
    return isinstance(error, ServiceRequestError | ServiceResponseError | OSError)


def answer_of(error: HttpResponseError) -> str:
    """Return the status of an answer and its code, ``HTTP 409 LeaseIdMissing``, and none of its words."""
    try:
        phrase = HTTPStatus(error.status_code or 0).phrase
    except ValueError:
        phrase = "without a code"
    return f"HTTP {error.status_code} {error_code(error) or phrase}"
