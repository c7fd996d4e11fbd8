"""How much longer than its CPU time a program takes here: other programs use the same cores.

``python -m tests.bench.stretch`` computes a little, again and again, and prints the ratio at last: when its
input ends.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from infra.local.stack import PROJECT

_WORK, _PAUSE = 0.005, 0.05


@contextmanager
def stretched() -> Iterator[list[float]]:
    """Measure during the context; the list has the ratio afterwards, 1.0 on an idle machine."""
    command = [sys.executable, "-m", "tests.bench.stretch"]
    found = list[float]()
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            yield found
        finally:
            found.append(float(child.communicate("")[0] or 1.0))


def main() -> None:
    """Measure until the input ends."""
    over = threading.Event()

    def read() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=read, daemon=True).start()
    wall = cpu = 0.0
    while not over.wait(_PAUSE):
        begun, used = time.perf_counter(), time.thread_time()
        while time.thread_time() - used < _WORK:
            pass
        wall, cpu = wall + time.perf_counter() - begun, cpu + time.thread_time() - used
    print(wall / cpu if cpu else 1.0)


if __name__ == "__main__":
    main()
