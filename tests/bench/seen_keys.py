"""What the uuids of an hour, by which duplicates are known, take in memory.

``python -m tests.bench.seen_keys N`` is a process of its own for each number of them, because memory that was
given back once would be used again.
"""

import os
import random
import subprocess
import sys

from exporter.pipeline.key_set import KEY_BYTES, KeySet
from infra.local.stack import PROJECT
from tests.bench.memory import PeakWatch


def bytes_taken(count: int) -> int:
    """Return by how much a process grows that adds so many different keys."""
    command = [sys.executable, "-m", "tests.bench.seen_keys", str(count)]
    return int(subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE).stdout)


def main() -> None:
    """Add the keys, and print the growth in bytes."""
    watch, seen, dice = PeakWatch(os.getpid()), KeySet(), random.Random(1)  # noqa: S311  no secrets
    before = watch.now()
    for _ in range(int(sys.argv[1])):
        seen.add(dice.randbytes(KEY_BYTES))
    print(watch.now() - before)


if __name__ == "__main__":
    main()
