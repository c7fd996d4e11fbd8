"""The meaning of errors of our own storage account: a transient failure, a condition failed, or a bug.

The reading is total: whatever the account answers becomes ``Transient``, ``Conflict`` or an SDK error that
says which answer it was (a missing role, for example), never an error of the SDK's own parsers.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from azure.core.exceptions import DecodeError, HttpResponseError, ResourceExistsError

from exporter.domain.errors import Conflict, ExportError, Transient
from exporter.storage.network import CALLED, LAST_REFUSAL, root_cause, words_of
from exporter.storage.sdk_errors import (
    answer_of,
    error_code,
    is_conflict,
    is_missing,
    is_passing,
    of_connection,
)

# In our own account these pass within a minute: nothing that the app uses is deleted for good.
_BEING_DELETED = frozenset({"ContainerBeingDeleted", "QueueBeingDeleted", "TableBeingDeleted"})
# The answers to reading a landing blob that a lifecycle rule has archived.
ARCHIVED = frozenset({"BlobArchived", "BlobBeingRehydrated"})


@contextmanager
def own_storage() -> Iterator[None]:
    """Translate errors of our own account: ``Transient`` if they pass, ``Conflict`` if a condition failed.

    A refusal that stays is raised as the SDK's ``HttpResponseError``.
    """
    LAST_REFUSAL.set(None)
    CALLED.set(False)
    try:
        yield
    except (ExportError, MemoryError):
        raise
    except HttpResponseError as error:
        if (meaning := _meaning(error)) is error:
            raise
        raise meaning from (None if of_connection(error) else error)
    except Exception as error:
        if of_connection(error):
            raise _no_answer(error) from None
        # The SDK raises anything over an answer that it did not expect.
        if (answer := LAST_REFUSAL.get()) is not None:
            raise _meaning(HttpResponseError(response=answer)) from error
        if CALLED.get():
            raise _unreadable(error) from error
        raise


def _meaning(error: HttpResponseError) -> Exception:
    """Return the meaning of an answer: the error itself, if it is a refusal that stays."""
    if of_connection(error):
        return _no_answer(error)
    if is_passing(error) or error_code(error) in _BEING_DELETED:
        return Transient(f"our own storage is busy: {answer_of(error)}")
    if is_conflict(error):
        return Conflict(f"our own storage refuses the write: {answer_of(error)}")
    return _unreadable(error) if isinstance(error, DecodeError) else error


def _no_answer(error: Exception) -> Transient:
    return Transient(f"our own storage did not answer: {words_of(root_cause(error))}")


def _unreadable(error: Exception) -> Transient:
    return Transient(f"our own storage sent an unreadable answer ({type(error).__name__})")


def create_if_missing[Result](do: Callable[[], Result], create: Callable[[], object]) -> Result:
    """Do a call to our own account; if its table, queue or container is missing, create it and call again."""
    try:
        return do()
    except HttpResponseError as error:
        if not is_missing(error):
            raise
    try:
        create()
    except ResourceExistsError as error:
        # Another worker created it; or it is being deleted, and cannot be created yet.
        if error_code(error) in _BEING_DELETED:
            raise
    return do()
