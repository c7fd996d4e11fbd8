"""Errors of connections, told without URLs: a URL may contain a signature."""

from contextvars import ContextVar
from typing import Any

LAST_REFUSAL: ContextVar[Any] = ContextVar(
    "the SDK's response to the last call that was refused", default=None
)
"""If the SDK raises over the body of an answer, the status and headers are still known from here."""

CALLED: ContextVar[bool] = ContextVar("whether any call was sent", default=False)
"""Tells an error over an answer from an error before any call, such as a malformed connection string."""


class SilenceError(Exception):
    """A host does not answer.

    It is not an SDK error on purpose: the SDK would repeat the call, and wait once more.
    """


def timed_out(error: BaseException) -> bool:
    """Whether an error is a timeout."""
    root = root_cause(error)
    return isinstance(root, TimeoutError) or "Timeout" in type(root).__name__


def root_cause(error: BaseException) -> BaseException:
    """Return the first cause, such as "Connection refused": the errors that wrap it repeat URLs."""
    root: BaseException = getattr(error, "inner_exception", None) or error
    while nested := _nested(root):
        root = nested
    return root


def words_of(root: BaseException) -> str:
    """Return the text of a first cause if it is of the operating system or of TLS, else its class name.

    The text of other errors may repeat the server's words, and those may repeat the request.
    """
    if not isinstance(root, OSError) or type(root).__module__.partition(".")[0] in _REPEATING:
        return type(root).__name__
    return root.strerror or str(root)


_REPEATING = frozenset({"azure", "requests", "urllib3"})


def _nested(error: BaseException) -> BaseException | None:
    """Return the error that an error of requests or urllib3 wraps; each class keeps it in another place."""
    candidates = (error.__cause__, getattr(error, "reason", None), *error.args)
    return next((each for each in candidates if isinstance(each, BaseException)), None)
