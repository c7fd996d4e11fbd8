"""What can be wrong with an app, or with where it runs.

HostError                the host cannot start; the message is for a person
  IndexingError            the app cannot be loaded; the message is the worker's
UnusableFunctionError    one function cannot run; the host reports it and runs the others
WorkerDiedError          the worker process ended in the middle of an invocation
"""


class HostError(Exception):
    """The host cannot start; the message says why, or what to do about it."""


class IndexingError(HostError):
    """The worker could not load the app's functions."""


class UnusableFunctionError(Exception):
    """One function cannot run; the rest of the app can."""


class WorkerDiedError(Exception):
    """The worker process ended before it answered."""
