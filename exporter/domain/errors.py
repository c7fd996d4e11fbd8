"""Every error of the product, by who must act on it.

ExportError
├── Rejected             the caller: the request cannot be carried out
│   ├── Malformed        the request cannot be parsed
│   ├── TooLarge         the request exceeds a size limit
│   ├── WrongMediaType   the request is not declared as JSON
│   ├── Invalid          fields are wrong; all of them are listed
│   ├── NotFound         the resource does not exist
│   ├── NotPossible      the state of the resource does not allow the request
│   └── Outdated         the resource has changed since the caller read it
├── NotConfigured        the operator: a setting is missing or wrong
│   └── LandingMissing   LANDING_CONTAINER names a container that does not exist
├── DestinationFault     the customer: their storage or filter refuses; the message is written for them
│   ├── ForeignBlocks    uncommitted blocks of another program refuse ours; a fence removes them
│   └── LandingArchived  the operator: a landing blob is archived; recorded with the hour as other faults
├── SourceFault          the owner of a source, or the operator: the source may not be asked as it is set up
├── Transient            no action: the failure passes; try again
│   ├── Busy             this process has no capacity left
│   └── LandingChanged   a landing blob is not the one that was listed: list the hour again
└── Conflict             no action: another worker owns it

Any other exception is a bug of ours.
"""

import re
import shlex
from dataclasses import dataclass
from enum import StrEnum

# An answer repeats an unknown key of a request only if it looks like this. Secrets have digits or capitals,
# or are longer: a secret that was sent as a key by mistake is not repeated.
_FIELD_NAME = re.compile(r"[a-z]+(_[a-z]+){0,4}", re.ASCII)
_FIELD_CHARACTERS_MAX = 30


class ExportError(Exception):
    """Base class of all errors that this product raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong field: ``field`` is a path like ``storage.container``, ``message`` says what to do."""

    field: str
    message: str


def named(key: object) -> str:
    """Return a request's key as answers show it: ``(unknown)`` unless it looks like a field name."""
    text = str(key)
    fits = len(text) <= _FIELD_CHARACTERS_MAX and _FIELD_NAME.fullmatch(text)
    return text if fits else "(unknown)"


class Rejected(ExportError):
    """The caller must change the request. ``code`` is stable; the message is one sentence for a person."""

    def __init__(self, code: str, message: str, problems: tuple[Problem, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.problems = problems


class Malformed(Rejected):
    """The request is not JSON."""


class TooLarge(Rejected):
    """The request exceeds a size limit."""


class WrongMediaType(Rejected):
    """The request has a body whose content type is not JSON."""


class Invalid(Rejected):
    """Fields of the request are wrong; ``problems`` lists all of them."""

    def __init__(self, *problems: Problem, code: str = "invalid_request") -> None:
        noun = "field is" if len(problems) == 1 else "fields are"
        super().__init__(code, f"{len(problems)} {noun} wrong.", problems)


class NotFound(Rejected):
    """The resource does not exist."""


class NotPossible(Rejected):
    """The state of the resource does not allow the request."""


class Outdated(Rejected):
    """The resource has changed since the caller read it."""


class NotConfigured(ExportError):
    """Settings are missing or wrong; what needs them does not run until the operator corrects them."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.message}" for problem in problems))
        self.problems = problems


class LandingMissing(NotConfigured):
    """The landing container does not exist. That is not the same as an empty one."""

    def __init__(self, container: str) -> None:
        message = (
            f"names the container {container}, which does not exist in the exporter's own storage account:"
            f" correct the setting, or create it (az storage container create --name {container})"
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
    marks a missing right that may have been granted just now: Azure takes minutes to apply it, so a retry may
    succeed.
    """

    code: str
    message: str
    fix: str
    scope: Scope = Scope.DESTINATION
    may_pass: bool = False


class DestinationFault(ExportError):
    """The customer's storage refuses or cannot be reached, or their filter is refused: they must act."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.code}: {fault.message}")
        self.fault = fault


class ForeignBlocks(DestinationFault):
    """Blocks cannot be staged for the blob ``name``: it has uncommitted blocks of another program.

    Azure requires all uncommitted block ids of a blob to have one length. Writing the blob whole discards
    them; otherwise Azure discards them a week after the last one arrived.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            Fault(
                "foreign_blocks",
                f"Uncommitted blocks of another program prevent this exporter from writing the blob {name}.",
                "Stop the program that writes to that name, then upload any file to it and delete the file.",
                Scope.BLOB,
            )
        )
        self.name = name


class LandingArchived(DestinationFault):
    """A landing blob is in the archive tier: its hour fails until the operator rehydrates the blob."""

    def __init__(self, container: str, name: str) -> None:
        which = f"--container-name {shlex.quote(container)} --name {shlex.quote(name)}"
        super().__init__(
            Fault(
                "landing_archived",
                f"The landing blob {name} is in the archive tier and cannot be read.",
                f"Ask the exporter's operator to rehydrate it: az storage blob set-tier {which} --tier Hot.",
                Scope.BLOB,
            )
        )
        self.name = name


class SourceFault(ExportError):
    """A source may not be asked, or refuses: its owner must act, or the operator."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.code}: {fault.message}")
        self.fault = fault


class Transient(ExportError):
    """A failure that passes: the same attempt may succeed a little later."""


class Busy(Transient):
    """This process has no capacity left: another process may do the work, or this one later."""


class LandingChanged(Transient):
    """A landing blob was deleted or replaced since it was listed: a plan based on that listing is void."""


class Conflict(ExportError):
    """Another worker owns the item, or changed it first. Nothing was changed."""
