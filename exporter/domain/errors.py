"""Every error of the product, by who must act on it.

ExportError
├── Rejected             the caller: the request cannot be carried out as it stands
│   ├── Malformed        it cannot be read at all
│   ├── TooLarge         it is larger than anything that makes sense here
│   ├── WrongMediaType   it does not say that it is JSON
│   ├── Invalid          fields are wrong; all of them are listed
│   ├── NotFound         there is no such thing
│   ├── NotPossible      not in the state the thing is in
│   └── Outdated         it was changed since the caller read it
├── NotConfigured        the operator: a setting is missing or wrong
├── DestinationFault     the customer: their storage does not let us; the message is written for them
├── Transient            nobody: it passes; try again
└── Conflict             nobody: another worker owns it

Anything else that is raised is a bug of ours.
"""

from dataclasses import dataclass


class ExportError(Exception):
    """The root: whatever this product raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: ``field`` is a path like ``storage.container``, ``message`` what to do."""

    field: str
    message: str


class Rejected(ExportError):
    """The caller must change something. ``code`` is stable; the message is one sentence for a person."""

    def __init__(self, code: str, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.problems = problems


class Malformed(Rejected):
    """The request cannot be read: it is no JSON."""


class TooLarge(Rejected):
    """The request is larger than anything that makes sense here."""


class WrongMediaType(Rejected):
    """The request has a body that does not say it is JSON."""


class Invalid(Rejected):
    """Fields of the request are wrong: every one of them is in ``problems``."""

    def __init__(self, *problems: Problem, code: str = "invalid_request") -> None:
        noun = "field is" if len(problems) == 1 else "fields are"
        super().__init__(code, f"{len(problems)} {noun} wrong.", problems)


class NotFound(Rejected):
    """There is nothing of that name."""


class NotPossible(Rejected):
    """The thing is in a state in which this cannot be done."""


class Outdated(Rejected):
    """The thing was changed since the caller read it."""


class NotConfigured(ExportError):
    """The operator must correct settings; until then nothing that needs them runs."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.message}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an hour or a test upload failed, for the one who can repair it.

    ``code`` is stable, ``message`` says what happened, ``fix`` what to do, in a sentence.
    """

    code: str
    message: str
    fix: str


class DestinationFault(ExportError):
    """The customer's storage refuses or cannot be reached; only the customer can change that."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.code}: {fault.message}")
        self.fault = fault


class Transient(ExportError):
    """A passing failure: the same attempt may succeed a little later."""


class Busy(Transient):
    """This process has too much to do: another one may do it, or this one later."""


class Conflict(ExportError):
    """Another worker owns what we wanted to change, or changed it first. We changed nothing."""
