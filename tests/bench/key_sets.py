"""The memory of the key set: the uuids of an hour, to find duplicates.

``python -m tests.bench.key_sets N`` measures N keys in a process of its own, because memory that was freed
once would be used again.
"""

import os
import random
import subprocess
import sys

from exporter.pipeline.key_set import KEY_BYTES, KeySet
from infra.local.stack import PROJECT
from tests.bench.memory import PeakWatch


def bytes_taken(count: int) -> int:
    """Return the growth in bytes of a process that adds so many different keys."""
    command = [sys.executable, "-m", "tests.bench.key_sets", str(count)]
    return int(subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE).stdout)


def main() -> None:
    """Add the keys and print the growth in bytes."""
    watch, seen, dice = PeakWatch(os.getpid()), KeySet(), random.Random(1)  # noqa: S311  no secrets
    before = watch.now()
    for _ in range(int(sys.argv[1])):
        seen.add(dice.randbytes(KEY_BYTES))
    print(watch.now() - before)


if __name__ == "__main__":
    main()
