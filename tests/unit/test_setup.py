"""Set-up on an unknown machine: make finds a working Python 3.13, or says how to get one."""

import json
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from exporter.pipeline.native.scanner import file_name
from infra.local.native import AZURE

PROJECT = Path(__file__).resolve().parents[2]
SH = shutil.which("sh") or "/bin/sh"
MAKEFILE = (PROJECT / "Makefile").read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return the only folder on the PATH: with the shell's companions, and without any Python."""
    for tool in ("head", "cat"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or f"/usr/bin/{tool}")
    return tmp_path


def install(machine: Path, name: str, script: str) -> None:
    """Put a command on the machine."""
    path = machine / name
    path.write_text(f"#!{SH}\n{script}\n")
    path.chmod(0o755)


def find_python(machine: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Search for Python as the Makefile does."""
    script = PROJECT / "infra/local/find-python.sh"
    environ = {"PATH": str(machine), **variables}
    return subprocess.run([SH, str(script)], env=environ, capture_output=True, text=True, check=False)  # noqa: S603  our own script


def test_without_any_candidate_the_ways_to_one_are_named(machine: Path) -> None:
    """The build stops there, with exit status 1."""
    found = find_python(machine)

    assert (found.returncode, found.stdout) == (1, "")
    assert "No working Python 3.13" in found.stderr
    assert "uv python install 3.13" in found.stderr


def test_a_shim_that_fails_and_a_python_that_is_too_old_are_passed_over(machine: Path) -> None:
    """A name on the PATH may be a shim; here only uv has a Python that runs."""
    install(machine, "python3.13", "echo 'command not found' >&2; exit 127")
    install(machine, "python3", "exit 1")
    install(machine, "uv", f"echo {sys.executable}")

    assert find_python(machine).stdout.strip() == sys.executable


def test_pyenv_is_asked_where_its_python_3_13_lies(machine: Path) -> None:
    """Even if its shim is not active in this folder."""
    prefix = machine / "versions" / "3.13"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python3.13").symlink_to(sys.executable)
    install(machine, "pyenv", f"echo {prefix}")

    assert find_python(machine).stdout.strip() == f"{prefix}/bin/python3.13"


def test_a_python_named_by_the_caller_comes_first(machine: Path) -> None:
    """``make PYTHON=…`` decides."""
    assert find_python(machine, PYTHON=sys.executable).stdout.strip() == sys.executable


def test_the_lock_file_of_the_storage_emulator_names_no_registry() -> None:
    """So npm installs it from the registry that the machine uses."""
    lock = json.loads((PROJECT / "package-lock.json").read_text())

    assert lock["packages"]
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []


def locked() -> dict[str, list[str]]:
    """Return what is deployed: each version with the lines of its hashes."""
    text = (PROJECT / "requirements.txt").read_text().replace("\\\n", "")
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return {line[0]: [each for each in line if each.startswith("--hash")] for line in lines}


def test_what_is_deployed_is_pinned_to_the_file() -> None:
    """A later build runs the tested code, whatever the registry has by then."""
    found = locked()

    assert len(found) > 20
    assert [name for name in found if not re.fullmatch(r"[A-Za-z0-9._-]+==[^=*]+", name)] == []
    for hashes in found.values():
        assert hashes
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each) for each in hashes)


def test_what_is_deployed_is_what_the_app_asks_for() -> None:
    """After a change of requirements.in, make lock has to run."""
    asked = (PROJECT / "requirements.in").read_text().splitlines()
    versions = {line.lower() for line in asked if line and not line.startswith("#")}

    assert versions
    assert versions <= {name.lower() for name in locked()}


def test_what_is_deployed_is_installed_from_the_registry_of_the_machine() -> None:
    """The file names no registry, and its only option is the hash."""
    text = (PROJECT / "requirements.txt").read_text()

    assert "//" not in text
    assert set(re.findall(r"--[a-z-]+", text)) == {"--hash"}


def test_what_is_deployed_is_the_app_and_nothing_else() -> None:
    """All other files of the project are left out, keys of a local set-up in particular."""
    patterns = [line.rstrip("/") for line in (PROJECT / ".funcignore").read_text().splitlines()]
    names = [path.name for path in PROJECT.iterdir()]
    names += ["local.settings.json", ".venv", "node_modules", ".azurite", "bench-data", "__pycache__"]
    left_out = {name for name in names if any(fnmatch(name, pattern) for pattern in patterns)}

    assert set(names) - left_out == {"exporter", "function_app.py", "host.json", "requirements.txt"}


def test_the_native_code_and_its_sources_are_part_of_the_package() -> None:
    """A file that is not of the same version as its sources is not used."""
    patterns = [line.rstrip("/") for line in (PROJECT / ".funcignore").read_text().splitlines()]

    for name in ("scan.c", "keys.c", file_name(*AZURE)):
        assert not any(fnmatch(name, pattern) for pattern in patterns), name
    assert all((PROJECT / "exporter/pipeline/native" / name).exists() for name in ("scan.c", "keys.c"))


def test_a_package_without_native_code_is_a_warning(machine: Path) -> None:
    """The hook of azd does not fail without a Python, nor if the code cannot be built."""
    script = [SH, str(PROJECT / "infra/azure/native-code.sh")]
    hooks = (PROJECT / "azure.yaml").read_text()
    assert hooks.index("prepackage") < hooks.index("native-code.sh") < hooks.index("preprovision")
    environ = {"PATH": str(machine)}
    for python in (None, "exit 1"):
        if python:
            install(machine, "python3", python)
        run = subprocess.run(script, cwd=machine, env=environ, capture_output=True, text=True, check=False)  # noqa: S603  our own script
        assert run.returncode == 0
        assert "warning: the package has no native code" in run.stderr

    install(machine, "python3.13", 'echo "$@"')
    run = subprocess.run(script, cwd=machine, env=environ, capture_output=True, text=True, check=False)  # noqa: S603  our own script
    assert (run.stdout, run.stderr) == ("-m infra.local.native --strict\n", "")


def test_of_the_console_only_what_is_built_is_deployed() -> None:
    """By azd and by the package that the workflows and the guide make."""
    ignored = [line.rstrip("/") for line in (PROJECT / ".funcignore").read_text().splitlines()]
    folder = PROJECT / "exporter/console"
    sources = {f"exporter/console/{path.name}" for path in folder.iterdir() if path.name != "static"}

    assert {name for name in ignored if name.startswith("exporter/")} == sources
    assert "node exporter/console/build.mjs" in (PROJECT / "azure.yaml").read_text()
    assert "exporter/console/static/" in (PROJECT / ".gitignore").read_text().splitlines()
    assert not any(fnmatch("exporter/console/static", pattern) for pattern in ignored)


def test_there_is_one_way_to_make_the_package() -> None:
    """``make package``, which builds console and native code first; no other list of what is deployed."""
    rule = re.search(r"^package: (.*)\n\t(.*)$", MAKEFILE, re.MULTILINE)
    assert rule
    assert rule[1] == "setup"
    assert "$(CONSOLE) $(NATIVE_READY)" in MAKEFILE.partition("\nsetup: ")[2].partition("\n")[0]
    assert "-m infra.local.package package.zip" in rule[2]

    for path in (PROJECT / ".github/workflows").glob("*.yml"):
        if "package.zip" in (text := path.read_text()):
            assert text.index("- run: make package\n") < text.index("package.zip"), path.name
    release = (PROJECT / ".github/workflows/release.yml").read_text()
    assert release.index("infra.local.native --strict\n") < release.index("make package")
    guides = [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")]
    for path in (*guides, *PROJECT.glob(".github/workflows/*")):
        assert not re.search(r"^ *(zip|7z|tar) .*package", path.read_text(), re.MULTILINE), path.name
