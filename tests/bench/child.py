"""One run in a process of its own, to measure its time and its peak of memory.

``python -m tests.bench.child WAY CORES FOLDER TARGET PROJECT HOUR`` exports the files of a folder into one
file and prints what that took as JSON. Each way imports only what it needs, before its time counts.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

# The ways to the same file. Every other name is one of our options, or the last step of a run of ours.
OURS, PYTHON, NAIVE, FLOOR, PARALLEL_FLOOR, SINK = "ours", "python", "naive", "floor", "parallel", "sink"


type Go = Callable[[list[Path], Path, int, str], int]


def prepared(way: str) -> Go:
    """Return the function that runs a way and returns the number of rows, with its imports done."""
    if way == NAIVE:
        from tests.bench import naive  # noqa: PLC0415  see above

        return naive.export
    from tests.bench import chain  # noqa: PLC0415  see above

    if way == FLOOR:
        return lambda blobs, target, _project_id, _hour: chain.recompress(blobs, target)
    if way == PARALLEL_FLOOR:
        return lambda blobs, target, _project_id, _hour: chain.recompress_in_parallel(blobs, target)
    if way == SINK:
        return _to_sink()
    if way in chain.OPTIONS:
        return partial(chain.export, options=chain.OPTIONS[way])
    return lambda blobs, _target, project_id, hour: chain.run_until(way, blobs, project_id, hour)


def _to_sink() -> Go:
    """Send the parts with the real client instead of writing them to a file."""
    from exporter.storage.blocks import BlockPool  # noqa: PLC0415  see above
    from exporter.storage.clients import Account  # noqa: PLC0415  see above
    from exporter.storage.customer.container import CustomerContainer  # noqa: PLC0415  see above
    from tests.bench import chain  # noqa: PLC0415  see above

    account, pool = Account(os.environ["BENCH_SINK"]), BlockPool()  # noqa: TID251  the benchmark's own
    container = CustomerContainer(account.blobs.get_container_client("raw"), pool)
    return partial(chain.export, options=chain.OPTIONS[OURS], container=container)


def main() -> None:
    """Run and print the result."""
    way, cores, folder, target, project_id, hour = sys.argv[1:]
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    blobs = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    go = prepared(way)
    cpu, wall = time.process_time(), time.perf_counter()
    rows = go(blobs, Path(target), int(project_id), hour)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    from tests.bench.memory import PeakWatch  # noqa: PLC0415  it would count as part of every way

    peak = PeakWatch(os.getpid()).peak()
    print(json.dumps({"rows": rows, "cpu": cpu, "wall": wall, "peak": peak}))


if __name__ == "__main__":
    main()
