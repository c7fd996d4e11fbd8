"""What the app sets for its whole process, before anything is built."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from exporter import wiring
from exporter.pipeline.native import scanner

PROJECT = Path(__file__).resolve().parents[2]
# Threads that allocate at the same time; the allocator then tells of its arenas.
ALLOCATE_AND_TELL = """
import ctypes, threading
from exporter import wiring
wiring.prepare_process()
together = threading.Barrier(16)
def allocate():
    together.wait()
    kept = [bytes(100_000) for _ in range(50)]
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(16)]
[each.start() for each in threads]
[each.join() for each in threads]
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""
# Blocks with small objects between them, again and again; then the growth of the process in MB.
FREE_AND_TELL = """
import psutil
from exporter import wiring
wiring.prepare_process()
process, between = psutil.Process(), []
before = process.memory_info().rss
for mib in (5, 4, 3, 2):
    blocks = []
    for _ in range(8):
        blocks.append(bytearray(b"x") * (mib * 1024 * 1024))
        between.append(b"x" * 50_000)
    blocks.clear()
print((process.memory_info().rss - before) // 1_000_000)
"""


def test_the_loggers_of_the_sdks_are_at_warning_and_ours_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the host's own level is."""
    names = ("azure.core.pipeline.policies.http_logging_policy", "msal", "urllib3", "azure.functions")
    monkeypatch.delenv("SDK_LOG_LEVEL", raising=False)

    wiring.prepare_process()
    assert {logging.getLogger(name).getEffectiveLevel() for name in names} == {logging.WARNING}
    assert logging.getLogger("exporter").level == logging.NOTSET

    monkeypatch.setenv("SDK_LOG_LEVEL", "INFO")
    wiring.prepare_process()
    assert {logging.getLogger(name).getEffectiveLevel() for name in names} == {logging.INFO}
    monkeypatch.undo()
    wiring.prepare_process()


def test_the_app_has_native_code_unless_the_setting_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the whole process, before an hour is exported."""
    before, found = scanner.library(), []
    monkeypatch.setenv("AzureWebJobsStorage", "UseDevelopmentStorage=true")
    monkeypatch.setenv("SECRETS_KEY", "A" * 43 + "=")
    try:
        for value in ("off", "on"):
            monkeypatch.setattr(wiring, "_built", None)
            monkeypatch.setenv("NATIVE_CODE", value)
            wiring.app()
            found.append(scanner.library())
    finally:
        scanner.allow(before is not None)

    assert found[0] is None
    assert found[1] is before or before is None


@pytest.mark.skipif(sys.platform != "linux", reason="it is about GNU's C library")
def test_threads_share_their_memory() -> None:
    """However many there are: what one has freed, another may use."""
    told = subprocess.run(  # noqa: S603  our own text, in our own Python
        [sys.executable, "-c", ALLOCATE_AND_TELL], cwd=PROJECT, capture_output=True, text=True, check=True
    )

    assert 1 <= told.stdout.count("<heap ") <= wiring.ARENAS_MAX


@pytest.mark.skipif(sys.platform != "linux", reason="it is about GNU's C library")
def test_the_memory_of_blocks_goes_back_to_the_system() -> None:
    """Also if something small was allocated after them. By default tens of MB stay with the process."""
    told = subprocess.run(  # noqa: S603  our own text, in our own Python
        [sys.executable, "-c", FREE_AND_TELL], cwd=PROJECT, capture_output=True, text=True, check=True
    )

    assert int(told.stdout) < 8
