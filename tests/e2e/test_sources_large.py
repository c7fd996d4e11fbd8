"""An answer of gigabytes: little memory, no large file on the disk, each row once."""

import base64
import gzip
import random
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Self

import pytest

from infra.local.export_api import Member, Project, answers
from infra.local.export_api.archive import member_name
from tests.bench.memory import PeakWatch
from tests.support.clocks import COMPILER
from tests.support.live_source import API_KEY, SAMPLE, SECRET_KEY, live_source

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COMPILER is None, reason="no C compiler makes what sets clocks: install gcc"),
    pytest.mark.timeout(3600),
]
MIB = 1024 * 1024
MEMBERS = 8
# The size of the zip in MiB, and that of the noise of a row in bytes.
LARGE = {"2 GB": (2048, MIB), "more rows than keys fit into memory": (600, 1536)}
# The beginning of a row, as a gzip member.
ROW_OVERHEAD_BYTES = 190
MEMORY_BYTES_MAX = 128 * MIB
FILE_BYTES_MAX = 100 * MIB
PULL_SECONDS_MAX = 3000.0


def large_member(hour_text: str, first: int, end: int, noise: bytes) -> Iterator[bytes]:
    """Yield a gzip file with a row for each number, which ends with noise; it has several gzip members."""
    for number in range(first, end):
        row = (
            f'{{"app":{SAMPLE.project_id},"uuid":"00000000-0000-4000-8000-{number:012d}","event_type":"large",'
            f'"event_time":"{hour_text}","server_upload_time":"{hour_text}","event_properties":{{"noise":"'
        )
        yield gzip.compress(row.encode(), 1) + noise


class LargestFile:
    """Looks at a folder again and again; ``bytes`` is the size of the largest file that it has seen."""

    def __init__(self, folder: Path) -> None:
        self.bytes = 0
        self._folder = folder
        self._stop = Event()
        self._thread = Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.2):
            sizes = [path.lstat().st_size for path in self._folder.rglob("*")]
            self.bytes = max([self.bytes, *sizes])


@pytest.mark.parametrize(("zip_mib", "row_bytes"), LARGE.values(), ids=LARGE)
def test_a_large_answer_needs_little_memory_and_no_disk(tmp_path: Path, zip_mib: int, row_bytes: int) -> None:
    """The rows are in landing, each once; the worker's memory grows by less than 128 MiB.

    A small hour does not wait for the large one.
    """
    noise = random.Random(1).randbytes(row_bytes)  # noqa: S311  any bytes will do
    noise = gzip.compress(base64.b64encode(noise) + b'"}}\n', 1)
    rows = zip_mib * MIB // (len(noise) + ROW_OVERHEAD_BYTES)
    edges = [rows * number // MEMBERS for number in range(MEMBERS + 1)]
    temporary, data = tmp_path / "tmp", tmp_path / "azurite"
    temporary.mkdir()
    data.mkdir()
    project = Project(SAMPLE.project_id, API_KEY, SECRET_KEY)
    with live_source(tmp_path, project, data=data) as place:
        hour = f"{place.hour(0):%Y-%m-%d %H}:10:00.000000"
        members = [
            Member(
                member_name(SAMPLE.project_id, place.hour(0), 7 * number),
                partial(large_member, hour, edges[number], edges[number + 1], noise),
            )
            for number in range(MEMBERS)
        ]
        place.api.always(place.hour(0), answers.rows(members, compressed=False))
        place.publish(1)
        place.at(1)
        with place.app(TMPDIR=str(temporary)) as app, LargestFile(temporary) as largest:
            app.create()
            worker = app.running.worker
            with PeakWatch(worker.pid) as memory:
                before, seen, begun = memory.peak(), set[tuple[str, ...]](), time.monotonic()
                app.pull_tick()
                while "pulled" not in app.statuses(0, 0) and time.monotonic() - begun < PULL_SECONDS_MAX:
                    seen.add(tuple(app.statuses(0, 1)))
                    time.sleep(2)
                taken, grown = time.monotonic() - begun, memory.peak() - before
            (pulled, _) = app.hours(0, 1)
            same_worker = app.running.worker.pid == worker.pid
        print(f"{zip_mib} MiB, {rows:,} rows: {taken:.0f} s, {grown / MIB:.0f} MiB more")  # noqa: T201  to be read

        assert (pulled["status"], pulled["rows"], pulled["blobs"]) == ("pulled", rows, MEMBERS)
        assert ("pulling", "pulled") in seen
        assert same_worker
        assert grown < MEMORY_BYTES_MAX
        assert largest.bytes < FILE_BYTES_MAX
        assert [each.status for each in place.requests(0)] == [200]
        assert place.stored_answers() == []
