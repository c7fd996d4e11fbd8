"""What an error of a customer's storage means: theirs to repair, passing, or a condition that has failed.

The reading is total: whatever the storage answers becomes a ``DestinationFault``, ``Transient`` or
``Conflict``. Of its own words only error codes are passed on: others may repeat what it was sent, secrets
included.
"""

import logging
import socket
import ssl
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import ClientAuthenticationError, DecodeError, HttpResponseError

from exporter.domain.errors import Conflict, DestinationFault, ExportError, Fault, ForeignBlocks, Transient
from exporter.storage.customer.fault_table import (
    ACCOUNT_NOT_FOUND,
    FAULTS,
    NOT_A_BLOB_SERVICE,
    SECRET_WRONG,
    STORAGE_REFUSED,
    TLS_FAILED,
    UNREACHABLE,
    Action,
    FaultRow,
    Place,
)
from exporter.storage.network import LAST_REFUSAL, SilenceError, root_cause, words_of
from exporter.storage.sdk_errors import answer_of, error_code, is_conflict, is_passing, of_connection

# Of blocks only: their ids differ in length from those of blocks that are there, or there are too many.
_FOREIGN_BLOCKS = frozenset({"InvalidBlobOrBlock", "InvalidBlockId", "BlockCountExceedsLimit"})

_log = logging.getLogger(__name__)


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
        if of_connection(error):
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
    if of_connection(error):
        return DestinationFault(_no_answer(error, place, action))
    if is_passing(error):
        return Transient(f"the storage account {place.account} is busy: {answer_of(error)}")
    if row := _row(error):
        return DestinationFault(row.fault(place, action, answer_of(error)))
    if action is not Action.READ and is_conflict(error):
        return Conflict(f"the storage account {place.account} says: {answer_of(error)}")
    if error_code(error):
        fault = STORAGE_REFUSED.fault(place, action, answer_of(error))
    elif error.status_code is None or isinstance(error, DecodeError):
        fault = _unreadable(error, place, action)
    else:
        # Azure Storage never leaves its code out of an answer that has a body, nor out of its headers.
        fault = NOT_A_BLOB_SERVICE.fault(place, action, answer_of(error))
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


def _unreached(root: BaseException) -> FaultRow:
    """Return the case of a connection that did not come about, or broke."""
    if isinstance(root, socket.gaierror):
        return ACCOUNT_NOT_FOUND
    return TLS_FAILED if isinstance(root, ssl.SSLError) else UNREACHABLE


def _row(error: HttpResponseError) -> FaultRow | None:
    """Return the row of the table that fits, if there is one."""
    if isinstance(error, ClientAuthenticationError) and error.status_code is None:
        # The request could not even be signed: the key is no base64.
        return SECRET_WRONG
    code = error_code(error)
    return next((row for row in FAULTS if row.fits(error.status_code, code, str(error.message))), None)
