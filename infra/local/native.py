"""Builds the native code of the exporter: ``python -m infra.local.native``, or ``make native``.

One file is for the Linux of Azure Functions; if this system is another one, it gets a second file. The
compiler is that of the package ``ziglang``, which builds for every system on every other one. Without it, the
system's compiler builds for this system. Without any, this prints a warning: Python does the same, slower.
"""

import argparse
import importlib.util
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from exporter.pipeline.native.scanner import FOLDER, KEYS_SOURCE, SOURCE, file_name, source_digest

AZURE = ("Linux", "x86_64")
"""The system and the processor of Azure Functions."""
# Explicit targets: zig's default is the processor of this machine, and such a file may crash on another one.
# The version is that of the C library: older than that of any Linux that runs Python 3.13.
TARGETS = {
    AZURE: "x86_64-linux-gnu.2.17",
    ("Linux", "aarch64"): "aarch64-linux-gnu.2.17",
    ("Darwin", "arm64"): "aarch64-macos",
    ("Darwin", "x86_64"): "x86_64-macos",
    ("Windows", "AMD64"): "x86_64-windows-gnu",
}
_WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wno-sign-conversion", "-Werror")
_SHARED = ("-fPIC", "-shared")
_FAST = ("-O3", "-fno-sanitize=undefined")
# With a line of the source for each finding, and an end at the first one.
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


class NotBuiltError(Exception):
    """The compiler failed. The message is its output."""


def zig(target: str) -> list[str] | None:
    """Return the command that compiles C for a target; None without the package ``ziglang``."""
    if importlib.util.find_spec("ziglang") is None:
        return None
    return [sys.executable, "-m", "ziglang", "cc", "-target", target]


def system_compiler() -> str | None:
    """Return the path of the system's C compiler; None if there is none."""
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def compiler_for(system: str, machine: str) -> list[str] | None:
    """Return the command that compiles C for a system; None if nothing here does."""
    if (target := TARGETS.get((system, machine))) and (command := zig(target)):
        return command
    found = system_compiler()
    return [found] if found and (system, machine) == (platform.system(), platform.machine()) else None


def build(
    command: Sequence[str], target: Path, flags: Sequence[str] = _FAST, more: Sequence[Path] = ()
) -> None:
    """Build the library, with ``more`` sources; ``NotBuiltError`` if that fails.

    The file appears whole, under its name, or not at all.
    """
    made = target.with_suffix(".new")
    named = f'-DSCAN_SOURCE="{source_digest()}"'
    called = [*command, *_WARNINGS, *_SHARED, *flags, named, "-o", str(made)]
    called += map(str, (SOURCE, KEYS_SOURCE, *more))
    run = subprocess.run(called, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if run.returncode:
        raise NotBuiltError(run.stdout)
    made.replace(target)


def build_for(system: str, machine: str) -> str | None:
    """Build the library for a system; return why that was not possible."""
    command = compiler_for(system, machine)
    if command is None:
        return "no C compiler for it: install the package ziglang"
    try:
        build(command, FOLDER / file_name(system, machine))
    except NotBuiltError as error:
        return str(error)
    return None


def main() -> int:
    """Build both files. A file that cannot be built is a warning, since the app runs without it."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.native", description="Build the native code."
    )
    parser.add_argument("--strict", action="store_true", help="exit status 1 if a file was not built")
    strict = parser.parse_args().strict
    failed = False
    for system, machine in dict.fromkeys([AZURE, (platform.system(), platform.machine())]):
        name = file_name(system, machine)
        if why := build_for(system, machine):
            failed = True
            print(f"warning: {name} was not built; rows take longer without it: {why}", file=sys.stderr)
        else:
            print(f"Native code: {name}")
    return int(failed and strict)


if __name__ == "__main__":
    sys.exit(main())
