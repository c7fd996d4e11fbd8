"""Native code on hostile lines: it accepts a line only if Python does, and writes the same bytes."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exporter.pipeline.native import scanner
from infra.local import native
from tests.support import native_fuzz
from tests.support.native_fuzz import COVERAGE, fuzz

PROJECT = Path(__file__).resolve().parents[2]
# Ten seconds of processor time, and twenty minutes.
LINES, MANY_LINES, MANY_LINES_SECONDS_MAX = 100_000, 10_000_000, 3600
SANITIZED_LINES = 200_000
SYSTEM = platform.system(), platform.machine()
COUNTING = ("-O1", "-fno-sanitize=undefined", "-fsanitize-coverage=inline-8bit-counters")
# Most mutated lines are wrong. Some branches need numbers of a thousand digits, or wrong arguments.
ACCEPTED_SHARE_MIN, BRANCHES_SHARE_MIN = 0.1, 0.8


@pytest.mark.parametrize(
    "lines",
    [
        LINES,
        pytest.param(MANY_LINES, marks=[pytest.mark.slow, pytest.mark.timeout(MANY_LINES_SECONDS_MAX)]),
    ],
)
def test_mutated_lines_are_left_to_python_or_exported_as_python_does(tmp_path: Path, lines: int) -> None:
    """Lines that reach a branch that no line before them has reached are mutated further."""
    if SYSTEM not in native.TARGETS or (command := native.zig(native.TARGETS[SYSTEM])) is None:
        pytest.skip("only the package ziglang counts branches")
    library = tmp_path / "counting.so"
    native.build(command, library, COUNTING, [COVERAGE])
    opened = scanner.opened(library)
    assert opened

    found = fuzz(opened, lines, seed=lines)

    print(found)  # noqa: T201  with -s: what was reached
    assert found.accepted > ACCEPTED_SHARE_MIN * lines
    assert found.branches > BRANCHES_SHARE_MIN * found.all_branches


@pytest.mark.slow
@pytest.mark.timeout(900)  # sanitizers take time, and Python with them
def test_native_code_reads_and_writes_only_its_own_memory(tmp_path: Path) -> None:
    """As far as the sanitizers for addresses and for undefined behaviour see, which end the program."""
    compiler = native.system_compiler()
    if sys.platform != "linux" or compiler is None:
        pytest.skip("the sanitizers are those of the system's compiler, on Linux")
    library = tmp_path / "sanitized.so"
    native.build([compiler], library, native.SANITIZED)
    asan = subprocess.run(  # noqa: S603  the system's compiler
        [compiler, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    environ = {
        "PATH": os.environ["PATH"],  # noqa: TID251  the program's own
        "LD_PRELOAD": asan,
        # Each object of Python in memory of its own, so that the sanitizer sees where it ends.
        "PYTHONMALLOC": "malloc",
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    ran = subprocess.run(  # noqa: S603  our own program
        [sys.executable, "-m", native_fuzz.__name__, str(library), str(SANITIZED_LINES)],
        cwd=PROJECT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr[-4000:]
    assert f"lines={SANITIZED_LINES}," in ran.stdout


@pytest.mark.slow
@pytest.mark.parametrize("system", native.TARGETS, ids=" ".join)
def test_native_code_is_built_for_every_system_on_every_other(
    tmp_path: Path, system: tuple[str, str]
) -> None:
    """The compiler brings the headers and libraries of all of them."""
    command = native.zig(native.TARGETS[system])
    if command is None:
        pytest.skip("the package ziglang is not installed")
    library = tmp_path / "scan.so"
    native.build(command, library)
    magic = {"Linux": b"\x7fELF", "Darwin": b"\xcf\xfa\xed\xfe", "Windows": b"MZ"}

    assert library.read_bytes().startswith(magic[system[0]])
    assert b"scan_events" in library.read_bytes()


def test_without_a_compiler_the_files_are_missing_and_nothing_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """``make setup`` prints a warning for each file; with ``--strict`` the exit status is 1."""
    monkeypatch.setattr(native, "compiler_for", lambda *_: None)
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", ["native"])

    assert native.main() == 0
    assert "warning: scan-linux-x86_64.so was not built" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["native", "--strict"])
    assert native.main() == 1


def test_a_source_that_does_not_compile_leaves_the_file_as_it_was(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The warning has the compiler's words."""
    compiler = native.compiler_for(*SYSTEM)
    if compiler is None or shutil.which(compiler[0]) is None:
        pytest.skip("no C compiler")
    source = tmp_path / "scan.c"
    source.write_text("this is no C")
    monkeypatch.setattr(native, "SOURCE", source)
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    monkeypatch.setattr(native, "AZURE", SYSTEM)
    monkeypatch.setattr(sys, "argv", ["native"])
    built = tmp_path / scanner.file_name(*SYSTEM)
    built.write_bytes(b"as before")

    assert native.main() == 0
    assert "error" in capsys.readouterr().err
    assert built.read_bytes() == b"as before"
