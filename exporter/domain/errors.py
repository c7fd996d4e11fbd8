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
│   └── LandingMissing   LANDING_CONTAINER names a container that is not there
├── DestinationFault     the customer: their storage or filter refuses; the message is written for them
│   ├── ForeignBlocks    uncommitted blocks of another program refuse ours; writing the blob whole heals it
│   └── LandingArchived  the operator: a landing blob is archived; told with the hour like the others
├── Transient            nobody: it passes; try again
│   ├── Busy             this process has too much to do
│   └── LandingChanged   a landing blob is not what was listed: the hour is listed anew
└── Conflict             nobody: another worker owns it

Anything else that is raised is a bug of ours.
"""

import re
import shlex
from dataclasses import dataclass
from enum import StrEnum

# What a request's unknown key must look like to be named in an answer. Secrets have digits or capitals, or
# are longer: one that was sent as a key does not come back.
_FIELD_NAME = re.compile(r"[a-z]+(_[a-z]+){0,4}", re.ASCII)
_FIELD_CHARACTERS_MAX = 30


class ExportError(Exception):
    """The root: whatever this product raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: ``field`` is a path like ``storage.container``, ``message`` what to do."""

    field: str
    message: str


def named(key: object) -> str:
    """Return how an answer names a key of a request: in full only if it looks like the name of a field."""
    text = str(key)
    fits = len(text) <= _FIELD_CHARACTERS_MAX and _FIELD_NAME.fullmatch(text)
    return text if fits else "(unknown)"


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


class LandingMissing(NotConfigured):
    """Landing is not there, which must not be taken for "nothing has landed"."""

    def __init__(self, container: str) -> None:
        message = (
            f"names the container {container}, which is not in the exporter's own storage account: correct"
            f" the setting, or bring the container back (az storage container create --name {container})"
        )
        super().__init__((Problem("LANDING_CONTAINER", message),))


class Scope(StrEnum):
    """What a fault affects: it decides which hours wait for the repair."""

    DESTINATION = "destination"
    """The account, the container or the credentials: every hour fails."""
    BLOB = "blob"
    """One blob: other hours of the destination continue."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an hour or a test upload failed, written for the person who can repair it.

    ``code`` is stable. ``message`` says what happened and ``fix`` what to do, one sentence each. ``may_pass``
    marks a right that was perhaps just granted: Azure takes minutes to spread it, so a repeat may succeed.
    """

    code: str
    message: str
    fix: str
    scope: Scope = Scope.DESTINATION
    may_pass: bool = False


class DestinationFault(ExportError):
    """The customer's storage refuses or cannot be reached, or their filter does: theirs to change."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.code}: {fault.message}")
        self.fault = fault


class ForeignBlocks(DestinationFault):
    """Blocks cannot be staged for the blob ``name``: another program left uncommitted ones there.

    Azure refuses block ids of another length than those that are there. A blob that is written whole over the
    name discards them; without that they end a week after the last one was sent.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            Fault(
                "foreign_blocks",
                f"Uncommitted blocks of another program keep this exporter from writing the blob {name}.",
                "Stop the program that writes to that name, then upload any file over it and delete that.",
                Scope.BLOB,
            )
        )
        self.name = name


class LandingArchived(DestinationFault):
    """A landing blob is in the archive tier: its hour fails until the operator has rehydrated it."""

    def __init__(self, container: str, name: str) -> None:
        which = f"--container-name {shlex.quote(container)} --name {shlex.quote(name)}"
        super().__init__(
            Fault(
                "landing_archived",
                f"The landing blob {name} is in the archive tier and cannot be read.",
                f"Have the exporter's operator rehydrate it: az storage blob set-tier {which} --tier Hot.",
                Scope.BLOB,
            )
        )
        self.name = name


class Transient(ExportError):
    """A passing failure: the same attempt may succeed a little later."""


class Busy(Transient):
    """This process has too much to do: another one may do it, or this one later."""


class LandingChanged(Transient):
    """A landing blob is gone or was put again since it was listed: a plan made by that listing is void."""


class Conflict(ExportError):
    """Another worker owns what we wanted to change, or changed it first. We changed nothing."""
