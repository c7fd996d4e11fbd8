"""Classes of SDK errors: those that pass, failed conditions, missing containers, lost connections.

The consequences differ: ``own.errors`` states them for our own account, ``customer.errors`` for customers'.
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
# Servers that are not a blob service answer so to unknown methods. Azure sends an error code as well.
_NEVER_PASSING = frozenset({HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED})
_CONDITION_FAILED = frozenset(
    {
        "ConditionNotMet",
        "TargetConditionNotMet",
        "UpdateConditionNotSatisfied",
        "BlobAlreadyExists",
        "EntityAlreadyExists",
        "InvalidBlockList",  # a rival's commit has discarded the blocks
    }
)
_CONTAINER_MISSING = frozenset({"ContainerNotFound", "QueueNotFound", "TableNotFound"})
# Azure's codes are single words. Anything else may be text of another server, and is not repeated.
_CODE = re.compile(r"[A-Z][A-Za-z]{1,31}\d?[A-Za-z]{0,40}", re.ASCII)
# Any other 404 is about the container or the account, and says nothing about the blob.
NO_SUCH_BLOB = "BlobNotFound"


class _TableError(msgspec.Struct):
    code: str


class _TableAnswer(msgspec.Struct):
    error: _TableError = msgspec.field(name="odata.error")


_TABLE_ANSWER = msgspec.json.Decoder(_TableAnswer)


def confirm_write(write: Callable[[], str], landed: Callable[[], str | None]) -> str:
    """Do a conditional write, and return the new ETag.

    The SDK repeats a write if its answer is lost, and the repetition fails because the first write changed
    the ETag. So a failed condition is checked by ``landed``: it reads what is stored, and returns its ETag if
    it is exactly what was to be written, else None.
    """
    try:
        return write()
    except AzureError as error:
        if not _may_have_landed(error) or (etag := landed()) is None:
            raise
        return etag


def error_code(error: AzureError) -> str | None:
    """Return the error code of the service, or None; the SDKs sometimes wrap it, or leave it out."""
    code = _word(getattr(error, "error_code", None))
    answer: Any = getattr(error, "response", None)
    if code is None and answer is not None:
        code = _word(answer.headers.get("x-ms-error-code")) or _code_in(answer)
    return code


def _word(code: object) -> str | None:
    code = code.value if isinstance(code, Enum) else code
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def _code_in(answer: Any) -> str | None:  # noqa: ANN401  the SDK's classes of answers share no public one
    """Return the error code in an answer of the table service: ``create_entity`` does not parse it."""
    try:
        return _word(_TABLE_ANSWER.decode(answer.text()).error.code)
    # A truncated body, or one in an unknown encoding.
    except (msgspec.MsgspecError, AzureError, ValueError, LookupError):
        return None


def is_missing(error: AzureError) -> bool:
    """Whether the table, queue or container is missing, and not only the row, message or blob."""
    return error_code(error) in _CONTAINER_MISSING


def is_passing(error: HttpResponseError) -> bool:
    """Whether the same call may succeed later."""
    status, code = error.status_code, error_code(error)
    if status in _PASSING_STATUSES or code in _PASSING_CODES:
        return True
    failed = status is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return failed and (code is not None or status not in _NEVER_PASSING)


def is_conflict(error: HttpResponseError) -> bool:
    """Whether a condition of the write failed."""
    return error_code(error) in _CONDITION_FAILED


def _may_have_landed(error: AzureError) -> bool:
    if of_connection(error):
        return not isinstance(error, ServiceRequestError)
    return isinstance(error, HttpResponseError) and (is_conflict(error) or is_passing(error))


def of_connection(error: BaseException) -> bool:
    """Whether an error is a missing answer; its text contains the URL, which may contain a secret.

    The SDK reports a truncated answer as an ``HttpResponseError`` without a status.
    """
    if isinstance(error, HttpResponseError):
        broken_off = error.status_code is None and error.inner_exception is not None
        return broken_off or isinstance(error, IncompleteReadError)
    return isinstance(error, ServiceRequestError | ServiceResponseError | OSError)


def answer_of(error: HttpResponseError) -> str:
    """Return the status and the code of an answer, ``HTTP 409 LeaseIdMissing``, without its text."""
    try:
        phrase = HTTPStatus(error.status_code or 0).phrase
    except ValueError:
        phrase = "without a code"
    return f"HTTP {error.status_code} {error_code(error) or phrase}"
