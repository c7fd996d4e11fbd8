"""One run in a process of its own, so that its time and its peak of memory are its own.

``python -m tests.bench.child WAY CORES FOLDER TARGET PROJECT HOUR`` exports the files of a folder into one
file and prints what that took as JSON. Each way imports only what it needs.
"""

import json
import os
import sys
import time
from pathlib import Path

# The ways to the same file. Whatever else is named is one of our options, or a step of ours after which the
# run ends.
OURS, NAIVE, FLOOR, SINK = "ours", "naive", "floor", "sink"


def run(way: str, blobs: list[Path], target: Path, project_id: int, hour: str) -> int:
    """Go one of the ways, and return the number of rows."""
    if way == NAIVE:
        from tests.bench import naive  # noqa: PLC0415  see above

        return naive.export(blobs, target, project_id, hour)
    from tests.bench import chain  # noqa: PLC0415  see above

    if way == FLOOR:
        return chain.recompress(blobs, target)
    if way == SINK:
        return _to_sink(blobs, target, project_id, hour)
    if way in chain.OPTIONS:
        return chain.export(blobs, target, project_id, hour, options=chain.OPTIONS[way])
    return chain.run_until(way, blobs, project_id, hour)


def _to_sink(blobs: list[Path], target: Path, project_id: int, hour: str) -> int:
    """Send the parts with the real client instead of writing them."""
    from contextlib import closing  # noqa: PLC0415  see above

    from exporter.storage.accounts import Account  # noqa: PLC0415  see above
    from exporter.storage.blocks import BlockPool  # noqa: PLC0415  see above
    from exporter.storage.container import CustomerContainer  # noqa: PLC0415  see above
    from tests.bench import chain  # noqa: PLC0415  see above

    with closing(Account(os.environ["BENCH_SINK"])) as account:  # noqa: TID251  the benchmark's own
        pool = BlockPool()
        container = CustomerContainer(account.blobs.get_container_client("raw"), pool)
        rows = chain.export(blobs, target, project_id, hour, options=chain.OPTIONS[OURS], container=container)
        pool.close()
    return rows


def main() -> None:
    """Run, and print the result."""
    way, cores, folder, target, project_id, hour = sys.argv[1:]
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    blobs = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    cpu, wall = time.process_time(), time.perf_counter()
    rows = run(way, blobs, Path(target), int(project_id), hour)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    from tests.bench.memory import PeakWatch  # noqa: PLC0415  it would count as part of every way

    peak = PeakWatch(os.getpid()).peak()
    print(json.dumps({"rows": rows, "cpu": cpu, "wall": wall, "peak": peak}))


if __name__ == "__main__":
    main()
