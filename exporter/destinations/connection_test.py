"""The test upload: what an export does to a customer's container, done once with a few bytes."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from exporter.domain.connection_test import ConnectionReport, ConnectionStep
from exporter.domain.destination import Destination
from exporter.domain.errors import Conflict, DestinationFault, Fault, Transient
from exporter.domain.versioned import BlobInfo
from exporter.ports import Container, Containers, Pause

FOLDER = "_export_test"
# Azure takes minutes to tell all its servers of a new role. A right that comes within this time was granted;
# longer than that nobody wants to wait for an answer. Seconds before each further try.
ROLE_WAITS = (2, 4, 8)
# Longer than any test upload takes: what is older was left behind by one that died.
LEFTOVER_AGE = timedelta(minutes=15)
# One test clears away no more than this, so that it does not become slow by what others have left.
LEFTOVERS_MAX = 20
# No blob has it: to delete with this condition deletes nothing, and asks whether it would be allowed.
_NO_ETAG = '"0x0"'
_ID = re.compile(r"[0-9a-f]{32}")
_CONTENT = "Written by a test upload of a destination at {at}, to be deleted at once. It holds no data.\n"
_OURS = re.compile(re.escape(_CONTENT).replace(re.escape("{at}"), r"([0-9T:+.-]{19,40})"))


@dataclass(slots=True)
class _Steps:
    """The steps so far, and what is left of the time to wait for a role."""

    pause: Pause
    done: list[ConnectionStep] = field(default_factory=list)
    waits: list[int] = field(default_factory=lambda: list(ROLE_WAITS))

    def take[Result](self, name: str, do: Callable[[], Result]) -> Result | None:
        """Do a step and write down how it went; None if it did not succeed in the end."""
        result, fault = self._attempt(do)
        if fault is not None and fault.may_pass:
            result, fault = self._again(do, fault)
        self.done.append(ConnectionStep(name, fault))
        return result

    def probe(self, name: str, do: Callable[[], object]) -> None:
        """Ask for a right where there is nothing to use it on: a lack of it is told, else it is skipped."""
        _, fault = self._attempt(do)
        self.done.append(ConnectionStep(name, fault, skipped=fault is None))

    def tell(self, more: str) -> None:
        """Add a sentence to what the last step, which failed, tells."""
        last = self.done[-1]
        if last.fault is not None:
            message = f"{last.fault.message} {more}"
            self.done[-1] = replace(last, fault=replace(last.fault, message=message))

    def skip(self, *names: str) -> ConnectionReport:
        """Return the report of a test that cannot go on."""
        return ConnectionReport((*self.done, *(ConnectionStep(name, skipped=True) for name in names)))

    @property
    def missing_right(self) -> bool:
        """Whether the last step failed for want of a right, and not because nothing would work."""
        fault = self.done[-1].fault
        return fault is not None and fault.may_pass

    def _again[Result](self, do: Callable[[], Result], missing: Fault) -> tuple[Result | None, Fault | None]:
        """Try for a while whether a right that is missing is only on its way."""
        waited = 0
        while self.waits:
            seconds = self.waits.pop(0)
            self.pause(seconds)
            waited += seconds
            result, fault = self._attempt(do)
            if fault is None:
                return result, _not_effective_yet(waited)
            if not fault.may_pass:
                return None, fault
        return None, missing

    @staticmethod
    def _attempt[Result](do: Callable[[], Result]) -> tuple[Result | None, Fault | None]:
        try:
            return do(), None
        except DestinationFault as error:
            return None, error.fault
        except (Transient, Conflict) as error:
            return None, Fault(
                "busy", f"The storage account did not answer as expected: {error}.", "Try again in a minute."
            )


def run_connection_test(
    destination: Destination,
    containers: Containers,
    *,
    test_id: str,
    now: datetime,
    pause: Pause = time.sleep,
) -> ConnectionReport:
    """Try every right that an export needs, below the destination's prefix, and delete what was written.

    It signs in anew: what is remembered from an hour ago says nothing about now. Where a step fails, those
    that need its result are skipped, unless they lack a right, too: one report names all that are missing.

    A test that dies leaves its blob behind; the next one that gets so far deletes it.
    """
    prefix = f"{destination.storage.prefix}/" if destination.storage.prefix else ""
    folder = f"{prefix}{FOLDER}/"
    name, content = f"{folder}{test_id}", _CONTENT.format(at=now.isoformat()).encode()
    steps = _Steps(pause)
    container = steps.take("sign_in", lambda: _signed_in(containers, destination))
    if container is None:
        return steps.skip("write", "read", "list", "delete")
    written = steps.take("write", lambda: _write(container, name, content))
    if written is None and steps.missing_right:
        steps.probe("read", lambda: container.read(name))
        steps.take("list", lambda: container.find(name))
        steps.probe("delete", lambda: container.delete(name, etag=_NO_ETAG))
        return ConnectionReport(tuple(steps.done))
    if written is None:
        return steps.skip("read", "list", "delete")
    steps.take("read", lambda: _read(container, name, content))
    listed = steps.take("list", lambda: _list(container, folder, name))
    deleted = steps.take("delete", lambda: _delete(container, name, written))
    if deleted is None:
        steps.tell(f"The test has left the blob {name} behind.")
    if listed and deleted:
        _clear_away(container, [blob for blob in listed if blob.name != name], folder, now)
    return ConnectionReport(tuple(steps.done))


def _signed_in(containers: Containers, destination: Destination) -> Container:
    container = containers.anew(destination)
    container.sign_in()
    return container


def _write(container: Container, name: str, content: bytes) -> str:
    return container.put(name, content, content_type="text/plain", etag=None)


def _read(container: Container, name: str, written: bytes) -> None:
    content = container.read(name)
    if content is None or content.body != written:
        raise DestinationFault(
            Fault(
                "read_differs",
                f"What was written to {name} cannot be read back unchanged.",
                "Make sure that nothing deletes or rewrites new blobs in the container.",
            )
        )


def _list(container: Container, folder: str, name: str) -> list[BlobInfo]:
    found = container.find(folder)
    if name not in [blob.name for blob in found]:
        raise DestinationFault(
            Fault(
                "list_differs",
                f"The list of blobs lacks {name}, which was just written.",
                "Make sure that nothing deletes or renames new blobs in the container.",
            )
        )
    return found


def _delete(container: Container, name: str, etag: str) -> bool:
    container.delete(name, etag=etag)
    return True


def _clear_away(container: Container, listed: list[BlobInfo], folder: str, now: datetime) -> None:
    """Delete what tests that died have left; what goes wrong with that is no part of this test."""
    named_so = [blob for blob in listed if _ID.fullmatch(blob.name.removeprefix(folder))]
    with suppress(DestinationFault, Transient, Conflict):
        for blob in named_so[:LEFTOVERS_MAX]:
            content = container.read(blob.name)
            if content is not None and _left_behind(content.body, now):
                container.delete(blob.name, etag=content.etag)


def _left_behind(body: bytes, now: datetime) -> bool:
    """Whether a blob is exactly what a test writes, and so old that its test is over."""
    ours = _OURS.fullmatch(body.decode(errors="replace"))
    if ours is None:
        return False
    with suppress(ValueError, TypeError):
        return now - datetime.fromisoformat(ours[1]) > LEFTOVER_AGE
    return False


def _not_effective_yet(seconds: int) -> Fault:
    return Fault(
        "role_not_effective_yet",
        f"The role was refused at first and accepted {seconds} seconds later: Azure is still spreading it.",
        "Wait five minutes and test again; there is nothing to change.",
    )
