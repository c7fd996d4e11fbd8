import time
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

from azure.storage.blob import ContainerClient

from infra.local.sample import DataType, Fault, Sample, to_container, to_folder
from infra.local.sample.writers import Folder, write

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HOUR = Sample(events_per_hour=500, faults=frozenset(Fault)).hour(NOON)


def below(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def within(container: ContainerClient) -> dict[str, bytes]:
    """Return all blobs of a container by name."""
    return {name: container.download_blob(name).readall() for name in container.list_blob_names()}


def test_a_container_receives_what_a_folder_does(tmp_path: Path, container: ContainerClient) -> None:
    """The same names and bytes, whatever the order of the threads."""
    written = to_folder(tmp_path, HOUR)

    assert to_container(container, HOUR) == written
    assert within(container) == below(tmp_path)
    assert {each.name: each.size for each in written} == {
        name: len(data) for name, data in below(tmp_path).items()
    }


def test_late_files_come_on_top(tmp_path: Path, container: ContainerClient) -> None:
    """Landed later, they replace nothing."""
    to_container(container, HOUR)
    first = within(container)

    to_container(container, HOUR.late_files())

    to_folder(tmp_path, HOUR.late_files())
    assert within(container) == first | below(tmp_path)
    assert len(within(container)) == len(first) + 4


def test_landing_an_hour_again_changes_nothing(container: ContainerClient) -> None:
    """A second run of the same command writes the same files."""
    to_container(container, HOUR.files(DataType.EVENTS))
    first = within(container)

    to_container(container, HOUR.files(DataType.EVENTS), threads=1)

    assert within(container) == first


def test_a_blob_too_large_for_memory_is_put_in_blocks(tmp_path: Path, container: ContainerClient) -> None:
    """It is the same as in a folder."""
    hour = Sample(events_per_hour=25_000, blobs_per_hour=1, gzip_level=0, merges_per_hour=0).hour(NOON)

    (written,) = to_container(container, hour)

    to_folder(tmp_path, hour)
    assert written.size > 40_000_000
    assert within(container) == below(tmp_path)


def test_several_processes_write_what_one_does(tmp_path: Path) -> None:
    """Each writes a share of the files, and all of them are listed."""
    alone = write(Folder(tmp_path / "one"), [HOUR])

    assert write(Folder(tmp_path / "two"), [HOUR], processes=2) == sorted(alone, key=lambda each: each.name)
    assert below(tmp_path / "two") == below(tmp_path / "one")


def test_a_large_hour_is_made_in_little_memory() -> None:
    """An hour of ten million events in one blob: memory does not grow with the written bytes."""
    (file,) = Sample(events_per_hour=10_000_000, blobs_per_hour=1).hour(NOON).files(DataType.EVENTS)
    chunks = file.chunks
    peaks = []
    made = 0

    tracemalloc.start()
    try:
        for goal in (2_000_000, 4_000_000):
            tracemalloc.reset_peak()
            while made < goal:
                made += len(next(chunks))
            peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()

    assert max(peaks) < 40_000_000
    assert peaks[1] - peaks[0] < 10_000_000


def test_the_truth_of_a_large_hour_takes_moments() -> None:
    """Counts need no rows, and uuids need no other fields."""
    truth = Sample(events_per_hour=10_000_000).hour(NOON).truth()
    ids = truth.event_ids()

    begin = time.monotonic()
    assert truth.counts().exported == 10_000_000
    assert len({next(ids) for _ in range(100_000)}) == 100_000
    assert time.monotonic() - begin < 10
