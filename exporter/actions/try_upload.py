"""The test upload: what an export does to a customer's container, done once with a few bytes."""

from collections.abc import Callable

from exporter.actions.ports import Container, Containers
from exporter.domain.destination import Destination
from exporter.domain.errors import Conflict, DestinationFault, Fault, Transient
from exporter.domain.trial import Report, Step

FOLDER = "_export_test"
CONTENT = b"Written, read and deleted by a test upload. No data; it may be deleted at any time.\n"


def try_upload(destination: Destination, containers: Containers, *, test_id: str) -> Report:
    """Try every right that an export needs, below the destination's prefix, and delete what was written.

    Where a step fails, those that need its result are skipped; the others are tried all the same, so that one
    report names every right that is missing.
    """
    prefix = f"{destination.storage.prefix}/" if destination.storage.prefix else ""
    name = f"{prefix}{FOLDER}/{test_id}"
    steps: list[Step] = []
    container = _step(steps, "sign_in", lambda: containers.open(destination))
    if container is None:
        steps += [Step(name, skipped=True) for name in ("write", "read", "list", "delete")]
        return Report(tuple(steps))
    etag = _step(steps, "write", lambda: container.put(name, CONTENT, content_type="text/plain", etag=None))
    if etag is None:
        steps.append(Step("read", skipped=True))
        _step(steps, "list", lambda: container.find(name))
        steps.append(Step("delete", skipped=True))
        return Report(tuple(steps))
    _step(steps, "read", lambda: _read(container, name))
    _step(steps, "list", lambda: _list(container, name))
    _step(steps, "delete", lambda: container.delete(name, etag=etag))
    return Report(tuple(steps))


def _read(container: Container, name: str) -> None:
    content = container.read(name)
    if content is None or content.body != CONTENT:
        raise DestinationFault(
            Fault(
                "read_differs",
                f"What was written to {name} cannot be read back unchanged.",
                "Make sure that nothing deletes or rewrites new blobs in the container.",
            )
        )


def _list(container: Container, name: str) -> None:
    if name not in [blob.name for blob in container.find(name)]:
        raise DestinationFault(
            Fault(
                "list_differs",
                f"The list of blobs lacks {name}, which was just written.",
                "Make sure that nothing deletes or renames new blobs in the container.",
            )
        )


def _step[Result](steps: list[Step], name: str, do: Callable[[], Result]) -> Result | None:
    """Do a step and write down how it went; None if it failed."""
    try:
        result = do()
    except DestinationFault as error:
        steps.append(Step(name, error.fault))
        return None
    except (Transient, Conflict) as error:
        fault = Fault(
            "busy", f"The storage account did not answer as expected: {error}", "Try again in a minute."
        )
        steps.append(Step(name, fault))
        return None
    steps.append(Step(name))
    return result
