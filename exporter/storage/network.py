"""The first cause of an error at the connection, in words that repeat no URL: a URL may hold a signature."""

from contextvars import ContextVar
from typing import Any

LAST_REFUSAL: ContextVar[Any] = ContextVar(
    "the SDK's response to the last call that did not succeed", default=None
)
"""If the SDK raises over the body of an answer, the status and headers are still known from here."""

CALLED: ContextVar[bool] = ContextVar("whether any call was sent", default=False)
"""Tells an error over an answer from an error before any call, such as a malformed connection string."""


class SilenceError(Exception):
    """A host accepts connections, or swallows them, and says nothing.

    It is no error of the SDK's on purpose: the SDK would ask again, and wait once more.
    """


def timed_out(error: BaseException) -> bool:
    """Whether an error comes from a wait that was too long."""
    root = root_cause(error)
    return isinstance(root, TimeoutError) or "Timeout" in type(root).__name__


def root_cause(error: BaseException) -> BaseException:
    """Return the first cause, such as "Connection refused": what was made of it repeats URLs."""
    root: BaseException = getattr(error, "inner_exception", None) or error
    while nested := _nested(root):
        root = nested
    return root


def words_of(root: BaseException) -> str:
    """Return what a first cause says, if the operating system or TLS says it; else what kind of error it is.

    Others repeat what the server said, which may repeat what it was sent.
    """
    if not isinstance(root, OSError) or type(root).__module__.partition(".")[0] in _REPEATING:
        return type(root).__name__
    return root.strerror or str(root)


_REPEATING = frozenset({"azure", "requests", "urllib3"})


def _nested(error: BaseException) -> BaseException | None:
    """Return what an error of requests or urllib3 wraps; each of them keeps it in a place of its own."""
    candidates = (error.__cause__, getattr(error, "reason", None), *error.args)
    return next((each for each in candidates if isinstance(each, BaseException)), None)
