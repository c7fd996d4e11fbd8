import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from exporter.pipeline.threads import COUNT_MAX, Threads
from infra.local.stack import PROJECT


@pytest.mark.parametrize(("cores", "count"), [("1", 1), ("3", 3), ("64", COUNT_MAX)])
def test_there_are_as_many_threads_as_cores(cores: str, count: int) -> None:
    """Up to a limit; ``-X cpu_count`` tells Python the number of cores."""
    program = "from exporter.pipeline.threads import SHARED; print(SHARED.count)"
    command = [sys.executable, "-X", f"cpu_count={cores}", "-c", program]
    answer = subprocess.run(  # noqa: S603  this Python
        command, cwd=PROJECT, stdout=subprocess.PIPE, check=True
    )

    assert int(answer.stdout) == count


def test_one_core_has_no_threads() -> None:
    """The work is done by the caller, at once."""
    done: list[int] = []
    result = Threads(1).submit(lambda: done.append(threading.get_ident()))

    assert done == [threading.get_ident()]
    assert result() is None


def test_work_is_done_by_another_thread() -> None:
    """The result is that of the work, for arguments of any kind."""

    def work(base: int, *, exponent: int) -> tuple[int, int]:
        return base**exponent, threading.get_ident()

    value, where = Threads(2).submit(work, 2, exponent=5)()

    assert value == 32
    assert where != threading.get_ident()


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_of_the_work_is_raised(count: int) -> None:
    """By one core at once, by a thread when the result is asked for."""

    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        Threads(count).submit(fail)()


def test_many_callers_share_the_threads() -> None:
    """Eight exports at once have as many threads as one."""
    threads = Threads(2)
    with ThreadPoolExecutor(8) as exports:
        seen = list(exports.map(lambda _: threads.submit(threading.get_ident)(), range(200)))

    assert 1 <= len(set(seen)) <= 2
