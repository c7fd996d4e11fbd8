"""The test upload: every operation of an export, once, with a few bytes."""

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
from exporter.ports import Container, Containers, Gateways, Pause

FOLDER = "_export_test"
# Azure takes minutes to apply a new role. Retries tell a new role from a missing one; a longer wait would
# delay the answer. Seconds before each retry.
ROLE_WAITS = (2, 4, 8)
# Longer than any test upload: an older blob is a leftover of one that died.
LEFTOVER_AGE = timedelta(minutes=15)
# Leftovers that one test deletes at most, so that it stays fast.
LEFTOVERS_MAX = 20
# No blob has this ETag: a conditional delete checks the permission and deletes nothing.
_NO_ETAG = '"0x0"'
_ID = re.compile(r"[0-9a-f]{32}")
_CONTENT = "Written by a test upload of a destination at {at}, to be deleted at once. It holds no data.\n"
_OURS = re.compile(re.escape(_CONTENT).replace(re.escape("{at}"), r"([0-9T:+.-]{19,40})"))


@dataclass(slots=True)
class _Steps:
    """The steps so far, and the waits for a new role that are left."""

    pause: Pause
    done: list[ConnectionStep] = field(default_factory=list)
    waits: list[int] = field(default_factory=lambda: list(ROLE_WAITS))

    def run[Result](self, name: str, do: Callable[[], Result]) -> Result | None:
        """Run a step and record its result; return None if it failed."""
        result, fault = self._attempt(do)
        if fault is not None and fault.may_pass:
            result, fault = self._retry(do, fault)
        self.done.append(ConnectionStep(name, fault))
        return result

    def probe(self, name: str, do: Callable[[], object]) -> None:
        """Check a permission without using it: the step is failed if it is missing, otherwise skipped."""
        _, fault = self._attempt(do)
        self.done.append(ConnectionStep(name, fault, skipped=fault is None))

    def add_to_message(self, more: str) -> None:
        """Add a sentence to the message of the last step, which failed."""
        last = self.done[-1]
        if last.fault is not None:
            message = f"{last.fault.message} {more}"
            self.done[-1] = replace(last, fault=replace(last.fault, message=message))

    def skip(self, *names: str) -> ConnectionReport:
        """Return the report of a test that cannot continue; the named steps are skipped."""
        return ConnectionReport((*self.done, *(ConnectionStep(name, skipped=True) for name in names)))

    @property
    def permission_missing(self) -> bool:
        """Whether the last step failed because of a missing permission."""
        fault = self.done[-1].fault
        return fault is not None and fault.may_pass

    def _retry[Result](self, do: Callable[[], Result], missing: Fault) -> tuple[Result | None, Fault | None]:
        """Retry while a new role may not be effective yet."""
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
                "busy", f"The storage account did not answer as expected: {error}.", "Test again in a minute."
            )


def run_connection_test(
    destination: Destination,
    containers: Containers,
    *,
    test_id: str,
    now: datetime,
    pause: Pause = time.sleep,
) -> ConnectionReport:
    """Use every permission that an export needs, below the destination's prefix, and delete what was written.

    It signs in again, without cached tokens. After a failed step the steps that need its result are skipped;
    if a permission is missing, the others are checked too, so that one report names all missing ones.

    A test that dies leaves its blob behind; a later test deletes it.
    """
    prefix = f"{destination.storage.prefix}/" if destination.storage.prefix else ""
    folder = f"{prefix}{FOLDER}/"
    name, content = f"{folder}{test_id}", _CONTENT.format(at=now.isoformat()).encode()
    steps = _Steps(pause)
    container = steps.run("sign_in", lambda: _sign_in(containers, destination))
    if container is None:
        return steps.skip("write", "read", "list", "delete")
    written = steps.run("write", lambda: _write(container, name, content))
    if written is None and steps.permission_missing:
        steps.probe("read", lambda: container.read(name))
        steps.run("list", lambda: container.find(name))
        steps.probe("delete", lambda: container.delete(name, etag=_NO_ETAG))
        return ConnectionReport(tuple(steps.done))
    if written is None:
        return steps.skip("read", "list", "delete")
    steps.run("read", lambda: _read(container, name, content))
    listed = steps.run("list", lambda: _list(container, folder, name))
    deleted = steps.run("delete", lambda: _delete(container, name, written))
    if deleted is None:
        steps.add_to_message(f"The test could not delete its blob {name}.")
    if listed and deleted:
        _delete_leftovers(container, [blob for blob in listed if blob.name != name], folder, now)
    return ConnectionReport(tuple(steps.done))


class ConnectionTestFailed(Exception):
    """The test upload of a destination to be saved failed; nothing was changed."""

    def __init__(self, report: ConnectionReport) -> None:
        fault = report.first_fault
        super().__init__(fault.code if fault else "test_upload_failed")
        self.report = report


def connection_tester(gateways: Gateways, *, now: datetime, test_id: str) -> Callable[[Destination], None]:
    """Return a function that tests a destination and raises ``ConnectionTestFailed`` with the report."""

    def test(destination: Destination) -> None:
        report = run_connection_test(
            destination, gateways.containers, test_id=test_id, now=now, pause=gateways.pause
        )
        if not report.ok:
            raise ConnectionTestFailed(report)

    return test


def _sign_in(containers: Containers, destination: Destination) -> Container:
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
                f"The content of {name} differs from what was just written.",
                "Make sure that nothing deletes or rewrites new blobs in the container.",
            )
        )


def _list(container: Container, folder: str, name: str) -> list[BlobInfo]:
    found = container.find(folder)
    if name not in [blob.name for blob in found]:
        raise DestinationFault(
            Fault(
                "list_differs",
                f"The list of blobs does not contain {name}, which was just written.",
                "Make sure that nothing deletes or renames new blobs in the container.",
            )
        )
    return found


def _delete(container: Container, name: str, etag: str) -> bool:
    container.delete(name, etag=etag)
    return True


def _delete_leftovers(container: Container, listed: list[BlobInfo], folder: str, now: datetime) -> None:
    """Delete blobs of tests that died; errors are ignored, they are not part of this test."""
    named_so = [blob for blob in listed if _ID.fullmatch(blob.name.removeprefix(folder))]
    with suppress(DestinationFault, Transient, Conflict):
        for blob in named_so[:LEFTOVERS_MAX]:
            content = container.read(blob.name)
            if content is not None and _is_leftover(content.body, now):
                container.delete(blob.name, etag=content.etag)


def _is_leftover(body: bytes, now: datetime) -> bool:
    """Whether the content is exactly that of a test, and older than ``LEFTOVER_AGE``."""
    ours = _OURS.fullmatch(body.decode(errors="replace"))
    if ours is None:
        return False
    with suppress(ValueError, TypeError):
        return now - datetime.fromisoformat(ours[1]) > LEFTOVER_AGE
    return False


def _not_effective_yet(seconds: int) -> Fault:
    return Fault(
        "role_not_effective_yet",
        f"Access was refused at first and granted {seconds} seconds later: Azure is still applying the role.",
        "Wait five minutes and test again; nothing needs to be changed.",
    )
