"""Errors of an app, or of the machine that runs it.

HostError                the host cannot start; the message says what to do
  IndexingError            the app cannot be loaded; the message is the worker's
UnusableFunctionError    one function cannot run; the host reports it and runs the others
WorkerDiedError          the worker process ended in the middle of an invocation
"""


class HostError(Exception):
    """The host cannot start. The message says why and what to do."""


class IndexingError(HostError):
    """The worker could not load the app's functions."""


class UnusableFunctionError(Exception):
    """One function cannot run; the rest of the app can."""


class WorkerDiedError(Exception):
    """The worker process ended before it answered."""
