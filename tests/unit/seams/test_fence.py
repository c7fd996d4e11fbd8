"""The fence is a verb of the container, not a side effect of a commit: a second kind of storage can keep it.

S3 keeps the pending parts of a multipart upload whatever else becomes of the key, until they are aborted.
"""

from collections import deque

import pytest

from exporter.domain.destination import Destination
from exporter.domain.errors import Conflict
from exporter.domain.marker import Part, StagedFile
from tests.simulation.happenings import live
from tests.simulation.truth import BrokenPromise
from tests.support.fakes.blobs import FakeBlob, FakeBlobs, FakeContainer, FakeContainers, md5_base64
from tests.support.fakes.writes import Writes

WORLDS = 200
NAME = "187520_2026-01-31_12#1.json.gz"


class KeepingBlobs(FakeBlobs):
    """A container in which a write discards no pending block but those that it commits."""

    def set(self, name: str, body: bytes, content_type: str | None = None) -> str:
        """Write a blob whole; what is pending for its name stays."""
        etag = self.writes.new_etag()
        self.committed[name] = FakeBlob(body, etag, md5_base64(body), content_type)
        return etag

    def commit(
        self, name: str, ids: list[str], md5: str, *, allowed: bool, content_type: str = "application/gzip"
    ) -> None:
        """Make blocks the blob's content; those of other uploads stay."""
        super().commit(name, ids, md5, allowed=allowed, content_type=content_type)
        for block_id in ids:
            self.staged.get(name, {}).pop(block_id, None)

    def abort(self, name: str) -> None:
        """Discard what is pending for a name."""
        self.staged.pop(name, None)


class KeepingContainer(FakeContainer):
    """What a gateway to such a storage does for the fence: it aborts the pending uploads of the name."""

    def __init__(self, blobs: KeepingBlobs) -> None:
        super().__init__(blobs)
        self._pending = blobs

    def empty(self, name: str, *, etag: str | None) -> str:
        """Do the first half of the fence."""
        found = super().empty(name, etag=etag)
        self._pending.abort(name)
        return found


class LeakyContainer(KeepingContainer):
    """What a gateway must not do: rely on the write alone."""

    def empty(self, name: str, *, etag: str | None) -> str:
        """Do the first half of the fence, and abort nothing."""
        return FakeContainer.empty(self, name, etag=etag)


def keep_pending(monkeypatch: pytest.MonkeyPatch, kind: type[KeepingContainer]) -> None:
    """Let every customer's container of the simulation keep pending blocks."""

    def reader(containers: FakeContainers, name: str) -> FakeBlobs:
        return containers.blobs.setdefault(name, KeepingBlobs(containers._writes))

    def opened(containers: FakeContainers, destination: Destination) -> FakeContainer:
        blobs = containers.reader(destination.storage.container)
        assert isinstance(blobs, KeepingBlobs)
        return kind(blobs)

    monkeypatch.setattr(FakeContainers, "reader", reader)
    monkeypatch.setattr(FakeContainers, "open", opened)
    monkeypatch.setattr(FakeContainers, "anew", opened)


def a_zombie(container: FakeContainer) -> StagedFile:
    """Let a worker stage a file and fall asleep before it commits it."""
    with container.upload(NAME, attempt="zombie") as upload:
        upload.stage(b"rows of an hour that has changed since")
        return StagedFile(
            Part(NAME, 1, 38, md5_base64(b"rows of an hour that has changed since")), "zombie", 1
        )


def test_a_commit_leaves_the_pending_blocks_of_others() -> None:
    """That is how such a storage differs from Azure's."""
    blobs = KeepingBlobs(Writes())
    a_zombie(KeepingContainer(blobs))

    blobs.set(NAME, b"rows")

    assert blobs.staged[NAME]


@pytest.mark.parametrize("is_there", [True, False])
def test_after_the_fence_nothing_staged_before_can_be_committed(is_there: bool) -> None:  # noqa: FBT001  a case
    """Whether the name had a file or not; and then it has none."""
    blobs = KeepingBlobs(Writes())
    container = KeepingContainer(blobs)
    zombie = a_zombie(container)
    container.fence(NAME, etag=blobs.set(NAME, b"rows") if is_there else None)

    with pytest.raises(Conflict):
        container.commit(zombie, etag=None)

    assert blobs.names() == []


@pytest.mark.slow
def test_the_promise_holds_on_a_storage_that_keeps_pending_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """In hundreds of worlds, with workers that sleep before their commits and die at them."""
    keep_pending(monkeypatch, KeepingContainer)

    for seed in range(WORLDS):
        live(seed)


def test_a_fence_that_aborts_nothing_breaks_the_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worlds notice it, so that the test before this one means something."""
    keep_pending(monkeypatch, LeakyContainer)

    with pytest.raises(BrokenPromise):
        deque(map(live, range(WORLDS)), maxlen=0)
