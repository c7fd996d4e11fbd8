"""What an error of our own account means: it passes, a condition failed, or it is a bug or a missing role."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError

from exporter.domain.errors import Conflict, Transient
from exporter.storage.network import root_cause, words_of
from exporter.storage.sdk_errors import (
    answer_of,
    error_code,
    is_conflict,
    is_missing,
    is_passing,
    of_connection,
)

# In our own account these pass within a minute; nobody deletes on purpose what we work with.
_BEING_DELETED = frozenset({"ContainerBeingDeleted", "QueueBeingDeleted", "TableBeingDeleted"})
# What a landing blob that a lifecycle rule has archived answers.
ARCHIVED = frozenset({"BlobArchived", "BlobBeingRehydrated"})


@contextmanager
def own_storage() -> Iterator[None]:
    """Translate errors of our own account: what passes is ``Transient``, a failed condition ``Conflict``."""
    try:
        yield
    except AzureError as error:
        if of_connection(error):
            raise Transient(f"our own storage did not answer: {words_of(root_cause(error))}") from None
        if not isinstance(error, HttpResponseError):
            raise
        if is_passing(error) or error_code(error) in _BEING_DELETED:
            raise Transient(f"our own storage is busy: {answer_of(error)}") from error
        if is_conflict(error):
            raise Conflict(f"our own storage says: {answer_of(error)}") from error
        raise


def create_if_missing[Result](do: Callable[[], Result], create: Callable[[], object]) -> Result:
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
